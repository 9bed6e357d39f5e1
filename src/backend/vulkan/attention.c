/* Attention: in one pass for heads of up to 64 values; larger ones (the VAE's 512) by products over some
 * queries at a time. */
#include <math.h>
#include "backend/vulkan/ops.h"

enum { ONE_PASS_HEAD = 64, BLOCK = 64 };
#define SCORE_BYTES ((uint64_t)32 << 20) /* of scores that are held at once */

/* As in the shaders. */
struct push {
    uint32_t queries, keys, heads, d, q_image, k_image, ldq, ldk, ldv, ldy, q_at, k_at, v_at, y_at,
        first_query, causal;
    float scale;
};
struct softmax_push {
    uint32_t keys, ld, at, first_query, causal;
    float scale;
};

struct job {
    fc_tensor y, q, k, v;
    int32_t heads, d;
    bool causal;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- one pass ---- */

/* Of the cooperative matrices that serve; 0: none do. A subgroup's threads share out the rows of one. */
static uint32_t matrix_side(const fc_dev *dev, const struct job *j)
{
    uint32_t side = dev->caps.coopmat == VK_COOPMAT_16 ? 16 : dev->caps.coopmat == VK_COOPMAT_8 ? 8 : 0;
    if (!side || dev->direct || j->q.dtype != FC_F16 || dev->caps.subgroup % side != 0) return 0;
    return BLOCK / side * dev->caps.subgroup <= dev->caps.max_invocations ? side : 0;
}

/* Queries [first, first + count) of images [image, image + images). */
static fc_status one_pass(fc_dev *dev, const struct job *j, int32_t image, int32_t images, int32_t first,
                          int32_t count)
{
    int64_t from = (int64_t)image * j->q.w + first, rows = (int64_t)(images - 1) * j->q.w + count;
    int64_t key = (int64_t)image * j->k.w, keys = (int64_t)images * j->k.w;
    vk_view q, k, v, y;
    fc_status status = vk_view_rows(dev, j->q, from, rows, &q);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, j->k, key, keys, &k);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, j->v, key, keys, &v);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, j->y, from, rows, &y);
    if (status) return status;
    struct push u = {(uint32_t)count,
                     (uint32_t)j->k.w,
                     (uint32_t)j->heads,
                     (uint32_t)j->d,
                     (uint32_t)j->q.w,
                     (uint32_t)j->k.w,
                     q.ld,
                     k.ld,
                     v.ld,
                     y.ld,
                     q.at,
                     k.at,
                     v.at,
                     y.at,
                     (uint32_t)first,
                     (uint32_t)j->causal,
                     1.0f / sqrtf((float)j->d)};
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u};
    d.operand[0].part = q.part;
    d.operand[1].part = k.part;
    d.operand[2].part = v.part;
    d.operand[5] = (vk_operand){y.part, true};
    bool fours = j->d % 4 == 0 && vk_in_fours(j->q, &q) && vk_in_fours(j->k, &k) && vk_in_fours(j->v, &v);
    uint32_t side = matrix_side(dev, j), lanes = dev->caps.subgroup;
    uint32_t spec[VK_SPECS] = {[0] = side ? BLOCK / side * lanes : BLOCK,
                               [4] = (uint32_t)j->q.dtype,
                               [5] = (uint32_t)j->y.dtype,
                               [7] = fours,
                               [8] = dev->direct,
                               [10] = lanes};
    status = vk_pipeline_get(dev, side ? VK_ATTENTION_COOP : VK_ATTENTION, spec, &d.pipeline);
    if (status) return status;
    d.groups[0] = (uint32_t)((count + BLOCK - 1) / BLOCK) * (uint32_t)j->heads * (uint32_t)images;
    d.groups[1] = d.groups[2] = 1;
    d.work = 4.0 * images * count * (double)j->k.w * j->q.c;
    return vk_batch_dispatch(dev, &d);
}

static fc_status small_heads(fc_dev *dev, const struct job *j)
{
    /* Whole images while they are short enough to be seen, and to compute in a short time. */
    double image_work = 4.0 * j->q.w * (double)j->k.w * j->q.c;
    int64_t seen = least(vk_rows_seen(dev, j->q), vk_rows_seen(dev, j->y)) / j->q.w;
    seen = least(seen, least(vk_rows_seen(dev, j->k), vk_rows_seen(dev, j->v)) / j->k.w);
    int64_t groups = (int64_t)((j->q.w + BLOCK - 1) / BLOCK) * j->heads;
    fc_status status = FC_OK;
    for (int32_t i = 0; i < j->q.n && !status;) {
        double limit = vk_batch_work_limit(dev);
        int64_t images = least(least(seen, (int64_t)(limit / image_work)), dev->caps.max_groups / groups);
        if (images >= 1) {
            int32_t some = (int32_t)least(images, j->q.n - i);
            status = one_pass(dev, j, i, some, 0, j->q.w);
            i += some;
            continue;
        }
        int64_t rows = least(vk_rows_seen(dev, j->q), vk_rows_seen(dev, j->y));
        rows = least(rows, (int64_t)(limit / (image_work / j->q.w)));
        rows = least(rows, (int64_t)dev->caps.max_groups / j->heads * BLOCK);
        rows = rows / BLOCK * BLOCK < BLOCK ? BLOCK : rows / BLOCK * BLOCK;
        for (int32_t first = 0; first < j->q.w && !status; first += (int32_t)rows)
            status = one_pass(dev, j, i, 1, first, (int32_t)least(rows, j->q.w - first));
        i++;
    }
    return status;
}

