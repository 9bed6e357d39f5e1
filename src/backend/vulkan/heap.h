/* Device memory: blocks from the driver, cut into pieces. Over it lie batches, which it knows by their
 * numbers only: what they may still touch is given back when dev->done has passed them. */
#ifndef FC_BACKEND_VULKAN_HEAP_H
#define FC_BACKEND_VULKAN_HEAP_H

#include "backend/vulkan/device.h"

fc_status vk_heap_open(fc_dev *dev, uint64_t limit);
void vk_heap_close(fc_dev *dev);
/* A piece of at least size bytes, aligned to 256, from what is free now; memory.h waits for more. */
VkResult vk_heap_take(fc_dev *dev, uint64_t size, vk_piece *out) FC_MUST_USE;
/* Gives blocks without pieces back to the driver. */
void vk_heap_trim(fc_dev *dev);
/* Gives a piece back once everything recorded so far is done. */
void vk_piece_free(fc_dev *dev, vk_piece *piece);
/* Gives back what waited for batches up to dev->done. */
void vk_deferred_run(fc_dev *dev);
/* A buffer of its own memory that the host maps. */
fc_status vk_host_buffer(fc_dev *dev, size_t size, VkBuffer *buffer, VkDeviceMemory *memory,
                         void **mapped) FC_MUST_USE;

#endif
