/* See speed.h. The shapes are typical ones of SDXL's UNet. */
#include "engine/speed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/engine_impl.h"
#include "nn/backend.h"

/* FLOP of one evaluation of the SDXL base UNet at a latent of 128 x 128, summed over its blocks: 3x3
 * convolutions, linear layers (1x1 convolutions included), attention. A guided step evaluates it twice. */
static const double UNET_CONV = 1.556e12, UNET_LINEAR = 4.421e12, UNET_ATTENTION = 0.784e12;
enum { EVALUATIONS = 2, SIDE = 32, WIDTH = 640, HEADS = 10, TOKENS = 1024 };
static const double MEASURE_SECONDS = 0.25;

typedef struct trial {
    const fc_backend *backend;
    fc_dev *dev;
    fc_dtype type;
    fc_tensor x, y; /* [1, SIDE, SIDE, WIDTH], y up to four times as wide */
    fc_packed *weight;
    fc_conv_geom geom;
} trial;

typedef fc_status run_fn(const trial *t);

static fc_status run_linear(const trial *t)
{
    return t->backend->linear(t->dev, t->y, t->x, t->weight, NULL, &FC_PLAIN);
}

static fc_status run_conv(const trial *t)
{
    return t->backend->conv2d(t->dev, t->y, t->x, t->weight, NULL, &t->geom, &FC_PLAIN);
}

static fc_status run_attention(const trial *t)
{
    fc_tensor q = t->x, y = t->y;
    q.h = y.h = 1;
    q.w = y.w = TOKENS;
    return t->backend->attention(t->dev, y, q, q, q, HEADS, false);
}

/* The first run may still build kernels. Of the others the quickest counts: what else runs on the machine
 * makes single ones slow. */
static fc_status measure(const trial *t, run_fn *run, double flop, double *rate)
{
    double begin, best = 1e9;
    fc_status status = run(t);
    if (status != FC_OK) goto out;
    status = t->backend->wait(t->dev);
out:
    begin = fc_now();
    while (status == FC_OK && fc_now() - begin < MEASURE_SECONDS) {
        double start = fc_now();
        status = run(t);
        if (status == FC_OK) status = t->backend->wait(t->dev);
        double passed = fc_now() - start;
        if (passed > 0 && passed < best) best = passed;
    }
    *rate = flop / best;
    return status;
}

static fc_status small_values(void *user, int32_t first, int32_t count, float *dst)
{
    size_t columns = *(const size_t *)user;
    for (size_t i = 0; i < (size_t)count * columns; i++)
        dst[i] = (float)((i + (size_t)first) % 61) * 1e-3f - 0.03f;
    return FC_OK;
}

static fc_pack_src source(int32_t rows, int32_t side, size_t *columns)
{
    return (fc_pack_src){.name = "speed",
                         .rows = rows,
                         .cin = WIDTH,
                         .kh = side,
                         .kw = side,
                         .user = columns,
                         .read_rows = small_values};
}

static size_t room_of(const trial *t, int32_t width)
{
    return (size_t)SIDE * SIDE * (size_t)width * fc_dtype_size(t->type);
}

static fc_status make_tensor(const trial *t, int32_t width, fc_tensor *out)
{
    size_t count = (size_t)SIDE * SIDE * (size_t)width, size = fc_dtype_size(t->type);
    *out = (fc_tensor){.dtype = t->type, .n = 1, .h = SIDE, .w = SIDE, .c = width, .ld = width};
    fc_status status = t->backend->mem_alloc(t->dev, room_of(t, width), &out->data);
    float *values = fc_calloc(count, sizeof *values);
    if (status != FC_OK) goto out;
    if (!values) {
        status = FC_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < count; i++) values[i] = (float)(i % 127) * 1e-2f - 0.6f;
    /* narrowed in place: an element never overtakes its source */
    for (size_t i = 0; i < count && t->type != FC_F32; i++)
        fc_from_f32((char *)values + i * size, t->type, &values[i], 1);
    status = t->backend->upload(t->dev, out->data, values, count * size);
out:
    fc_free(values);
    return status;
}

static fc_status measure_linear(trial *t, double *rate, fc_err *err)
{
    size_t columns = WIDTH;
    fc_pack_src src = source(4 * WIDTH, 1, &columns);
    fc_status status = t->backend->pack_linear(t->dev, &src, t->type, &t->weight, err);
    t->y.c = 4 * WIDTH;
    if (status != FC_OK) goto out;
    status = measure(t, run_linear, 2.0 * SIDE * SIDE * WIDTH * 4 * WIDTH, rate);
out:
    t->backend->packed_free(t->dev, t->weight);
    t->weight = NULL;
    return status;
}

static fc_status measure_conv(trial *t, double *rate, fc_err *err)
{
    size_t columns = 9 * WIDTH;
    fc_pack_src src = source(WIDTH, 3, &columns);
    t->geom = (fc_conv_geom){3, 3, 1, 1, 1, 1, 1, 0};
    t->y.c = WIDTH;
    fc_status status = t->backend->pack_conv(t->dev, &src, &t->geom, t->type, &t->weight, err);
    if (status != FC_OK) goto out;
    status = measure(t, run_conv, 2.0 * 9 * SIDE * SIDE * WIDTH * WIDTH, rate);
out:
    t->backend->packed_free(t->dev, t->weight);
    t->weight = NULL;
    return status;
}

fc_status fc_engine_measure(fc_engine *e, fc_speed *out, fc_err *err)
{
    trial t = {.backend = e->backend, .dev = e->dev, .type = e->act};
    *out = (fc_speed){0};
    fc_status status = make_tensor(&t, WIDTH, &t.x);
    if (status != FC_OK) goto out;
    status = make_tensor(&t, 4 * WIDTH, &t.y);
    if (status != FC_OK) goto out;
    status = measure_linear(&t, &out->linear, err);
    if (status != FC_OK) goto out;
    status = measure_conv(&t, &out->conv, err);
    if (status != FC_OK) goto out;
    status = measure(&t, run_attention, 4.0 * TOKENS * TOKENS * WIDTH, &out->attention);
out:
    t.backend->mem_free(t.dev, t.x.data, room_of(&t, WIDTH));
    t.backend->mem_free(t.dev, t.y.data, room_of(&t, 4 * WIDTH));
    if (status != FC_OK)
        return err && err->status == status ? status : fc_fail(err, status, "the speed cannot be measured");
    out->step_seconds =
        EVALUATIONS * (UNET_LINEAR / out->linear + UNET_CONV / out->conv + UNET_ATTENTION / out->attention);
    return FC_OK;
}
