/* ESRGAN: see esrgan.h. A dense block's layers read everything before them, so they write side by side into
 * one wide tensor: layer k reads its first `width + k * growth` channels. */
#include "model/esrgan.h"

#include <stdio.h>

#include "base/mem.h"

enum { RGB = 3, DENSE = 3, LAYERS = 5, MAX_BLOCKS = 128, MAX_UPS = 3, MAX_CHANNELS = 1024, NAME_SIZE = 96 };
static const float RESIDUAL = 0.2f;
#define ARENA_CAP ((size_t)8 << 20)

/* How the layers are called. In the older files those around the blocks are numbered in one list: 0 the
 * first, 3 6
 * ... what follows an enlargement, then the two last ones. */
struct spelling {
    bool listed;
    const char *first, *blocks, *dense, *layer_end, *trunk, *up, *hr, *last;
};

static const struct spelling spellings[] = {
    {true, "model.0", "model.1.sub.", "RDB", ".0", "", "", "", ""},
    {true, "model.0", "model.1.sub.", "residual_block_", ".0", "", "", "", ""},
    {false, "conv_first", "RRDB_trunk.", "RDB", "", "trunk_conv", "upconv", "HRconv", "conv_last"},
    {false, "conv_first", "body.", "rdb", "", "conv_body", "conv_up", "conv_hr", "conv_last"},
};

struct block {
    char name[12];
    fc_conv_w conv[DENSE][LAYERS];
};

struct fc_esrgan {
    fc_arena arena;
    fc_slot *slots;
    int32_t width, growth, blocks, ups;
    struct block *block; /* [blocks] */
    fc_conv_w first, trunk, up[MAX_UPS], hr, last;
};

/* ---- what the file holds ---- */

static void dense_name(char out[NAME_SIZE], const struct spelling *s, int32_t block, int dense, int layer)
{
    snprintf(out, NAME_SIZE, "%s%d.%s%d.conv%d%s", s->blocks, block, s->dense, dense + 1, layer + 1,
             s->layer_end);
}

/* number: place in the list of the older spellings */
static void tail_name(char out[NAME_SIZE], const struct spelling *s, const char *name, int32_t number)
{
    if (s->listed)
        snprintf(out, NAME_SIZE, "model.%d", number);
    else
        snprintf(out, NAME_SIZE, "%s", name);
}

static void up_name(char out[NAME_SIZE], const struct spelling *s, int32_t up)
{
    char name[24];
    snprintf(name, sizeof name, "%s%d", s->listed ? "" : s->up, up + 1);
    tail_name(out, s, name, 3 * (up + 1));
}

static void trunk_name(char out[NAME_SIZE], const struct spelling *s, int32_t blocks)
{
    if (s->listed)
        snprintf(out, NAME_SIZE, "%s%d", s->blocks, blocks);
    else
        snprintf(out, NAME_SIZE, "%s", s->trunk);
}

static int64_t layer_dim(fc_weights *w, const char *layer, int32_t d)
{
    char name[NAME_SIZE + 8];
    snprintf(name, sizeof name, "%s.weight", layer);
    return fc_weights_dim(w, name, d);
}

static const struct spelling *find_spelling(fc_weights *w)
{
    char name[NAME_SIZE];
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        dense_name(name, &spellings[i], 0, 0, 0);
        if (layer_dim(w, name, 0) > 0 && layer_dim(w, spellings[i].first, 0) > 0) return &spellings[i];
    }
    return NULL;
}

/* The last layer of a listed file has number 3 * ups + 4. */
static int32_t count_ups(fc_weights *w, const struct spelling *s)
{
    char name[NAME_SIZE];
    int32_t ups = 0;
    if (s->listed) {
        for (ups = MAX_UPS; ups > 0; ups--) {
            tail_name(name, s, "", 3 * ups + 4);
            if (layer_dim(w, name, 0) == RGB) break;
        }
        return ups;
    }
    for (; ups < MAX_UPS; ups++) {
        up_name(name, s, ups);
        if (layer_dim(w, name, 0) < 0) break;
    }
    return ups;
}

