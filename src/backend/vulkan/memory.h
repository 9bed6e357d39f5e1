/* Pieces of device memory, waited for when it is short, and the host addresses that stand for it. */
#ifndef FC_BACKEND_VULKAN_MEMORY_H
#define FC_BACKEND_VULKAN_MEMORY_H

#include "backend/vulkan/heap.h"

/* A piece of at least size bytes, aligned to 256. When memory is short, waits for batches whose end frees
 * some. NOMEM. */
fc_status vk_piece_alloc(fc_dev *dev, uint64_t size, vk_piece *out) FC_MUST_USE;
/* Addresses without memory: it comes, in steps, when vk_locate is asked for a part. */
fc_status vk_addresses(fc_dev *dev, size_t size, void **out) FC_MUST_USE;
void vk_addresses_close(fc_dev *dev);
/* The table's mem_alloc and mem_free. */
fc_status vk_mem_alloc(fc_dev *dev, size_t size, void **out);
void vk_mem_free(fc_dev *dev, void *p, size_t size);
/* Where the bytes [p, p + size) lie; backs them with memory when they have none. */
fc_status vk_locate(fc_dev *dev, const void *p, uint64_t size, vk_piece *out) FC_MUST_USE;

#endif
