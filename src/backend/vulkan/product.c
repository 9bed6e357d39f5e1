/* linear and conv2d: cut into dispatches that the device can see and does in a short time. */
#include <string.h>
#include "backend/vulkan/ops.h"

/* As in shaders/product.glsl. */
struct push {
    uint32_t m, n, cin, cin_padded;
    uint32_t x_at, y_at, add_at, rowadd_at, bias_at;
    uint32_t ldx, ldy, ld_add, ld_rowadd, ld_w;
    float scale;
    uint32_t image_rows, source, frame, out_w;
    int32_t first_row, source_row;
    uint32_t kernel, stride, pads;
    float scale_h, scale_w;
    uint32_t source_h, w_at, scales_at, flags;
};
_Static_assert(sizeof(struct push) <= VK_PUSH_BYTES, "push constants");

enum { HAS_BIAS = 1 << 16, HAS_ROWADD = 1 << 17, HAS_ADD = 1 << 18 };
enum { TILE_SMALL = 64, TILE_LARGE = 128, TILE_K = 16 };

/* A product to be done, whatever it was asked as. Rows of y are `images` times `lines` times out_w. */
struct job {
    fc_tensor y, x;
    vk_piece w;        /* whole */
    uint64_t w_offset; /* bytes to the first row */
    uint32_t w_type, ld_w, cin_padded;
    uint64_t scales; /* bytes from w to the rows' scales; 0: none */
    const fc_packed *bias;
    const fc_conv_geom *geom; /* NULL: linear */
    const fc_epi *epi;
    int64_t images, lines;
    int32_t out_w;
};

/* Images [image, image + images) and of each the lines [line, line + lines); output channels
 * [channel, channel + channels). */
struct part {
    int64_t image, images, line, lines;
    int32_t channel, channels;
};

