/* Device memory: see memory.h. */
#include "backend/vulkan/memory.h"

#include <string.h>
#include <sys/mman.h>
#include "backend/vulkan/batch.h"
#include "base/mem.h"

#define BLOCK_MIN   ((uint64_t)2 << 20)
#define BLOCK_MAX   ((uint64_t)256 << 20)
#define GROWTH_STEP ((uint64_t)2 << 20) /* of a range's memory */
#define PIECE_ALIGN ((uint64_t)256)     /* the largest offset alignment that Vulkan allows a device to ask */
#define POISON_WORD 0x7fc07fffu         /* NaN as f32, as two bf16 and (its low half) as f16 */

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

/* Gives blocks without pieces back to the driver. */
static void drop_empty_blocks(fc_dev *dev)
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
    for (int i = 0; i < dev->range_count; i++) (void)munmap(dev->ranges[i].base, dev->ranges[i].size);
    fc_free(dev->ranges);
    fc_free(dev->deferred);
}

static VkResult try_alloc(fc_dev *dev, uint64_t size, vk_piece *out)
{
    for (struct vk_block *b = dev->heap.first; b; b = b->next)
        if (block_take(b, size, out)) return VK_SUCCESS;
    struct vk_block *b = NULL;
    uint64_t block = dev->heap.block_bytes;
    VkResult r = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    if (size <= block / 2) r = block_new(dev, block, &b);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY) r = block_new(dev, size, &b); /* one of its own */
    if (!r) (void)block_take(b, size, out);
    return r;
}

fc_status vk_piece_alloc(fc_dev *dev, uint64_t size, vk_piece *out)
{
    *out = (vk_piece){0};
    if (dev->status) return dev->status;
    if (size == 0 || size > (uint64_t)1 << 46)
        return vk_fail_text(dev, FC_NOMEM, "a piece of impossible size");
    size = (size + PIECE_ALIGN - 1) & ~(PIECE_ALIGN - 1);
    VkResult r = try_alloc(dev, size, out);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
        fc_status status = vk_batch_finish(dev); /* then what waited for batches is free */
        if (status) return status;
        drop_empty_blocks(dev);
        r = try_alloc(dev, size, out);
    }
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        return vk_fail_text(dev, FC_NOMEM,
                            "the graphics card's memory is full: %llu MiB more, %llu of %llu MiB taken",
                            (unsigned long long)(size >> 20), (unsigned long long)(dev->heap.held >> 20),
                            (unsigned long long)(dev->heap.limit >> 20));
    if (r) return vk_fail(dev, r, "device memory");
    dev->heap.used += out->size;
    return dev->poison ? vk_batch_fill(dev, *out, POISON_WORD) : FC_OK;
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

/* ---- addresses ---- */

fc_status vk_addresses(fc_dev *dev, size_t size, void **out)
{
    const size_t page = 4096;
    *out = NULL;
    if (dev->status) return dev->status;
    if (size > (size_t)1 << 46) return vk_fail_text(dev, FC_NOMEM, "an allocation of impossible size");
    if (dev->range_count == dev->range_room) {
        int room = dev->range_room ? 2 * dev->range_room : 16;
        vk_range *more = fc_realloc(dev->ranges, (size_t)room * sizeof *more);
        if (!more) return vk_fail_text(dev, FC_NOMEM, "out of memory");
        dev->ranges = more;
        dev->range_room = room;
    }
    size = (size + page - 1) & ~(page - 1);
    void *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return vk_fail_text(dev, FC_NOMEM, "out of address space");
    int at = dev->range_count;
    while (at > 0 && dev->ranges[at - 1].base > (char *)base) at--;
    memmove(&dev->ranges[at + 1], &dev->ranges[at], (size_t)(dev->range_count++ - at) * sizeof *dev->ranges);
    dev->ranges[at] = (vk_range){.base = base, .size = size};
    *out = base;
    return FC_OK;
}

static vk_range *find_range(fc_dev *dev, const char *p)
{
    int low = 0, high = dev->range_count;
    while (low < high) {
        int middle = (low + high) / 2;
        vk_range *r = &dev->ranges[middle];
        if (p < r->base)
            high = middle;
        else if (p >= r->base + r->size)
            low = middle + 1;
        else
            return r;
    }
    return NULL;
}

void vk_mem_free(fc_dev *dev, void *p, size_t size)
{
    (void)size;
    vk_range *r = p ? find_range(dev, p) : NULL;
    if (!r) return;
    vk_piece_free(dev, &r->piece);
    (void)munmap(r->base, r->size);
    int at = (int)(r - dev->ranges);
    memmove(r, r + 1, (size_t)(--dev->range_count - at) * sizeof *r);
}

fc_status vk_mem_alloc(fc_dev *dev, size_t size, void **out)
{
    vk_piece whole;
    fc_status status = vk_addresses(dev, size, out);
    if (status) return status;
    status = vk_locate(dev, *out, size, &whole); /* now, so that a lack of memory is told here */
    if (!status) return FC_OK;
    vk_mem_free(dev, *out, size);
    *out = NULL;
    return status;
}

/* More memory behind a range: a larger piece takes the content over. */
static fc_status grow(fc_dev *dev, vk_range *r, uint64_t need)
{
    uint64_t wanted = need + need / 4;
    wanted = (wanted + GROWTH_STEP - 1) & ~(GROWTH_STEP - 1);
    if (wanted > r->size) wanted = r->size;
    vk_piece fresh;
    fc_status status = vk_piece_alloc(dev, wanted, &fresh);
    if (status == FC_NOMEM && wanted > need) status = vk_piece_alloc(dev, need, &fresh);
    if (status) return status;
    if (r->piece.block) {
        status = vk_batch_copy(dev, fresh, r->piece);
        vk_piece_free(dev, &r->piece);
    }
    r->piece = fresh;
    return status;
}

fc_status vk_locate(fc_dev *dev, const void *p, uint64_t size, vk_piece *out)
{
    *out = (vk_piece){0};
    if (dev->status) return dev->status;
    vk_range *r = find_range(dev, p);
    if (!r || size > r->size - (size_t)((const char *)p - r->base))
        return vk_fail_text(dev, FC_INTERNAL, "an address that is not the device's");
    uint64_t first = (uint64_t)((const char *)p - r->base), end = first + size;
    if (end > r->piece.size) {
        fc_status status = grow(dev, r, end);
        if (status) return status;
    }
    *out = (vk_piece){r->piece.block, r->piece.buffer, r->piece.offset + first, size};
    return FC_OK;
}