static fc_status read_shape(fc_esrgan *e, fc_weights *w, const struct spelling *s, fc_err *err)
{
    char name[NAME_SIZE];
    int64_t width = layer_dim(w, s->first, 0), inputs = layer_dim(w, s->first, 1);
    dense_name(name, s, 0, 0, 0);
    int64_t growth = layer_dim(w, name, 0);
    if (inputs != RGB)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "this upscaler reads %lld values a pixel instead of 3, which this program cannot do; choose a "
            "4x version of it",
            (long long)inputs);
    if (width < 1 || width > MAX_CHANNELS || growth < 1 || growth > MAX_CHANNELS)
        return fc_fail(err, FC_FORMAT, "the upscaler in this file has an unknown shape; use an ESRGAN model");
    e->width = (int32_t)width;
    e->growth = (int32_t)growth;
    for (; e->blocks < MAX_BLOCKS; e->blocks++) {
        dense_name(name, s, e->blocks, 0, 0);
        if (layer_dim(w, name, 0) < 0) break;
    }
    e->ups = count_ups(w, s);
    return FC_OK;
}

/* ---- binding ---- */

static void bind_blocks(fc_binder *b, fc_esrgan *e, const struct spelling *s)
{
    char name[NAME_SIZE];
    for (int32_t i = 0; i < e->blocks; i++) {
        snprintf(e->block[i].name, sizeof e->block[i].name, "%d", i);
        for (int d = 0; d < DENSE; d++)
            for (int k = 0; k < LAYERS; k++) {
                dense_name(name, s, i, d, k);
                fc_bind_conv(b, &e->block[i].conv[d][k], e->width + k * e->growth,
                             k + 1 < LAYERS ? e->growth : e->width, 3, 1, FC_BIAS, "%s", name);
            }
    }
}

static fc_status bind_all(fc_esrgan *e, fc_weights *w, fc_err *err)
{
    const struct spelling *s = find_spelling(w);
    char name[NAME_SIZE];
    fc_binder b;
    if (!s) return fc_fail(err, FC_UNSUPPORTED, "this is no upscaler of the ESRGAN family");
    fc_status status = read_shape(e, w, s, err);
    if (status) return status;
    e->block = fc_arena_array(&e->arena, (size_t)e->blocks, sizeof *e->block);
    if (!e->block) return fc_fail(err, FC_NOMEM, "out of memory while opening the upscaler");
    fc_binder_init(&b, w, &e->arena);
    fc_bind_conv(&b, &e->first, RGB, e->width, 3, 1, FC_BIAS, "%s", s->first);
    bind_blocks(&b, e, s);
    trunk_name(name, s, e->blocks);
    fc_bind_conv(&b, &e->trunk, e->width, e->width, 3, 1, FC_BIAS, "%s", name);
    for (int32_t i = 0; i < e->ups; i++) {
        up_name(name, s, i);
        fc_bind_conv(&b, &e->up[i], e->width, e->width, 3, 1, FC_BIAS, "%s", name);
    }
    tail_name(name, s, s->hr, 3 * e->ups + 2);
    fc_bind_conv(&b, &e->hr, e->width, e->width, 3, 1, FC_BIAS, "%s", name);
    tail_name(name, s, s->last, 3 * e->ups + 4);
    fc_bind_conv(&b, &e->last, e->width, RGB, 3, 1, FC_BIAS, "%s", name);
    status = fc_binder_finish(&b, err);
    e->slots = b.slots;
    return status;
}

fc_status fc_esrgan_open(fc_esrgan **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_esrgan *e = fc_calloc(1, sizeof *e);
    if (!e) return fc_fail(err, FC_NOMEM, "out of memory while opening the upscaler");
    fc_arena_init(&e->arena, ARENA_CAP);
    fc_status status = bind_all(e, w, err);
    if (status) {
        fc_esrgan_close(e);
        return status;
    }
    *out = e;
    return FC_OK;
}

void fc_esrgan_close(fc_esrgan *e)
{
    if (!e) return;
    fc_slots_forget(e->slots);
    fc_arena_fini(&e->arena);
    fc_free(e);
}

int32_t fc_esrgan_scale(const fc_esrgan *e)
{
    return 1 << e->ups;
}

int32_t fc_esrgan_blocks(const fc_esrgan *e)
{
    return e->blocks;
}

/* ---- running ---- */