static double row_work(const struct job *j)
{
    double taps = j->geom ? (double)j->geom->kh * j->geom->kw : 1.0;
    return 2.0 * taps * j->x.c * j->y.c;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Output lines for which the device sees the rows of x that a convolution reads. */
static int64_t lines_of_source(const fc_dev *dev, const struct job *j)
{
    int64_t seen = vk_rows_seen(dev, j->x) / j->x.w;
    if (j->geom->resize && j->y.h > j->x.h) seen = (int64_t)((double)seen * j->y.h / j->x.h) - 1;
    return (seen - j->geom->kh - 1) / j->geom->stride;
}

/* Rows of y that one dispatch may have. */
static int64_t most_rows(const fc_dev *dev, const struct job *j, uint32_t tile)
{
    int64_t rows = vk_rows_seen(dev, j->y);
    if (j->epi->add.data) rows = least(rows, vk_rows_seen(dev, j->epi->add));
    double by_work = vk_batch_work_limit(dev) / row_work(j);
    if (by_work < (double)rows) rows = (int64_t)by_work;
    int64_t tiles_n = (j->y.c + (int64_t)tile - 1) / tile;
    rows = least(rows, dev->caps.max_groups / tiles_n * (int64_t)tile);
    if (!j->geom) return least(rows, vk_rows_seen(dev, j->x));
    int64_t whole = (int64_t)j->x.h * j->x.w, per_image = j->lines * j->out_w;
    int64_t images = vk_rows_seen(dev, j->x) / whole;
    if (images >= 1) return least(rows, images * per_image);
    return least(rows, lines_of_source(dev, j) * j->out_w);
}

/* ---- one dispatch ---- */

static uint32_t two(int32_t high, int32_t low)
{
    return (uint32_t)high << 16 | (uint32_t)low;
}

static int32_t clamp(int64_t v, int32_t high)
{
    return v < 0 ? 0 : v > high ? high : (int32_t)v;
}

/* Fills in what a convolution needs; the lines of x that the part reads: [*first, *first + *count) of each
 * image. */
static void set_geometry(const struct job *j, const struct part *p, struct push *u, int32_t *first,
                         int32_t *count)
{
    const fc_conv_geom *g = j->geom;
    int32_t h = g->resize ? j->y.h : j->x.h, w = g->resize ? j->y.w : j->x.w;
    *first = 0;
    *count = j->x.h;
    if (p->images == 1) {
        int32_t low = clamp(p->line * g->stride - g->pad_top, h - 1);
        int32_t high = clamp((p->line + p->lines - 1) * g->stride - g->pad_top + g->kh - 1, h - 1);
        if (g->resize) {
            low = fc_nearest(low, j->x.h, h);
            high = fc_nearest(high, j->x.h, h);
        }
        *first = low;
        *count = high - low + 1;
    }
    u->source = two(j->x.h & 0xffff, j->x.w);
    u->frame = two(h, w);
    u->first_row = (int32_t)p->line;
    u->source_row = *first;
    u->kernel = two(g->kh, g->kw);
    u->stride = (uint32_t)g->stride;
    u->pads = two(g->pad_top, g->pad_left);
    u->source_h = (uint32_t)j->x.h;
    if (g->resize) {
        u->scale_h = (float)j->x.h / (float)h;
        u->scale_w = (float)j->x.w / (float)w;
    }
}

static fc_status bind_epilogue(fc_dev *dev, const struct job *j, const struct part *p, int64_t row,
                               int64_t rows, struct push *u, uint32_t *flags, vk_dispatch *d)
{
    const fc_epi *e = j->epi;
    vk_view v;
    fc_status status = FC_OK;
    if (j->bias) {
        status =
            vk_view_piece(dev, j->bias->device, (uint64_t)p->channel * 4, (uint64_t)p->channels * 4, 4, &v);
        if (status) return status;
        d->operand[2].part = v.part;
        u->bias_at = v.at;
        *flags |= HAS_BIAS;
    }
    if (e->rowadd.data) {
        fc_tensor t = fc_tensor_channels(e->rowadd, p->channel, p->channels);
        status = vk_view_rows(dev, t, p->image, p->images, &v);
        if (status) return status;
        d->operand[3].part = v.part;
        u->rowadd_at = v.at;
        u->ld_rowadd = v.ld;
        *flags |= HAS_ROWADD | (uint32_t)t.dtype << 12;
    }
    if (e->add.data) {
        fc_tensor t = fc_tensor_channels(e->add, p->channel, p->channels);
        status = vk_view_rows(dev, t, row, rows, &v);
        if (status) return status;
        d->operand[4].part = v.part;
        u->add_at = v.at;
        u->ld_add = v.ld;
        *flags |= HAS_ADD | (uint32_t)t.dtype << 8;
    }
    return FC_OK;
}

static fc_status bind_weight(fc_dev *dev, const struct job *j, const struct part *p, struct push *u,
                             vk_dispatch *d)
{
    uint64_t each = j->w_type == VK_INT8 ? 1 : fc_dtype_size((fc_dtype)j->w_type);
    uint64_t row = j->ld_w * each;
    vk_view v;
    fc_status status = vk_view_piece(dev, j->w, j->w_offset + (uint64_t)p->channel * row,
                                     (uint64_t)p->channels * row, (uint32_t)each, &v);
    if (status) return status;
    d->operand[1].part = v.part;
    u->w_at = v.at;
    if (!j->scales) return FC_OK;
    status = vk_view_piece(dev, j->w, j->scales, (uint64_t)j->y.c * 4, 4, &v);
    d->operand[6].part = v.part;
    u->scales_at = v.at + (uint32_t)p->channel;
    return status;
}

/* Cooperative matrices multiply f16; whole numbers of 8 bits are exact in it. */
static bool by_matrices(const fc_dev *dev, const struct job *j)
{
    return dev->caps.coopmat && !dev->direct && j->x.dtype == FC_F16 &&
           (j->w_type == FC_F16 || j->w_type == VK_INT8);
}

static fc_status dispatch(fc_dev *dev, const struct job *j, const struct part *p, uint32_t tile)
{
    int64_t row = (p->image * j->lines + p->line) * j->out_w, rows = p->images * p->lines * j->out_w;
    struct push u = {.m = (uint32_t)rows,
                     .n = (uint32_t)p->channels,
                     .cin = (uint32_t)j->x.c,
                     .cin_padded = j->cin_padded,
                     .ld_w = j->ld_w,
                     .scale = j->epi->scale == 0.0f ? 1.0f : j->epi->scale,
                     .image_rows = (uint32_t)(p->lines * j->out_w),
                     .out_w = (uint32_t)j->out_w};
    vk_dispatch d = {
        .push = &u, .push_bytes = sizeof u, .work = row_work(j) * (double)rows * p->channels / j->y.c};
    int64_t from = row, count = rows;
    if (j->geom) {
        int32_t first, lines;
        set_geometry(j, p, &u, &first, &lines);
        from = (p->image * j->x.h + first) * j->x.w;
        count = ((p->images - 1) * j->x.h + lines) * j->x.w;
    }
    uint32_t flags = (uint32_t)j->epi->act | (uint32_t)j->y.dtype << 4;
    vk_view x, y;
    fc_status status = vk_view_rows(dev, j->x, from, count, &x);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, fc_tensor_channels(j->y, p->channel, p->channels), row, rows, &y);
    if (status != FC_OK) return status;
    status = bind_weight(dev, j, p, &u, &d);
    if (status != FC_OK) return status;
    status = bind_epilogue(dev, j, p, row, rows, &u, &flags, &d);
    if (status) return status;
    d.operand[0].part = x.part;
    d.operand[5] = (vk_operand){y.part, true};
    u.flags = flags;
    u.x_at = x.at;
    u.ldx = x.ld;
    u.y_at = y.at;
    u.ldy = y.ld;
    bool coop = by_matrices(dev, j);
    uint32_t spec[VK_SPECS] = {coop ? 4 * dev->caps.subgroup : tile * tile / 64,
                               tile,
                               tile,
                               coop && dev->caps.subgroup >= 32 ? 2 * TILE_K : TILE_K,
                               (uint32_t)j->x.dtype,
                               j->w_type,
                               j->geom != NULL,
                               vk_in_fours(j->x, &x),
                               dev->direct,
                               dev->caps.software ? UINT32_MAX : flags,
                               dev->caps.subgroup};
    status = vk_pipeline_get(dev, coop ? VK_PRODUCT_COOP : VK_PRODUCT, spec, &d.pipeline);
    if (status) return status;
    d.groups[0] = ((u.m + tile - 1) / tile) * ((u.n + tile - 1) / tile);
    d.groups[1] = d.groups[2] = 1;
    return vk_batch_dispatch(dev, &d);
}

