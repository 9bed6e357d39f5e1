/* Whether a device is trusted, and what is remembered of it between runs (kept.h). */
#ifndef FC_BACKEND_VULKAN_TRUST_H
#define FC_BACKEND_VULKAN_TRUST_H

#include "backend/vulkan/device.h"

/* Looks for the device's file in the folder; NULL: nothing is remembered. Before pipelines are opened. */
void vk_recall(fc_dev *dev, const char *cache_dir);
/* Switches off what is known to be wrong, or finds it out by the self-test; software is for tests, which
 * compare everything. UNSUPPORTED: wrong in float32 too. */
fc_status vk_trust(fc_dev *dev) FC_MUST_USE;
/* Writes the file when there is more to remember than it says. */
void vk_remember(fc_dev *dev);

#endif
