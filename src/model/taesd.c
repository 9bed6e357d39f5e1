/* Preview decoder. Must match TAESD's decoder: convolutions of one width, three times "three blocks, double
 * the size". */
#include "model/taesd.h"

#include <stdio.h>

#include "base/mem.h"

enum { LATENT = 4, STAGES = 4, MAX_BLOCKS = 3, MAX_CHANNELS = 1024, PREFIX_SIZE = 16 };
#define ARENA_CAP ((size_t)1 << 18)

/* Numbers of the layers in the reference's list of layers; those between hold no weights. */
static const struct {
    int blocks[MAX_BLOCKS], count, up; /* up: the convolution after the doubling; 0: none */
} stages[STAGES] = {{{3, 4, 5}, 3, 7}, {{8, 9, 10}, 3, 12}, {{13, 14, 15}, 3, 17}, {{18}, 1, 0}};
enum { FIRST = 1, LAST = 19 };

struct block {
    char name[8];
    fc_conv_w conv[3];
};

struct fc_taesd {
    fc_arena arena;
    fc_slot *slots;
    fc_conv_w first, last, up[STAGES];
    struct block block[STAGES][MAX_BLOCKS];
};

static void bind_block(fc_binder *b, struct block *k, int32_t c, const char *prefix, int number)
{
    snprintf(k->name, sizeof k->name, "%d", number);
    for (int i = 0; i < 3; i++)
        fc_bind_conv(b, &k->conv[i], c, c, 3, 1, FC_BIAS, "%s%d.conv.%d", prefix, number, 2 * i);
}

static fc_status bind_all(fc_taesd *t, fc_weights *w, fc_err *err)
{
    const char *prefix = fc_weights_has_prefix(w, "taesd.") ? "taesd." : "";
    char name[PREFIX_SIZE + 16];
    snprintf(name, sizeof name, "%s%d.weight", prefix, FIRST);
    int64_t width = fc_weights_dim(w, name, 0);
    if (width < 1 || width > MAX_CHANNELS)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this is no TAESD decoder; previews need taesdxl_decoder.safetensors");
    int32_t c = (int32_t)width;
    fc_binder b;
    fc_binder_init(&b, w, &t->arena);
    fc_bind_conv(&b, &t->first, LATENT, c, 3, 1, FC_BIAS, "%s%d", prefix, FIRST);
    for (int i = 0; i < STAGES; i++) {
        for (int k = 0; k < stages[i].count; k++)
            bind_block(&b, &t->block[i][k], c, prefix, stages[i].blocks[k]);
        if (stages[i].up) fc_bind_conv(&b, &t->up[i], c, c, 3, 1, FC_NO_BIAS, "%s%d", prefix, stages[i].up);
    }
    fc_bind_conv(&b, &t->last, c, 3, 3, 1, FC_BIAS, "%s%d", prefix, LAST);
    fc_status status = fc_binder_finish(&b, err);
    t->slots = b.slots;
    return status;
}

fc_status fc_taesd_open(fc_taesd **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_taesd *t = fc_calloc(1, sizeof *t);
    if (!t) return fc_fail(err, FC_NOMEM, "out of memory while opening the preview decoder");
    fc_arena_init(&t->arena, ARENA_CAP);
    fc_status status = bind_all(t, w, err);
    if (status) {
        fc_taesd_close(t);
        return status;
    }
    *out = t;
    return FC_OK;
}

void fc_taesd_close(fc_taesd *t)
{
    if (!t) return;
    fc_slots_forget(t->slots);
    fc_arena_fini(&t->arena);
    fc_free(t);
}

/* x = relu(conv(relu(conv(relu(conv(x))))) + x), in place */
static void run_block(fc_cx *cx, const struct block *b, fc_tensor x)
{
    fc_mark m = fc_enter(cx, b->name);
    fc_tensor h = fc_conv2d(cx, x, &b->conv[0], (fc_epi){.act = FC_ACT_RELU});
    h = fc_conv2d(cx, h, &b->conv[1], (fc_epi){.act = FC_ACT_RELU});
    fc_conv2d_to(cx, x, h, &b->conv[2], (fc_epi){.add = x});
    fc_unary_to(cx, x, x, FC_ACT_RELU);
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

static fc_tensor run_up(fc_cx *cx, const fc_conv_w *conv, fc_tensor x)
{
    fc_tensor y = fc_new(cx, x.dtype, x.n, 2 * x.h, 2 * x.w, conv->cout);
    fc_conv2d_resized_to(cx, y, x, conv, FC_PLAIN);
    return y;
}

fc_tensor fc_taesd_decode(fc_cx *cx, const fc_taesd *t, fc_tensor z)
{
    fc_tensor image = fc_new(cx, FC_F32, z.n, 8 * z.h, 8 * z.w, 3);
    fc_mark m = fc_enter(cx, "taesd");
    fc_tensor x = fc_unary(cx, fc_convert(cx, z, cx->act), FC_ACT_TANH3);
    x = fc_conv2d(cx, x, &t->first, FC_PLAIN);
    fc_probe(cx, "1", x);
    fc_unary_to(cx, x, x, FC_ACT_RELU);
    for (int i = 0; i < STAGES; i++) {
        for (int k = 0; k < stages[i].count; k++) run_block(cx, &t->block[i][k], x);
        if (stages[i].up) x = run_up(cx, &t->up[i], x);
    }
    fc_conv2d_to(cx, image, x, &t->last, FC_PLAIN);
    fc_leave(cx, m);
    return image;
}

/* Mean of 2x2 cells; an odd last row or column is left out. */
static void average(const float *latent, int32_t h, int32_t w, float *out)
{
    for (int32_t y = 0; y < h / 2; y++)
        for (int32_t x = 0; x < w / 2; x++)
            for (int32_t k = 0; k < LATENT; k++) {
                const float *p = latent + ((size_t)(2 * y) * (size_t)w + (size_t)(2 * x)) * LATENT + k;
                const float *below = p + (size_t)w * LATENT;
                *out++ = (p[0] + p[LATENT] + below[0] + below[LATENT]) / 4.0f;
            }
}

static void truncate_u8(const float *image, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float v = image[i] * 255.0f;
        out[i] = v >= 255.0f ? 255 : v >= 0.0f ? (uint8_t)v : 0; /* NaN: 0 */
    }
}

void fc_taesd_preview(fc_cx *cx, const fc_taesd *t, const float *latent, int32_t h, int32_t w, uint8_t *rgb)
{
    int32_t ph = h / 2, pw = w / 2;
    size_t cells = (size_t)ph * (size_t)pw, values = cells * 64 * 3;
    fc_mark m = fc_enter(cx, NULL);
    float *pooled = fc_calloc(cells * LATENT, sizeof(float)), *image = fc_calloc(values, sizeof(float));
    if (pooled && image) {
        average(latent, h, w, pooled);
        fc_tensor z = fc_upload(cx, FC_F32, pooled, 1, ph, pw, LATENT);
        fc_download(cx, fc_taesd_decode(cx, t, z), image);
        if (!cx->status) truncate_u8(image, rgb, values);
    } else {
        fc_cx_fail(cx, FC_NOMEM, "out of memory in the preview");
    }
    fc_free(pooled);
    fc_free(image);
    fc_leave(cx, m);
}
