/* The decoder's last level in strips of lines, for little memory. The result is that of the level in one
 * piece but for rounding: a strip is computed with the lines around it that its convolutions look at, and
 * every norm uses the statistics of the whole picture, which are measured in a pass of their own. What it
 * costs is time: the convolution that leads to the level runs three times, the first one of every block
 * twice. */
#include "model/vae_impl.h"

enum { STRIP = 32, REACH = 1, KEPT = 2 * REACH }; /* lines; REACH: of a 3x3 convolution */

struct lines {
    int32_t first, end;
};

/* What a block reads: x, or x enlarged by a convolution. `above`: the lines of x over the strip, when x is
 * being overwritten. */
struct source {
    fc_tensor x, above;
    const fc_conv_w *enlarge; /* NULL: x itself */
    int32_t h, w;             /* of what is read */
};

struct block {
    const struct vae_res *res;
    struct source from;
    fc_tensor y;            /* may be x of the source */
    fc_tensor norm1, norm2; /* the whole picture's statistics */
};

/* Lines of the first image. */
static fc_tensor lines_of(fc_tensor t, struct lines at)
{
    if (t.data) t.data = (char *)t.data + (size_t)((int64_t)at.first * t.w * t.ld) * fc_dtype_size(t.dtype);
    t.n = 1;
    t.h = at.end - at.first;
    return t;
}

/* With `margin` lines more on both sides, as far as there are any. */
static struct lines widen(struct lines at, int32_t margin, int32_t h)
{
    struct lines wide = {at.first - margin, at.end + margin};
    if (wide.first < 0) wide.first = 0;
    if (wide.end > h) wide.end = h;
    return wide;
}

static struct lines strip(int32_t first, int32_t h)
{
    return (struct lines){first, first + STRIP < h ? first + STRIP : h};
}

/* Lines `out` of a convolution whose input's lines `in` are x. */
static void convolve(fc_cx *cx, fc_tensor y, struct lines out, fc_tensor x, struct lines in,
                     const fc_conv_w *w, fc_epi epi)
{
    fc_conv_geom geom = w->geom;
    geom.pad_top = in.first - (out.first - REACH);
    geom.pad_bottom = out.end + REACH - in.end;
    fc_conv2d_geom_to(cx, y, x, w, &geom, epi);
}

static fc_tensor enlarged(fc_cx *cx, const struct source *s, struct lines at)
{
    struct lines read = {(at.first - REACH) / 2, (at.end - 1 + REACH) / 2 + 1};
    read = widen(read, 0, s->x.h);
    fc_tensor all = fc_new(cx, s->x.dtype, 1, 2 * (read.end - read.first), s->w, s->enlarge->cout);
    fc_conv2d_resized_to(cx, all, lines_of(s->x, read), s->enlarge, FC_PLAIN);
    return lines_of(all, (struct lines){at.first - 2 * read.first, at.end - 2 * read.first});
}

/* A copy of the lines that may be overwritten; strip_first: where `above` ends. */
static fc_tensor read_lines(fc_cx *cx, const struct source *s, struct lines at, int32_t strip_first)
{
    if (s->enlarge) return enlarged(cx, s, at);
    fc_tensor copy = fc_new(cx, s->x.dtype, 1, at.end - at.first, s->w, s->x.c);
    int32_t old = s->above.data && strip_first > at.first ? strip_first - at.first : 0;
    if (old > 0)
        fc_copy_to(cx, lines_of(copy, (struct lines){0, old}),
                   lines_of(s->above, (struct lines){KEPT - old, KEPT}));
    fc_copy_to(cx, lines_of(copy, (struct lines){old, copy.h}),
               lines_of(s->x, (struct lines){at.first + old, at.end}));
    return copy;
}

static void measure_norm1(fc_cx *cx, struct block *b)
{
    b->norm1 = fc_group_stats_new(cx, &b->res->norm1, 1);
    for (int32_t y = 0; b->from.enlarge && y < b->from.h && !cx->status; y += STRIP) {
        fc_mark m = fc_enter(cx, NULL);
        fc_tensor x = read_lines(cx, &b->from, strip(y, b->from.h), y);
        fc_group_stats_add(cx, b->norm1, x, &b->res->norm1, (int64_t)y * b->from.w);
        fc_leave(cx, m);
    }
    if (!b->from.enlarge) fc_group_stats_add(cx, b->norm1, b->from.x, &b->res->norm1, 0);
}