static const fc_epi LEAKY = {.act = FC_ACT_LRELU};

/* to[..width] = 0.2 * dense block(from[..width]) + from[..width]; the other channels of both are room for
 * layers. */
static void run_dense(fc_cx *cx, const fc_esrgan *e, const fc_conv_w conv[LAYERS], fc_tensor to,
                      fc_tensor from)
{
    fc_tensor x = fc_tensor_channels(from, 0, e->width);
    for (int k = 0; k + 1 < LAYERS; k++) {
        int32_t have = e->width + k * e->growth;
        fc_conv2d_to(cx, fc_tensor_channels(from, have, e->growth), fc_tensor_channels(from, 0, have),
                     &conv[k], LEAKY);
    }
    fc_conv2d_to(cx, fc_tensor_channels(to, 0, e->width), from, &conv[LAYERS - 1],
                 (fc_epi){.scale = RESIDUAL, .add = x});
}

/* x [n,h,w,width], in place: every block adds a fifth of what its three dense blocks make of it */
static void run_blocks(fc_cx *cx, const fc_esrgan *e, fc_tensor x)
{
    fc_mark m = fc_enter(cx, NULL);
    int32_t wide = e->width + (LAYERS - 1) * e->growth;
    fc_tensor room[2];
    for (int i = 0; i < 2; i++) room[i] = fc_new(cx, x.dtype, x.n, x.h, x.w, wide);
    for (int32_t i = 0; i < e->blocks; i++) {
        fc_mark inner = fc_enter(cx, e->block[i].name);
        fc_copy_to(cx, fc_tensor_channels(room[0], 0, e->width), x);
        for (int d = 0; d < DENSE; d++) run_dense(cx, e, e->block[i].conv[d], room[(d + 1) % 2], room[d % 2]);
        fc_axpby_to(cx, x, RESIDUAL, fc_tensor_channels(room[DENSE % 2], 0, e->width), 1.0f, x);
        fc_probe(cx, NULL, x);
        fc_leave(cx, inner);
    }
    fc_leave(cx, m);
}

fc_tensor fc_esrgan_run(fc_cx *cx, const fc_esrgan *e, fc_tensor image)
{
    int32_t scale = fc_esrgan_scale(e);
    fc_tensor out = fc_new(cx, FC_F32, image.n, scale * image.h, scale * image.w, RGB);
    fc_mark m = fc_enter(cx, "esrgan");
    fc_tensor features = fc_conv2d(cx, fc_convert(cx, image, cx->act), &e->first, FC_PLAIN);
    fc_probe(cx, "first", features);
    fc_tensor x = fc_new(cx, cx->act, image.n, image.h, image.w, e->width);
    fc_copy_to(cx, x, features);
    run_blocks(cx, e, x);
    x = fc_conv2d(cx, x, &e->trunk, (fc_epi){.add = features});
    fc_probe(cx, "trunk", x);
    for (int32_t i = 0; i < e->ups; i++) {
        fc_tensor y = fc_new(cx, cx->act, x.n, 2 * x.h, 2 * x.w, e->width);
        fc_conv2d_resized_to(cx, y, x, &e->up[i], LEAKY);
        x = y;
    }
    x = fc_conv2d(cx, x, &e->hr, LEAKY);
    fc_conv2d_to(cx, out, x, &e->last, FC_PLAIN);
    fc_leave(cx, m);
    return out;
}

uint64_t fc_esrgan_bytes(const fc_esrgan *e, fc_dtype act, int32_t n, int32_t h, int32_t w)
{
    uint64_t pixels = (uint64_t)n * (uint64_t)h * (uint64_t)w, enlarged = pixels << (2 * e->ups);
    uint64_t width = (uint64_t)e->width, wide = width + (LAYERS - 1) * (uint64_t)e->growth;
    uint64_t blocks = pixels * 2 * wide, tail = pixels * width + enlarged * width; /* trunk and hr */
    for (int32_t i = 1; i <= e->ups; i++) tail += (pixels << (2 * i)) * width;
    uint64_t elements = pixels * (RGB + 2 * width) + (blocks > tail ? blocks : tail);
    return elements * fc_dtype_size(act) + enlarged * RGB * fc_dtype_size(FC_F32) + 8192;
}