/* ---- by products ---- */

static fc_status softmax(fc_dev *dev, fc_tensor s, int32_t first, bool causal, float scale)
{
    vk_view v;
    fc_status status = vk_view_rows(dev, s, 0, s.w, &v);
    if (status) return status;
    struct softmax_push u = {(uint32_t)s.c, v.ld, v.at, (uint32_t)first, causal, scale};
    vk_dispatch d = {.push = &u, .push_bytes = sizeof u, .groups = {(uint32_t)s.w, 1, 1}};
    d.operand[5] = (vk_operand){v.part, true};
    d.work = 32.0 * s.w * (double)s.c;
    status = vk_pipeline_get(dev, VK_SOFTMAX, (uint32_t[VK_SPECS]){0}, &d.pipeline);
    return status ? status : vk_batch_dispatch(dev, &d);
}

static fc_tensor scratch_tensor(fc_dev *dev, size_t *at, fc_dtype type, int32_t rows, int32_t c)
{
    int64_t ld = (c + 15) / 16 * 16;
    fc_tensor t = {dev->scratch + *at, type, 1, 1, rows, c, ld};
    *at += ((size_t)rows * (size_t)ld * fc_dtype_size(type) + 255) & ~(size_t)255;
    return t;
}

/* Zeros behind the rows' values, where products read four at a time. */
static fc_status clear(fc_dev *dev, fc_tensor t)
{
    vk_piece piece;
    uint64_t bytes = (uint64_t)t.w * (uint64_t)t.ld * fc_dtype_size(t.dtype);
    fc_status status = vk_locate(dev, t.data, bytes, &piece);
    return status || t.c == t.ld ? status : vk_batch_fill(dev, piece, 0);
}

static fc_status one_head(fc_dev *dev, const struct job *j, int32_t image, int32_t head)
{
    int32_t d = j->d, keys = j->k.w;
    fc_tensor q = fc_tensor_channels(fc_tensor_batch(j->q, image, 1), head * d, d);
    fc_tensor k = fc_tensor_channels(fc_tensor_batch(j->k, image, 1), head * d, d);
    fc_tensor v = fc_tensor_channels(fc_tensor_batch(j->v, image, 1), head * d, d);
    fc_tensor y = fc_tensor_channels(fc_tensor_batch(j->y, image, 1), head * d, d);
    size_t at = 0;
    fc_tensor dense = scratch_tensor(dev, &at, k.dtype, keys, d);
    fc_tensor turned = scratch_tensor(dev, &at, v.dtype, d, keys);
    uint64_t row = ((uint64_t)keys + 15) / 16 * 16 * sizeof(float);
    uint64_t bytes = dev->caps.max_range / 2 < SCORE_BYTES ? dev->caps.max_range / 2 : SCORE_BYTES;
    int32_t block = (int32_t)least((int64_t)(bytes / row) < 1 ? 1 : (int64_t)(bytes / row), q.w);
    fc_tensor scores = scratch_tensor(dev, &at, FC_F32, block, keys);
    fc_status status = vk_back(dev, (fc_tensor[]){dense, turned, scores}, 3);
    if (status != FC_OK) return status;
    status = clear(dev, dense);
    if (status != FC_OK) return status;
    status = clear(dev, turned);
    if (status != FC_OK) return status;
    status = vk_copy(dev, dense, k);
    if (status != FC_OK) return status;
    status = vk_transpose(dev, turned, v);
    for (int32_t first = 0; first < q.w && !status; first += block) {
        int32_t some = (int32_t)least(block, q.w - first);
        fc_tensor part = q, out = y;
        part.data = (char *)q.data + (size_t)first * (size_t)q.ld * fc_dtype_size(q.dtype);
        out.data = (char *)y.data + (size_t)first * (size_t)y.ld * fc_dtype_size(y.dtype);
        part.w = out.w = scores.w = some;
        status = vk_product_of(dev, scores, part, dense);
        if (!status) status = softmax(dev, scores, first, j->causal, 1.0f / sqrtf((float)d));
        if (!status) status = vk_product_of(dev, out, scores, turned);
    }
    return status;
}

fc_status vk_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                       bool causal)
{
    if (heads <= 0 || q.c % heads != 0 || q.h != 1 || k.h != 1)
        return vk_fail_text(dev, FC_INTERNAL, "heads that do not fit");
    const struct job j = {y, q, k, v, heads, q.c / heads, causal};
    fc_status status = vk_back(dev, (fc_tensor[]){y, q, k, v}, 4);
    if (status) return status;
    if (j.d <= ONE_PASS_HEAD) return small_heads(dev, &j);
    for (int32_t i = 0; i < q.n && !status; i++)
        for (int32_t h = 0; h < heads && !status; h++) status = one_head(dev, &j, i, h);
    return status;
}