/* Lines `out` of what the block's first convolution makes; x: lines `in` of what it reads, overwritten. */
static fc_tensor first_half(fc_cx *cx, const struct block *b, struct lines out, fc_tensor x, struct lines in)
{
    fc_tensor h = fc_new(cx, x.dtype, 1, out.end - out.first, x.w, b->res->cout);
    fc_group_norm_given_to(cx, x, x, &b->res->norm1, FC_ACT_SILU, b->norm1);
    convolve(cx, h, out, x, in, &b->res->conv1, FC_PLAIN);
    return h;
}

static void measure_norm2(fc_cx *cx, struct block *b)
{
    b->norm2 = fc_group_stats_new(cx, &b->res->norm2, 1);
    for (int32_t y = 0; y < b->from.h && !cx->status; y += STRIP) {
        fc_mark m = fc_enter(cx, NULL);
        struct lines out = strip(y, b->from.h), in = widen(out, REACH, b->from.h);
        fc_tensor h = first_half(cx, b, out, read_lines(cx, &b->from, in, y), in);
        fc_group_stats_add(cx, b->norm2, h, &b->res->norm2, (int64_t)y * b->from.w);
        fc_leave(cx, m);
    }
}

/* y of a strip before the convolutions are added to it. */
static void start(fc_cx *cx, const struct block *b, fc_tensor y, fc_tensor x)
{
    if (b->res->has_skip)
        fc_linear_to(cx, y, x, &b->res->skip, FC_PLAIN);
    else if (b->from.x.data != b->y.data)
        fc_copy_to(cx, y, x);
}

static void run_strip(fc_cx *cx, struct block *b, struct lines out)
{
    int32_t h = b->from.h;
    struct lines inner = widen(out, REACH, h), in = widen(out, 2 * REACH, h);
    fc_tensor y = lines_of(b->y, out), x = read_lines(cx, &b->from, in, out.first);
    if (b->from.above.data && out.end < h)
        fc_copy_to(cx, b->from.above, lines_of(b->from.x, (struct lines){out.end - KEPT, out.end}));
    start(cx, b, y, lines_of(x, (struct lines){out.first - in.first, out.end - in.first}));
    fc_tensor middle = first_half(cx, b, inner, x, in);
    fc_group_norm_given_to(cx, middle, middle, &b->res->norm2, FC_ACT_SILU, b->norm2);
    convolve(cx, y, out, middle, inner, &b->res->conv2, (fc_epi){.add = y});
}

static void run_block(fc_cx *cx, struct block *b)
{
    fc_mark m = fc_enter(cx, b->res->name);
    measure_norm1(cx, b);
    measure_norm2(cx, b);
    if (b->from.x.data == b->y.data) b->from.above = fc_new(cx, b->y.dtype, 1, KEPT, b->y.w, b->y.c);
    for (int32_t y = 0; y < b->from.h && !cx->status; y += STRIP) {
        fc_mark inner = fc_enter(cx, NULL);
        run_strip(cx, b, strip(y, b->from.h));
        fc_leave(cx, inner);
    }
    fc_probe(cx, NULL, b->y);
    fc_leave(cx, m);
}

fc_tensor vae_strips_run(fc_cx *cx, const struct vae_net *net, fc_tensor x, struct vae_canvas *canvas)
{
    const struct vae_level *last = &net->level[net->levels - 1];
    struct source from = {
        .x = x, .enlarge = &net->level[net->levels - 2].resample, .h = 2 * x.h, .w = 2 * x.w};
    fc_tensor y = vae_canvas_next(canvas, 1, from.h, from.w, last->cout);
    fc_mark m = fc_enter(cx, last->name);
    for (int32_t i = 0; i < last->blocks; i++) {
        struct block b = {.res = &last->block[i], .from = from, .y = y};
        run_block(cx, &b);
        from = (struct source){.x = y, .h = y.h, .w = y.w};
    }
    fc_leave(cx, m);
    return y;
}

int64_t vae_strips_elements(const struct vae_net *net, int32_t w)
{
    const struct vae_level *last = &net->level[net->levels - 1];
    int64_t in = net->level[net->levels - 2].resample.cout, out = last->cout;
    int64_t first = (STRIP + 4 * REACH + 4) * in + (STRIP + 2 * REACH) * out; /* enlarged: up to 4 more */
    int64_t others = (STRIP + 4 * REACH + STRIP + 2 * REACH + KEPT) * out;
    return w * (first > others ? first : others);
}
