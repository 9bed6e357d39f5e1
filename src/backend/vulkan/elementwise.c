/* Operations without sums. */
#include "backend/vulkan/ops.h"

enum { UNARY, AXPBY, GEGLU, TRANSPOSE }; /* as in shaders/elementwise.comp */

struct push {
    uint32_t rows, c, ldx, ldy, ldz, x_at, y_at, z_at, act;
    float a, b;
};

#define ELEMENT_WORK 16.0 /* of an element, in FLOP: for limits in time only */

void vk_grid(const fc_dev *dev, vk_dispatch *d, double count)
{
    double groups = (count + 255.0) / 256.0;
    d->groups[0] = groups < dev->caps.max_groups ? (uint32_t)groups : dev->caps.max_groups;
    if (d->groups[0] == 0) d->groups[0] = 1;
    d->groups[1] = d->groups[2] = 1;
}

/* Rows [first, first + rows) of y and of what it is made of; z may be absent. */
static fc_status some_rows(fc_dev *dev, uint32_t mode, fc_tensor y, fc_tensor x, fc_tensor z, struct push u,
                           int64_t first, int64_t rows)
{
    vk_view in, out, other = {0};
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u};
    fc_status status = vk_view_rows(dev, x, first, rows, &in);
    if (status != FC_OK) return status;
    if (mode == TRANSPOSE) status = vk_view_rows(dev, y, 0, fc_tensor_rows(y), &out);
    if (status != FC_OK) return status;
    if (mode != TRANSPOSE) status = vk_view_rows(dev, y, first, rows, &out);
    if (status != FC_OK) return status;
    if (z.data) status = vk_view_rows(dev, z, first, rows, &other);
    if (status) return status;
    bool fours = mode != TRANSPOSE && vk_in_fours(x, &in) && vk_in_fours(y, &out) &&
                 (!z.data || vk_in_fours(z, &other));
    u.rows = (uint32_t)rows;
    u.ldx = in.ld;
    u.ldy = out.ld;
    u.ldz = other.ld;
    u.x_at = in.at;
    u.y_at = out.at + (mode == TRANSPOSE ? (uint32_t)first : 0);
    u.z_at = other.at;
    d.operand[0].part = in.part;
    d.operand[1].part = other.part;
    d.operand[5] = (vk_operand){out.part, true};
    uint32_t spec[VK_SPECS] = {
        [4] = (uint32_t)x.dtype, [5] = (uint32_t)y.dtype, [6] = mode, [7] = fours, [8] = (uint32_t)z.dtype};
    status = vk_pipeline_get(dev, VK_ELEMENTWISE, spec, &d.pipeline);
    if (status) return status;
    vk_grid(dev, &d, (double)rows * u.c / (fours ? 4 : 1));
    d.work = (double)rows * u.c * ELEMENT_WORK;
    return vk_batch_dispatch(dev, &d);
}

static fc_status all_rows(fc_dev *dev, uint32_t mode, fc_tensor y, fc_tensor x, fc_tensor z, struct push u)
{
    fc_status status = vk_back(dev, (fc_tensor[]){y, x, z}, 3);
    int64_t rows = fc_tensor_rows(x), most = vk_rows_seen(dev, x);
    if (mode != TRANSPOSE && vk_rows_seen(dev, y) < most) most = vk_rows_seen(dev, y);
    if (z.data && vk_rows_seen(dev, z) < most) most = vk_rows_seen(dev, z);
    for (int64_t first = 0; first < rows && !status; first += most)
        status = some_rows(dev, mode, y, x, z, u, first, most < rows - first ? most : rows - first);
    return status;
}

fc_status vk_geglu(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    return all_rows(dev, GEGLU, y, x, (fc_tensor){0}, (struct push){.c = (uint32_t)y.c});
}

fc_status vk_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act)
{
    return all_rows(dev, UNARY, y, x, (fc_tensor){0},
                    (struct push){.c = (uint32_t)y.c, .act = (uint32_t)act});
}

fc_status vk_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    return all_rows(dev, AXPBY, y, x, z, (struct push){.c = (uint32_t)y.c, .a = a, .b = b});
}

fc_status vk_copy(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    return vk_unary(dev, y, x, FC_ACT_NONE);
}

fc_status vk_transpose(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    return all_rows(dev, TRANSPOSE, y, x, (fc_tensor){0}, (struct push){.c = (uint32_t)x.c});
}
