/* Device memory: see heap.h. */
#include "backend/vulkan/heap.h"

#include <string.h>
#include "base/mem.h"

#define BLOCK_MIN   ((uint64_t)2 << 20)
#define BLOCK_MAX   ((uint64_t)256 << 20)
#define PIECE_ALIGN ((uint64_t)256) /* the largest offset alignment that Vulkan allows a device to ask */

/* A hole between the pieces of a block. */
struct hole {
    uint64_t offset, size;
};

struct vk_block {
    struct vk_block *next;
    VkDeviceMemory memory;
    VkBuffer buffer;
    uint64_t size;
    struct hole *holes; /* sorted by offset, never touching each other */
    int hole_count, hole_room;
};

static const VkBufferUsageFlags usage =
    VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;

/* ---- buffers with memory of their own ---- */

static VkResult make_buffer(fc_dev *dev, uint64_t size, int type, VkBuffer *buffer, VkDeviceMemory *memory)
{
    *buffer = VK_NULL_HANDLE;
    *memory = VK_NULL_HANDLE;
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = size, .usage = usage};
    VkResult r = dev->f.CreateBuffer(dev->handle, &info, NULL, buffer);
    if (r) return r;
    VkMemoryRequirements need;
    dev->f.GetBufferMemoryRequirements(dev->handle, *buffer, &need);
    if (type < 0 || !(need.memoryTypeBits & (1u << type))) type = -1;
    VkMemoryAllocateInfo alloc = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                  .allocationSize = need.size,
                                  .memoryTypeIndex = (uint32_t)(type < 0 ? 0 : type)};
    r = vk_inject(dev, "alloc", type < 0 ? VK_ERROR_OUT_OF_DEVICE_MEMORY : VK_SUCCESS);
    if (!r) r = dev->f.AllocateMemory(dev->handle, &alloc, NULL, memory);
    if (!r) r = dev->f.BindBufferMemory(dev->handle, *buffer, *memory, 0);
    if (!r) return VK_SUCCESS;
    dev->f.DestroyBuffer(dev->handle, *buffer, NULL);
    if (*memory) dev->f.FreeMemory(dev->handle, *memory, NULL);
    *buffer = VK_NULL_HANDLE;
    *memory = VK_NULL_HANDLE;
    return r;
}

fc_status vk_host_buffer(fc_dev *dev, size_t size, VkBuffer *buffer, VkDeviceMemory *memory, void **mapped)
{
    int type = vk_memory_type(&dev->caps.memory, UINT32_MAX, false);
    VkResult r = make_buffer(dev, size, type, buffer, memory);
    if (r) return vk_fail(dev, r, "memory for transfers");
    r = dev->f.MapMemory(dev->handle, *memory, 0, VK_WHOLE_SIZE, 0, mapped);
    return r ? vk_fail(dev, r, "mapping memory for transfers") : FC_OK;
}

/* ---- blocks ---- */

static void block_free(fc_dev *dev, struct vk_block *b)
{
    dev->f.DestroyBuffer(dev->handle, b->buffer, NULL);
    dev->f.FreeMemory(dev->handle, b->memory, NULL);
    fc_free(b->holes);
    fc_free(b);
}

static VkResult block_new(fc_dev *dev, uint64_t size, struct vk_block **out)
{
    *out = NULL;
    if (size > dev->caps.max_allocation || size > dev->heap.limit || dev->heap.held > dev->heap.limit - size)
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    struct vk_block *b = fc_calloc(1, sizeof *b);
    if (!b) return VK_ERROR_OUT_OF_HOST_MEMORY;
    b->size = size;
    b->hole_room = 8;
    b->holes = fc_alloc((size_t)b->hole_room * sizeof *b->holes);
    VkResult r = b->holes ? make_buffer(dev, size, dev->heap.memory_type, &b->buffer, &b->memory)
                          : VK_ERROR_OUT_OF_HOST_MEMORY;
    if (r) {
        fc_free(b->holes);
        fc_free(b);
        return r;
    }
    b->holes[0] = (struct hole){0, size};
    b->hole_count = 1;
    b->next = dev->heap.first;
    dev->heap.first = b;
    dev->heap.held += size;
    if (dev->heap.held > dev->heap.peak) dev->heap.peak = dev->heap.held;
    *out = b;
    return VK_SUCCESS;
}

static bool block_take(struct vk_block *b, uint64_t size, vk_piece *out)
{
    for (int i = 0; i < b->hole_count; i++) {
        struct hole *h = &b->holes[i];
        if (h->size < size) continue;
        *out = (vk_piece){b, b->buffer, h->offset, size};
        h->offset += size;
        h->size -= size;
        if (h->size == 0) memmove(h, h + 1, (size_t)(--b->hole_count - i) * sizeof *h);
        return true;
    }
    return false;
}

