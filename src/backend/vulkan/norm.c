/* Group and layer norms. */
#include "backend/vulkan/ops.h"

enum { CHUNK_ROWS = 32, MAX_CHUNKS = 512, STATS_LANES = 256 };
enum { HAS_GAMMA = 16, HAS_BETA = 32 };

/* As in the shaders. */
struct stats_push {
    uint32_t rows, chunk_rows, chunks, c, ld, at, groups, block_groups, image_rows, first_chunk, all_chunks,
        first_image;
};
struct finish_push {
    uint32_t count, chunks, at;
    float before;
};
struct apply_push {
    uint32_t rows, c, ldx, ldy, x_at, y_at, stats_at, gamma_at, beta_at, image_rows, first_row, groups, flags;
    float eps;
};
struct layer_push {
    uint32_t c, ldx, ldy, x_at, y_at, gamma_at, beta_at, flags;
    float eps;
};

/* What an element costs beside a product's FLOP: for limits in time only. */
#define ELEMENT_WORK 16.0

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Binds an optional vector at an operand's place. */
static fc_status bind_vector(fc_dev *dev, vk_dispatch *d, int slot, const fc_packed *v, uint32_t *at,
                             uint32_t *flags, uint32_t flag)
{
    if (!v) return FC_OK;
    vk_view view;
    fc_status status = vk_view_piece(dev, v->device, 0, v->bytes, 4, &view);
    if (status) return status;
    d->operand[slot].part = view.part;
    *at = view.at;
    *flags |= flag;
    return FC_OK;
}

/* Images [image, ...) of the first pass: as many chunks as the device sees at once. */
static fc_status measure(fc_dev *dev, fc_tensor x, fc_tensor partial, int32_t groups, int32_t image,
                         uint32_t chunk_rows, uint32_t chunks)
{
    int64_t rows = (int64_t)x.h * x.w, seen = vk_rows_seen(dev, x) / chunk_rows;
    double work = (double)chunk_rows * x.c * ELEMENT_WORK;
    seen = least(seen, (int64_t)(vk_batch_work_limit(dev) / work) + 1);
    if (seen < 1) return vk_fail_text(dev, FC_LIMIT, "rows too long for this device's buffers");
    int32_t width = x.c / groups, block = width >= STATS_LANES ? 1 : STATS_LANES / width;
    if (block > groups) block = groups;
    uint32_t spec[VK_SPECS] = {[4] = (uint32_t)x.dtype};
    vk_dispatch d = {0};
    fc_status status = vk_pipeline_get(dev, VK_NORM_STATS, spec, &d.pipeline);
    for (uint32_t first = 0; first < chunks && !status; first += (uint32_t)seen) {
        uint32_t count = (uint32_t)least(seen, chunks - first);
        int64_t begin = (int64_t)first * chunk_rows, some = least((int64_t)count * chunk_rows, rows - begin);
        vk_view in, out;
        status = vk_view_rows(dev, x, image * rows + begin, some, &in);
        if (!status) status = vk_view_rows(dev, partial, 0, fc_tensor_rows(partial), &out);
        if (status) return status;
        struct stats_push u = {
            (uint32_t)some,   chunk_rows,      count, (uint32_t)x.c, in.ld,  in.at,
            (uint32_t)groups, (uint32_t)block, 0,     first,         chunks, (uint32_t)image};
        d.operand[0].part = in.part;
        d.operand[5] = (vk_operand){out.part, true};
        d.push = &u;
        d.push_bytes = sizeof u;
        d.groups[0] = count;
        d.groups[1] = 1;
        d.groups[2] = (uint32_t)((groups + block - 1) / block);
        d.work = work * count;
        status = vk_batch_dispatch(dev, &d);
    }
    return status;
}

fc_status vk_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before)
{
    if (groups <= 0 || x.c % groups != 0) return vk_fail_text(dev, FC_INTERNAL, "groups that do not fit");
    int64_t rows = (int64_t)x.h * x.w, chunk_rows = CHUNK_ROWS;
    while ((rows + chunk_rows - 1) / chunk_rows > MAX_CHUNKS) chunk_rows *= 2;
    uint32_t chunks = (uint32_t)((rows + chunk_rows - 1) / chunk_rows);
    int32_t count = x.n * groups;
    fc_tensor partial = {dev->scratch, FC_F32, 1, 1, count, (int32_t)chunks * 4, (int64_t)chunks * 4};
    fc_status status = vk_back(dev, (fc_tensor[]){stats, x, partial}, 3);
    for (int32_t i = 0; i < x.n && !status; i++)
        status = measure(dev, x, partial, groups, i, (uint32_t)chunk_rows, chunks);
    if (status) return status;
    fc_tensor flat = {stats.data, FC_F32, 1, 1, 1, 2 * count, 2 * count};
    vk_view in, out;
    status = vk_view_rows(dev, partial, 0, count, &in);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, flat, 0, 1, &out);
    if (status) return status;
    struct finish_push u = {(uint32_t)count, chunks, out.at, (float)before * (float)(x.c / groups)};
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u, .groups = {((uint32_t)count + 63) / 64, 1, 1}};
    d.operand[0].part = in.part;
    d.operand[5] = (vk_operand){out.part, true};
    status = vk_pipeline_get(dev, VK_NORM_FINISH, (uint32_t[VK_SPECS]){0}, &d.pipeline);
    return status ? status : vk_batch_dispatch(dev, &d);
}

