/* Whether a card computes what it should. */
#ifndef FC_BACKEND_VULKAN_SELFTEST_H
#define FC_BACKEND_VULKAN_SELFTEST_H

#include "backend/vulkan/device.h"

/* A product, attention and a norm in every type that the device has, against loops on the processor.
 * UNSUPPORTED: wrong, dev->why tells what. Takes the making of some ten pipelines. */
fc_status vk_selftest(fc_dev *dev) FC_MUST_USE;

#endif
