/* Recording, barriers, submitting, waiting: see batch.h. */
#include "backend/vulkan/batch.h"

#include <string.h>
#include "backend/vulkan/heap.h"
#include "base/clock.h"

#define WAIT_SLICE_NS 20000000u /* how long a stop may go unseen */
/* A batch was made for a tenth of a second: one that takes longer than this hangs. Software compiles its
 * shaders while it seems to work, perhaps on a busy machine. */
#define STUCK_SECONDS          60.0
#define STUCK_SECONDS_SOFTWARE 1800.0
#define DISPATCH_SECONDS       0.05
#define BATCH_SECONDS          0.1
#define FIRST_WORK             2e9 /* FLOP of a dispatch before any speed is known: 0.1 s on the slowest cards */
#define FIRST_WORK_CPU         2e8 /* the same for drivers that compute on the CPU */
#define MIN_WORK               2e7
#define MAX_WORK               2e11

/* ---- opening ---- */

static VkResult open_batch(fc_dev *dev, vk_batch *b)
{
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
                                    .queueFamilyIndex = dev->caps.family};
    VkResult r = dev->f.CreateCommandPool(dev->handle, &pool, NULL, &b->pool);
    if (r) return r;
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = b->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    r = dev->f.AllocateCommandBuffers(dev->handle, &commands, &b->commands);
    if (r) return r;
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, VK_BATCH_OPS * VK_BINDINGS};
    VkDescriptorPoolCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = VK_BATCH_OPS,
                                       .poolSizeCount = 1,
                                       .pPoolSizes = &size};
    r = dev->f.CreateDescriptorPool(dev->handle, &sets, NULL, &b->sets);
    if (r) return r;
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    return dev->f.CreateFence(dev->handle, &fence, NULL, &b->fence);
}

fc_status vk_batches_open(fc_dev *dev)
{
    dev->serial = 1;
    for (int i = 0; i < VK_BATCHES; i++) {
        VkResult r = open_batch(dev, &dev->batch[i]);
        if (r) return vk_fail(dev, r, "command buffers");
        void *mapped = NULL;
        fc_status status = vk_host_buffer(dev, VK_STAGING_BYTES, &dev->batch[i].staging,
                                          &dev->batch[i].staging_memory, &mapped);
        if (status) return status;
        dev->batch[i].mapped = mapped;
    }
    return FC_OK;
}

void vk_batches_close(fc_dev *dev)
{
    for (int i = 0; i < VK_BATCHES; i++) {
        vk_batch *b = &dev->batch[i];
        if (b->fence) dev->f.DestroyFence(dev->handle, b->fence, NULL);
        if (b->sets) dev->f.DestroyDescriptorPool(dev->handle, b->sets, NULL);
        if (b->pool) dev->f.DestroyCommandPool(dev->handle, b->pool, NULL);
        if (b->staging) dev->f.DestroyBuffer(dev->handle, b->staging, NULL);
        if (b->staging_memory) dev->f.FreeMemory(dev->handle, b->staging_memory, NULL);
    }
}

/* ---- waiting ---- */

/* What a batch that was seen to end tells of the device's speed. */
static void learn_speed(fc_dev *dev, const vk_batch *b, double now)
{
    double from = b->submitted > dev->last_done ? b->submitted : dev->last_done, took = now - from;
    dev->last_done = now;
    if (b->work < MIN_WORK || took < 1e-3) return;
    double speed = b->work / took;
    dev->speed = dev->speed > 0 ? 0.7 * dev->speed + 0.3 * speed : speed;
}

static fc_status wait_for(fc_dev *dev, vk_batch *b, bool may_stop)
{
    double started = fc_now(), stuck = dev->caps.slow ? STUCK_SECONDS_SOFTWARE : STUCK_SECONDS;
    while (b->pending) {
        VkResult r = vk_inject(dev, "wait", VK_SUCCESS);
        if (!r) r = dev->f.WaitForFences(dev->handle, 1, &b->fence, VK_TRUE, WAIT_SLICE_NS);
        if (r == VK_TIMEOUT) {
            if (may_stop && dev->cancel && __atomic_load_n(dev->cancel, __ATOMIC_RELAXED))
                return vk_fail_text(dev, FC_CANCELLED, "stopped");
            if (fc_now() - started < stuck) continue;
            r = VK_ERROR_DEVICE_LOST;
        }
        if (r) return vk_fail(dev, r, "waiting for the graphics card");
        learn_speed(dev, b, fc_now());
        b->pending = false;
        if (b->serial > dev->done) dev->done = b->serial;
    }
    vk_deferred_run(dev);
    return FC_OK;
}