static void block_give(struct vk_block *b, uint64_t offset, uint64_t size)
{
    int at = 0;
    while (at < b->hole_count && b->holes[at].offset < offset) at++;
    bool joins_before = at > 0 && b->holes[at - 1].offset + b->holes[at - 1].size == offset;
    bool joins_behind = at < b->hole_count && offset + size == b->holes[at].offset;
    if (joins_before && joins_behind) {
        b->holes[at - 1].size += size + b->holes[at].size;
        memmove(&b->holes[at], &b->holes[at + 1], (size_t)(--b->hole_count - at) * sizeof *b->holes);
    } else if (joins_before) {
        b->holes[at - 1].size += size;
    } else if (joins_behind) {
        b->holes[at].offset = offset;
        b->holes[at].size += size;
    } else {
        if (b->hole_count == b->hole_room) {
            struct hole *more = fc_realloc(b->holes, 2 * (size_t)b->hole_room * sizeof *more);
            if (!more) return; /* this hole is lost until the block is freed */
            b->holes = more;
            b->hole_room *= 2;
        }
        memmove(&b->holes[at + 1], &b->holes[at], (size_t)(b->hole_count++ - at) * sizeof *b->holes);
        b->holes[at] = (struct hole){offset, size};
    }
}

static bool block_empty(const struct vk_block *b)
{
    return b->hole_count == 1 && b->holes[0].size == b->size;
}

void vk_heap_trim(fc_dev *dev)
{
    for (struct vk_block **at = &dev->heap.first; *at;) {
        struct vk_block *b = *at;
        if (block_empty(b)) {
            *at = b->next;
            dev->heap.held -= b->size;
            block_free(dev, b);
        } else {
            at = &b->next;
        }
    }
}

/* ---- pieces ---- */

fc_status vk_heap_open(fc_dev *dev, uint64_t limit)
{
    dev->heap.limit = limit;
    dev->heap.memory_type = vk_memory_type(&dev->caps.memory, UINT32_MAX, true);
    if (dev->heap.memory_type < 0)
        return vk_fail_text(dev, FC_UNSUPPORTED, "the device has no memory of its own");
    uint64_t block = limit / 32;
    dev->heap.block_bytes = block < BLOCK_MIN ? BLOCK_MIN : block > BLOCK_MAX ? BLOCK_MAX : block;
    return FC_OK;
}

void vk_heap_close(fc_dev *dev)
{
    while (dev->heap.first) {
        struct vk_block *b = dev->heap.first;
        dev->heap.first = b->next;
        block_free(dev, b);
    }
    fc_free(dev->deferred);
}

VkResult vk_heap_take(fc_dev *dev, uint64_t size, vk_piece *out)
{
    *out = (vk_piece){0};
    size = (size + PIECE_ALIGN - 1) & ~(PIECE_ALIGN - 1);
    for (struct vk_block *b = dev->heap.first; b; b = b->next) {
        if (!block_take(b, size, out)) continue;
        dev->heap.used += size;
        return VK_SUCCESS;
    }
    struct vk_block *b = NULL;
    uint64_t block = dev->heap.block_bytes;
    VkResult r = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (size <= block / 2) r = block_new(dev, block, &b);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY) r = block_new(dev, size, &b); /* one of its own */
    if (!r) (void)block_take(b, size, out);
    dev->heap.used += out->size;
    return r;
}

void vk_piece_free(fc_dev *dev, vk_piece *piece)
{
    if (!piece->block) return;
    if (dev->deferred_count == dev->deferred_room) {
        int room = dev->deferred_room ? 2 * dev->deferred_room : 64;
        vk_deferred *more = fc_realloc(dev->deferred, (size_t)room * sizeof *more);
        if (!more) return; /* the piece is lost until the device is closed */
        dev->deferred = more;
        dev->deferred_room = room;
    }
    dev->deferred[dev->deferred_count++] = (vk_deferred){*piece, dev->serial};
    *piece = (vk_piece){0};
    if (dev->batch[dev->current].ops == 0) vk_deferred_run(dev);
}

void vk_deferred_run(fc_dev *dev)
{
    /* Nothing has been recorded in a batch without operations: what waits for it waits for the one before. */
    uint64_t done = dev->done;
    if (dev->batch[dev->current].ops == 0 && done + 1 == dev->serial) done = dev->serial;
    int kept = 0;
    for (int i = 0; i < dev->deferred_count; i++) {
        vk_deferred *d = &dev->deferred[i];
        if (d->serial > done) {
            dev->deferred[kept++] = *d;
            continue;
        }
        block_give(d->piece.block, d->piece.offset, d->piece.size);
        dev->heap.used -= d->piece.size;
    }
    dev->deferred_count = kept;
}
