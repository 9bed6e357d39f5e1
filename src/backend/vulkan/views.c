/* Tensors as shaders see them: bound at the device's alignment, counted from there in elements. */
#include "backend/vulkan/ops.h"

bool vk_has_type(const fc_dev *dev, fc_tensor t)
{
    return t.dtype == FC_F32 || (dev->caps.f16 && (t.dtype == FC_F16 || t.dtype == FC_BF16));
}

fc_status vk_view_piece(fc_dev *dev, vk_piece piece, uint64_t offset, uint64_t bytes, uint32_t element,
                        vk_view *out)
{
    uint64_t start = piece.offset + offset, bound = start & ~(dev->caps.offset_align - 1);
    uint64_t lead = start - bound, size = lead + bytes;
    if (size > dev->caps.max_range)
        return vk_fail_text(dev, FC_LIMIT,
                            "this device shows a shader at most %llu bytes at once, %llu are needed",
                            (unsigned long long)dev->caps.max_range, (unsigned long long)size);
    *out = (vk_view){.part = {piece.block, piece.buffer, bound, size}, .at = (uint32_t)(lead / element)};
    return FC_OK;
}

static uint64_t span(fc_tensor t, int64_t rows)
{
    return ((uint64_t)(rows - 1) * (uint64_t)t.ld + (uint64_t)t.c) * fc_dtype_size(t.dtype);
}

fc_status vk_view_rows(fc_dev *dev, fc_tensor t, int64_t first, int64_t rows, vk_view *out)
{
    size_t size = fc_dtype_size(t.dtype);
    vk_piece piece;
    uint64_t bytes = span(t, rows);
    fc_status status =
        vk_locate(dev, (const char *)t.data + (size_t)first * (size_t)t.ld * size, bytes, &piece);
    if (status != FC_OK) goto out;
    status = vk_view_piece(dev, piece, 0, bytes, (uint32_t)size, out);
out:
    out->ld = (uint32_t)t.ld;
    return status;
}

fc_status vk_back(fc_dev *dev, const fc_tensor *list, int count)
{
    for (int i = 0; i < count; i++) {
        vk_piece piece;
        if (!list[i].data) continue;
        if (!vk_has_type(dev, list[i]))
            return vk_fail_text(dev, FC_UNSUPPORTED, "this device does not compute with %s",
                                fc_dtype_name(list[i].dtype));
        fc_status status = vk_locate(dev, list[i].data, span(list[i], fc_tensor_rows(list[i])), &piece);
        if (status) return status;
    }
    return FC_OK;
}

bool vk_in_fours(fc_tensor t, const vk_view *v)
{
    return t.c % 4 == 0 && t.ld % 4 == 0 && v->at % 4 == 0;
}

int64_t vk_rows_seen(const fc_dev *dev, fc_tensor t)
{
    uint64_t row = (uint64_t)t.ld * fc_dtype_size(t.dtype), lead = 256;
    uint64_t bytes = dev->caps.max_range > lead ? dev->caps.max_range - lead : 1;
    int64_t rows = (int64_t)(bytes / row);
    return rows < 1 ? 1 : rows;
}
