/* Batches: operations are recorded, with barriers where they touch what an earlier one wrote, and sent to the
 * device when a batch is full or somebody waits. */
#ifndef FC_BACKEND_VULKAN_BATCH_H
#define FC_BACKEND_VULKAN_BATCH_H

#include "backend/vulkan/device.h"

/* One operand of a dispatch; part.block may be NULL for a binding that the shader does not touch. */
typedef struct vk_operand {
    vk_piece part;
    bool write;
} vk_operand;

typedef struct vk_dispatch {
    VkPipeline pipeline;
    vk_operand operand[VK_BINDINGS];
    const void *push;
    uint32_t push_bytes;
    uint32_t groups[3];
    double work; /* FLOP, or what takes as long */
} vk_dispatch;

fc_status vk_batches_open(fc_dev *dev);
void vk_batches_close(fc_dev *dev);
fc_status vk_batch_dispatch(fc_dev *dev, const vk_dispatch *d) FC_MUST_USE;
fc_status vk_batch_copy(fc_dev *dev, vk_piece to, vk_piece from) FC_MUST_USE; /* from.size bytes */
fc_status vk_batch_fill(fc_dev *dev, vk_piece to, uint32_t word) FC_MUST_USE;
/* `size` bytes of the current batch's staging memory, at most VK_STAGING_BYTES; piece: the same for copies.
 */
fc_status vk_batch_stage(fc_dev *dev, size_t size, char **mapped, vk_piece *piece) FC_MUST_USE;
/* Sends what is recorded. */
fc_status vk_batch_submit(fc_dev *dev) FC_MUST_USE;
/* Waits for everything up to the batch `serial`. CANCELLED when dev->cancel asks. */
fc_status vk_batch_wait(fc_dev *dev, uint64_t serial) FC_MUST_USE;
fc_status vk_batch_finish(fc_dev *dev) FC_MUST_USE; /* submit, and wait for all */
/* FLOP that a dispatch may have so that it runs some 50 ms. */
double vk_batch_work_limit(const fc_dev *dev);

#endif