fc_status vk_batch_wait(fc_dev *dev, uint64_t serial)
{
    for (int i = 1; i <= VK_BATCHES; i++) { /* oldest first */
        vk_batch *b = &dev->batch[(dev->current + i) % VK_BATCHES];
        if (!b->pending || b->serial > serial) continue;
        fc_status status = wait_for(dev, b, true);
        if (status) return status;
    }
    return FC_OK;
}

fc_status vk_batch_finish(fc_dev *dev)
{
    fc_status status = vk_batch_submit(dev);
    return status ? status : vk_batch_wait(dev, UINT64_MAX);
}

double vk_batch_work_limit(const fc_dev *dev)
{
    double work =
        dev->speed > 0 ? dev->speed * DISPATCH_SECONDS : (dev->caps.software ? FIRST_WORK_CPU : FIRST_WORK);
    work *= dev->share;
    if (work < MIN_WORK) work = MIN_WORK;
    if (work > MAX_WORK) work = MAX_WORK;
    return dev->max_work > 0 && dev->max_work < work ? dev->max_work : work;
}

/* ---- recording ---- */

static void barrier(fc_dev *dev, vk_batch *b)
{
    const VkAccessFlags all = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                              VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                              .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                              .dstAccessMask = all};
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    dev->f.CmdPipelineBarrier(b->commands, stages, stages, 0, 1, &memory, 0, NULL, 0, NULL);
    dev->accesses = 0;
}

static fc_status begin(fc_dev *dev, vk_batch *b)
{
    if (b->recording) return FC_OK;
    fc_status status = wait_for(dev, b, true);
    if (status) return status;
    VkResult r = dev->f.ResetFences(dev->handle, 1, &b->fence);
    if (!r) r = dev->f.ResetCommandPool(dev->handle, b->pool, 0);
    if (!r) r = dev->f.ResetDescriptorPool(dev->handle, b->sets, 0);
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                     .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    if (!r) r = dev->f.BeginCommandBuffer(b->commands, &info);
    if (r) return vk_fail(dev, r, "recording");
    b->recording = true;
    b->staged = 0;
    b->ops = 0;
    b->work = 0;
    b->serial = dev->serial;
    barrier(dev, b); /* behind whatever the batch before did */
    return FC_OK;
}

/* The batch to record into, with room for one more operation. */
static fc_status room(fc_dev *dev, double work, vk_batch **out)
{
    *out = NULL;
    if (dev->status) return dev->status;
    vk_batch *b = &dev->batch[dev->current];
    bool full =
        b->ops >= dev->max_ops ||
        (b->ops > 0 && b->work + work > vk_batch_work_limit(dev) * (BATCH_SECONDS / DISPATCH_SECONDS));
    if (b->recording && full) {
        fc_status status = vk_batch_submit(dev);
        if (status) return status;
        b = &dev->batch[dev->current];
    }
    *out = b;
    return begin(dev, b);
}

static bool conflicts(const fc_dev *dev, const vk_access *a)
{
    for (int i = 0; i < dev->accesses; i++) {
        const vk_access *o = &dev->access[i];
        if (o->buffer == a->buffer && (o->write || a->write) && o->first < a->end && a->first < o->end)
            return true;
    }
    return false;
}

/* A barrier when one of the accesses meets an earlier one of which either writes. */
static void order(fc_dev *dev, vk_batch *b, const vk_access *list, int count)
{
    bool wait = dev->accesses + count > VK_MAX_ACCESSES;
    for (int i = 0; i < count && !wait; i++) wait = conflicts(dev, &list[i]);
    if (wait && dev->no_barriers)
        dev->accesses = 0;
    else if (wait)
        barrier(dev, b);
    memcpy(&dev->access[dev->accesses], list, (size_t)count * sizeof *list);
    dev->accesses += count;
}

static vk_access access_of(vk_piece p, bool write)
{
    return (vk_access){p.buffer, p.offset, p.offset + p.size, write};
}

