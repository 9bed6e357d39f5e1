/* Pieces and addresses: see memory.h. */
#include "backend/vulkan/memory.h"

#include <string.h>
#include <sys/mman.h>
#include "backend/vulkan/batch.h"
#include "base/mem.h"

#define GROWTH_STEP ((uint64_t)2 << 20) /* of a range's memory */
#define POISON_WORD 0x7fc07fffu         /* NaN as f32, as two bf16 and (its low half) as f16 */

fc_status vk_piece_alloc(fc_dev *dev, uint64_t size, vk_piece *out)
{
    *out = (vk_piece){0};
    if (dev->status) return dev->status;
    if (size == 0 || size > (uint64_t)1 << 46)
        return vk_fail_text(dev, FC_NOMEM, "a piece of impossible size");
    VkResult r = vk_heap_take(dev, size, out);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
        fc_status status = vk_batch_finish(dev); /* then what waited for batches is free */
        if (status) return status;
        vk_heap_trim(dev);
        r = vk_heap_take(dev, size, out);
    }
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        return vk_fail_text(dev, FC_NOMEM,
                            "the graphics card's memory is full: %llu MiB more, %llu of %llu MiB taken",
                            (unsigned long long)(size >> 20), (unsigned long long)(dev->heap.held >> 20),
                            (unsigned long long)(dev->heap.limit >> 20));
    if (r) return vk_fail(dev, r, "device memory");
    return dev->poison ? vk_batch_fill(dev, *out, POISON_WORD) : FC_OK;
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

void vk_addresses_close(fc_dev *dev)
{
    for (int i = 0; i < dev->range_count; i++) (void)munmap(dev->ranges[i].base, dev->ranges[i].size);
    fc_free(dev->ranges);
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