/* ---- cutting ---- */

/* Output channels whose weights the device sees at once. */
static int32_t most_channels(const fc_dev *dev, const struct job *j)
{
    uint64_t each = j->w_type == VK_INT8 ? 1 : fc_dtype_size((fc_dtype)j->w_type);
    uint64_t count = (dev->caps.max_range - 256) / (j->ld_w * each);
    return count >= (uint64_t)j->y.c ? j->y.c : count < 1 ? 1 : (int32_t)count;
}

static uint32_t choose_tile(const fc_dev *dev, const struct job *j)
{
    if (dev->tile) return dev->tile;
    bool large = !dev->caps.software && dev->caps.max_invocations >= 256 &&
                 j->images * j->lines * j->out_w >= 4 * TILE_LARGE && j->y.c >= TILE_LARGE;
    return large ? TILE_LARGE : TILE_SMALL;
}

static fc_status run(fc_dev *dev, struct job *j)
{
    const fc_tensor operands[] = {j->y, j->x, j->epi->add, j->epi->rowadd};
    fc_status status = vk_back(dev, operands, 4);
    uint32_t tile = choose_tile(dev, j);
    int32_t channels = most_channels(dev, j);
    struct part p = {0};
    for (p.channel = 0; p.channel < j->y.c && !status; p.channel += p.channels) {
        p.channels = j->y.c - p.channel < channels ? j->y.c - p.channel : channels;
        for (p.image = 0; p.image < j->images && !status; p.image += p.images) {
            int64_t rows = most_rows(dev, j, tile), per_image = j->lines * j->out_w;
            p.images = rows / per_image < 1 ? 1 : least(rows / per_image, j->images - p.image);
            int64_t lines = rows / j->out_w < 1 ? 1 : rows / j->out_w;
            for (p.line = 0; p.line < j->lines && !status; p.line += p.lines) {
                p.lines = p.images > 1 ? j->lines : least(lines, j->lines - p.line);
                status = dispatch(dev, j, &p, tile);
            }
        }
    }
    return status;
}