/* Binds the operands; each offset is a multiple of the device's alignment (ops see to it). */
static fc_status bind(fc_dev *dev, vk_batch *b, const vk_dispatch *d)
{
    VkDescriptorSet set;
    VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                        .descriptorPool = b->sets,
                                        .descriptorSetCount = 1,
                                        .pSetLayouts = &dev->set_layout};
    VkResult r = dev->f.AllocateDescriptorSets(dev->handle, &info, &set);
    if (r) return vk_fail(dev, r, "descriptor sets");
    VkDescriptorBufferInfo buffers[VK_BINDINGS];
    VkWriteDescriptorSet writes[VK_BINDINGS];
    for (uint32_t i = 0; i < VK_BINDINGS; i++) {
        const vk_piece *p = &d->operand[d->operand[i].part.buffer ? i : 0].part;
        buffers[i] = (VkDescriptorBufferInfo){p->buffer, p->offset, (p->size + 3) & ~(uint64_t)3};
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = i,
                                           .descriptorCount = 1,
                                           .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                           .pBufferInfo = &buffers[i]};
    }
    dev->f.UpdateDescriptorSets(dev->handle, VK_BINDINGS, writes, 0, NULL);
    dev->f.CmdBindDescriptorSets(b->commands, VK_PIPELINE_BIND_POINT_COMPUTE, dev->layout, 0, 1, &set, 0,
                                 NULL);
    return FC_OK;
}

fc_status vk_batch_dispatch(fc_dev *dev, const vk_dispatch *d)
{
    vk_batch *b;
    fc_status status = room(dev, d->work, &b);
    if (status) return status;
    status = bind(dev, b, d);
    if (status) return status;
    vk_access list[VK_BINDINGS];
    int count = 0;
    for (int i = 0; i < VK_BINDINGS; i++)
        if (d->operand[i].part.buffer) list[count++] = access_of(d->operand[i].part, d->operand[i].write);
    order(dev, b, list, count);
    dev->f.CmdBindPipeline(b->commands, VK_PIPELINE_BIND_POINT_COMPUTE, d->pipeline);
    dev->f.CmdPushConstants(b->commands, dev->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, d->push_bytes, d->push);
    dev->f.CmdDispatch(b->commands, d->groups[0], d->groups[1], d->groups[2]);
    b->ops++;
    b->work += d->work;
    return FC_OK;
}

fc_status vk_batch_copy(fc_dev *dev, vk_piece to, vk_piece from)
{
    vk_batch *b;
    fc_status status = room(dev, 0, &b);
    if (status) return status;
    to.size = from.size;
    order(dev, b, (vk_access[]){access_of(to, true), access_of(from, false)}, 2);
    VkBufferCopy region = {from.offset, to.offset, from.size};
    dev->f.CmdCopyBuffer(b->commands, from.buffer, to.buffer, 1, &region);
    b->ops++;
    return FC_OK;
}

fc_status vk_batch_fill(fc_dev *dev, vk_piece to, uint32_t word)
{
    vk_batch *b;
    fc_status status = room(dev, 0, &b);
    if (status) return status;
    vk_access a = access_of(to, true);
    order(dev, b, &a, 1);
    dev->f.CmdFillBuffer(b->commands, to.buffer, to.offset, to.size, word);
    b->ops++;
    return FC_OK;
}

fc_status vk_batch_stage(fc_dev *dev, size_t size, char **mapped, vk_piece *piece)
{
    const size_t step = 256;
    vk_batch *b;
    fc_status status = room(dev, 0, &b);
    if (status) return status;
    if (b->staged + size > VK_STAGING_BYTES) {
        status = vk_batch_submit(dev);
        if (!status) status = room(dev, 0, &b);
        if (status) return status;
    }
    *mapped = b->mapped + b->staged;
    *piece = (vk_piece){.buffer = b->staging, .offset = b->staged, .size = size};
    b->staged += (size + step - 1) & ~(step - 1);
    return FC_OK;
}

fc_status vk_batch_submit(fc_dev *dev)
{
    if (dev->status) return dev->status;
    vk_batch *b = &dev->batch[dev->current];
    if (!b->recording) return FC_OK;
    /* What the host reads after the wait. */
    VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                              .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                              .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    dev->f.CmdPipelineBarrier(b->commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                              &memory, 0, NULL, 0, NULL);
    b->recording = false;
    VkResult r = dev->f.EndCommandBuffer(b->commands);
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &b->commands};
    if (!r) r = vk_inject(dev, "submit", VK_SUCCESS);
    b->submitted = fc_now();
    if (!r) r = dev->f.QueueSubmit(dev->queue, 1, &info, b->fence);
    if (r) {
        b->ops = 0;
        /* What was recorded is lost, so nothing behind it can be right. */
        return vk_fail(dev, VK_ERROR_DEVICE_LOST, "handing work to the graphics card");
    }
    b->pending = true;
    dev->serial++;
    dev->current = (dev->current + 1) % VK_BATCHES;
    dev->batch[dev->current].ops = 0;
    dev->accesses = 0;
    return FC_OK;
}