static fc_status apply_rows(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, fc_tensor stats, struct apply_push u, int64_t first,
                            int64_t rows)
{
    vk_view in, out, s;
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u};
    fc_status status = vk_view_rows(dev, x, first, rows, &in);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, y, first, rows, &out);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, stats, 0, 1, &s);
    if (status != FC_OK) return status;
    status = bind_vector(dev, &d, 2, gamma, &u.gamma_at, &u.flags, HAS_GAMMA);
    if (status != FC_OK) return status;
    status = bind_vector(dev, &d, 3, beta, &u.beta_at, &u.flags, HAS_BETA);
    if (status) return status;
    bool fours = vk_in_fours(x, &in) && vk_in_fours(y, &out);
    u.rows = (uint32_t)rows;
    u.ldx = in.ld;
    u.ldy = out.ld;
    u.x_at = in.at;
    u.y_at = out.at;
    u.stats_at = s.at;
    u.first_row = (uint32_t)first;
    d.operand[0].part = in.part;
    d.operand[1].part = s.part;
    d.operand[5] = (vk_operand){out.part, true};
    uint32_t spec[VK_SPECS] = {[4] = (uint32_t)x.dtype, [5] = (uint32_t)y.dtype, [7] = fours};
    status = vk_pipeline_get(dev, VK_NORM_APPLY, spec, &d.pipeline);
    if (status) return status;
    vk_grid(dev, &d, (double)rows * x.c / (fours ? 4 : 1));
    d.work = (double)rows * x.c * ELEMENT_WORK;
    return vk_batch_dispatch(dev, &d);
}

fc_status vk_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma, const fc_packed *beta,
                        int32_t groups, float eps, fc_act act, fc_tensor stats)
{
    int32_t count = 2 * x.n * groups;
    if (groups <= 0 || x.c % groups != 0) return vk_fail_text(dev, FC_INTERNAL, "groups that do not fit");
    if (!stats.data) { /* x's own, behind what measuring needs */
        stats.data = dev->scratch + ((size_t)x.n * (size_t)groups * MAX_CHUNKS * 4 * sizeof(float));
        fc_status status = vk_group_stats(dev, stats, x, groups, 0);
        if (status) return status;
    }
    fc_tensor flat = {stats.data, FC_F32, 1, 1, 1, count, count};
    fc_status status = vk_back(dev, (fc_tensor[]){y, x, flat}, 3);
    struct apply_push u = {.c = (uint32_t)x.c,
                           .image_rows = (uint32_t)(x.h * x.w),
                           .groups = (uint32_t)groups,
                           .flags = (uint32_t)act,
                           .eps = eps};
    int64_t rows = fc_tensor_rows(x), most = least(vk_rows_seen(dev, x), vk_rows_seen(dev, y));
    for (int64_t first = 0; first < rows && !status; first += most)
        status = apply_rows(dev, y, x, gamma, beta, flat, u, first, least(most, rows - first));
    return status;
}

fc_status vk_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma, const fc_packed *beta,
                        float eps)
{
    fc_status status = vk_back(dev, (fc_tensor[]){y, x}, 2);
    int64_t rows = fc_tensor_rows(x), most = least(vk_rows_seen(dev, x), vk_rows_seen(dev, y));
    most = least(most, dev->caps.max_groups);
    for (int64_t first = 0; first < rows && !status; first += most) {
        int64_t some = least(most, rows - first);
        vk_view in, out;
        struct layer_push u = {.c = (uint32_t)x.c, .eps = eps};
        vk_dispatch d = {.push = &u, .push_bytes = sizeof u, .groups = {(uint32_t)some, 1, 1}};
        status = vk_view_rows(dev, x, first, some, &in);
        if (!status) status = vk_view_rows(dev, y, first, some, &out);
        if (!status) status = bind_vector(dev, &d, 2, gamma, &u.gamma_at, &u.flags, HAS_GAMMA);
        if (!status) status = bind_vector(dev, &d, 3, beta, &u.beta_at, &u.flags, HAS_BETA);
        if (status) return status;
        u.ldx = in.ld;
        u.ldy = out.ld;
        u.x_at = in.at;
        u.y_at = out.at;
        d.operand[0].part = in.part;
        d.operand[5] = (vk_operand){out.part, true};
        d.work = (double)some * x.c * ELEMENT_WORK;
        uint32_t spec[VK_SPECS] = {[4] = (uint32_t)x.dtype, [5] = (uint32_t)y.dtype};
        status = vk_pipeline_get(dev, VK_LAYER_NORM, spec, &d.pipeline);
        if (!status) status = vk_batch_dispatch(dev, &d);
    }
    return status;
}