static void set_weight(struct job *j, const fc_packed *w)
{
    j->w = w->device;
    j->w_type = w->type;
    j->cin_padded = w->cin_padded;
    j->ld_w = (uint32_t)w->kh * (uint32_t)w->kw * w->cin_padded;
    j->scales = w->type == VK_INT8 ? w->scales : 0;
}

fc_status vk_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                    const fc_epi *epi)
{
    if (weight->rows != y.c || weight->cin != x.c || weight->kh != 1 || weight->kw != 1)
        return vk_fail_text(dev, FC_INTERNAL, "a linear layer's weight of another shape");
    struct job j = {
        .y = y, .x = x, .bias = bias, .epi = epi, .images = 1, .lines = fc_tensor_rows(x), .out_w = 1};
    if (epi->rowadd.data) {
        j.images = x.n;
        j.lines = (int64_t)x.h * x.w;
    }
    set_weight(&j, weight);
    return run(dev, &j);
}

fc_status vk_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                    const fc_conv_geom *geom, const fc_epi *epi)
{
    if (weight->rows != y.c || weight->cin != x.c || weight->kh != geom->kh || weight->kw != geom->kw)
        return vk_fail_text(dev, FC_INTERNAL, "a convolution's weight of another shape");
    if (fc_conv_is_point(geom) && !geom->resize) return vk_linear(dev, y, x, weight, bias, epi);
    if (x.h > 0xffff || x.w > 0xffff || y.h > 0xffff || y.w > 0xffff)
        return vk_fail_text(dev, FC_LIMIT, "a picture of more than 65535 pixels a side");
    struct job j = {
        .y = y, .x = x, .bias = bias, .geom = geom, .epi = epi, .images = y.n, .lines = y.h, .out_w = y.w};
    set_weight(&j, weight);
    return run(dev, &j);
}

fc_status vk_product_of(fc_dev *dev, fc_tensor y, fc_tensor x, fc_tensor w)
{
    const fc_epi plain = FC_PLAIN;
    vk_view v;
    fc_status status = vk_back(dev, (fc_tensor[]){y, x, w}, 3);
    if (status != FC_OK) return status;
    status = vk_view_rows(dev, w, 0, 1, &v);
    if (status) return status;
    if (w.ld % 4 != 0 || v.at % 4 != 0)
        return vk_fail_text(dev, FC_INTERNAL, "rows of a factor that are not aligned");
    struct job j = {.y = y, .x = x, .epi = &plain, .images = 1, .lines = fc_tensor_rows(x), .out_w = 1};
    uint64_t bytes = (uint64_t)fc_tensor_rows(w) * (uint64_t)w.ld * fc_dtype_size(w.dtype);
    status = vk_locate(dev, w.data, bytes, &j.w);
    if (status) return status;
    j.w_type = (uint32_t)w.dtype;
    j.cin_padded = j.ld_w = (uint32_t)w.ld;
    return run(dev, &j);
}
