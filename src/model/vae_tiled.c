/* Tiled decoding and encoding, for pictures whose activations do not fit in memory. The rows and the columns
 * of tiles form a grid, so a pixel's weight is a product of one number for its row and one for its column,
 * and both can be divided by their sums over all tiles beforehand. */
#include "model/vae.h"

#include <string.h>

#include "base/mem.h"

const fc_vae_tiling fc_vae_decode_tilings[3] = {
    {128, 32, 16, 16, true}, {32, 128, 16, 16, true}, {64, 64, 16, 16, true}};
const fc_vae_tiling fc_vae_encode_tilings[3] = {
    {64, 64, 8, 8, true}, {32, 128, 8, 8, true}, {128, 32, 8, 8, true}};
const fc_vae_tiling fc_vae_reference_tilings[3] = {
    {32, 32, 8, 8, true}, {64, 16, 8, 8, true}, {16, 64, 8, 8, true}};

/* One direction of the grid. Lengths count latents; weights stand for every cell of the result. */
struct axis {
    int32_t length, tile, step, overlap, scale; /* scale: cells of the result per latent */
    bool slivers;
    float *total; /* [length * scale]: sum of the weights of all tiles */
};

static int32_t axis_start(const struct axis *a, int32_t i)
{
    return i * a->step;
}

static int32_t axis_size(const struct axis *a, int32_t i)
{
    int32_t left = a->length - axis_start(a, i);
    return left < a->tile ? left : a->tile;
}

static int32_t axis_count(const struct axis *a)
{
    int32_t n = 1;
    while (a->slivers ? axis_start(a, n) < a->length : axis_start(a, n - 1) + a->tile < a->length) n++;
    return n;
}

/* Weight of cell p of a tile of `size` cells: rises from 1/feather at both ends to 1. In a tile that is
 * narrower than the feather the reference's second ramp runs past the first cell and, counting from the end
 * again, lowers some cells once more. */
static float ramp(int32_t p, int32_t size, int32_t feather)
{
    float w = 1.0f;
    if (p < feather) w *= (float)(p + 1) / (float)feather;
    if (size - 1 - p < feather) w *= (float)(size - p) / (float)feather;
    int32_t again = 2 * size - 1 - p; /* the step of the second ramp that comes around to p */
    if (again > size && again < feather) w *= (float)(again + 1) / (float)feather;
    return w;
}

static float axis_ramp(const struct axis *a, int32_t i, int32_t p)
{
    return ramp(p, axis_size(a, i) * a->scale, a->overlap * a->scale);
}

static void axis_sum(struct axis *a)
{
    memset(a->total, 0, (size_t)a->length * (size_t)a->scale * sizeof *a->total);
    for (int32_t i = 0; i < axis_count(a); i++) {
        float *total = a->total + (size_t)axis_start(a, i) * (size_t)a->scale;
        for (int32_t p = 0; p < axis_size(a, i) * a->scale; p++) total[p] += axis_ramp(a, i, p);
    }
}

/* What decoding and encoding have in common. `in` and `out`: cells per latent and channels of either side. */
struct side {
    int32_t scale, channels;
};
struct job {
    fc_cx *cx;
    const fc_vae *vae;
    fc_tensor (*run)(fc_cx *cx, const fc_vae *v, fc_tensor x);
    struct side in, out;
    int32_t h, w;
    int32_t run_channels; /* of what run gives: moments, also where samples are wanted */
    const float *source;
    float *result, *tile_in, *tile_out, *noise;
    const fc_vae_tiles *tiles;
    int32_t done, total;
};

static void cut(const struct job *j, int32_t y0, int32_t x0, int32_t h, int32_t w)
{
    size_t c = (size_t)j->in.channels, scale = (size_t)j->in.scale;
    size_t pitch = (size_t)j->w * scale * c, row = (size_t)w * scale * c;
    const float *from = j->source + (size_t)y0 * scale * pitch + (size_t)x0 * scale * c;
    for (size_t y = 0; y < (size_t)h * scale; y++)
        memcpy(j->tile_in + y * row, from + y * pitch, row * sizeof(float));
}

/* Adds tile (row, column) of the grid to the result. */
static void paste(const struct job *j, const struct axis *ay, const struct axis *ax, int32_t row,
                  int32_t column)
{
    int32_t c = j->out.channels, scale = j->out.scale;
    int32_t y0 = axis_start(ay, row) * scale, x0 = axis_start(ax, column) * scale;
    int32_t h = axis_size(ay, row) * scale, w = axis_size(ax, column) * scale;
    float share = 1.0f / (float)j->tiles->count;
    for (int32_t y = 0; y < h; y++) {
        float wy = share * axis_ramp(ay, row, y) / ay->total[y0 + y];
        const float *from = j->tile_out + (size_t)y * (size_t)w * (size_t)c;
        float *to = j->result + ((size_t)(y0 + y) * (size_t)(j->w * scale) + (size_t)x0) * (size_t)c;
        for (int32_t x = 0; x < w; x++) {
            float weight = wy * (axis_ramp(ax, column, x) / ax->total[x0 + x]);
            for (int32_t k = 0; k < c; k++) to[(size_t)x * (size_t)c + (size_t)k] += weight * *from++;
        }
    }
}

static void run_tile(struct job *j, const struct axis *ay, const struct axis *ax, int32_t row, int32_t column)
{
    int32_t h = axis_size(ay, row), w = axis_size(ax, column), scale = j->in.scale;
    fc_mark m = fc_enter(j->cx, NULL);
    cut(j, axis_start(ay, row), axis_start(ax, column), h, w);
    fc_tensor x = fc_upload(j->cx, FC_F32, j->tile_in, 1, h * scale, w * scale, j->in.channels);
    fc_download(j->cx, j->run(j->cx, j->vae, x), j->tile_out);
    fc_leave(j->cx, m);
    if (j->cx->status) return;
    if (j->noise) {
        j->tiles->draw(j->tiles->user, j->noise, h, w, j->out.channels);
        fc_vae_sample(j->tile_out, j->noise, j->tile_out, (size_t)h * (size_t)w, j->out.channels);
    }
    paste(j, ay, ax, row, column);
    j->done++;
    if (j->tiles->progress) j->tiles->progress(j->tiles->user, j->done, j->total);
}

static struct axis make_axis(int32_t length, int32_t tile, int32_t overlap, int32_t scale, bool slivers)
{
    if (!slivers && tile >= length) return (struct axis){length, length, length, 0, scale, false, NULL};
    return (struct axis){length, tile < length ? tile : length, tile - overlap, overlap, scale, slivers,
                         NULL};
}

static void make_axes(const struct job *j, const fc_vae_tiling *t, struct axis *ay, struct axis *ax)
{
    *ay = make_axis(j->h, t->h, t->overlap_y, j->out.scale, t->slivers);
    *ax = make_axis(j->w, t->w, t->overlap_x, j->out.scale, t->slivers);
}

static void run_tiling(struct job *j, const fc_vae_tiling *t)
{
    struct axis ay, ax;
    make_axes(j, t, &ay, &ax);
    size_t cells_in = (size_t)ay.tile * (size_t)ax.tile * (size_t)(j->in.scale * j->in.scale);
    size_t cells_out = (size_t)ay.tile * (size_t)ax.tile * (size_t)(j->out.scale * j->out.scale);
    j->tile_in = fc_calloc(cells_in * (size_t)j->in.channels, sizeof(float));
    j->tile_out = fc_calloc(cells_out * (size_t)j->run_channels, sizeof(float));
    if (j->tiles->draw) j->noise = fc_calloc(cells_out * (size_t)j->out.channels, sizeof(float));
    ay.total = fc_calloc((size_t)ay.length * (size_t)ay.scale, sizeof(float));
    ax.total = fc_calloc((size_t)ax.length * (size_t)ax.scale, sizeof(float));
    if (j->tile_in && j->tile_out && ay.total && ax.total && (j->noise || !j->tiles->draw)) {
        axis_sum(&ay);
        axis_sum(&ax);
        for (int32_t row = 0; row < axis_count(&ay); row++)
            for (int32_t column = 0; column < axis_count(&ax) && !j->cx->status; column++)
                run_tile(j, &ay, &ax, row, column);
    } else {
        fc_cx_fail(j->cx, FC_NOMEM, "out of memory; use a smaller picture");
    }
    fc_free(j->tile_in);
    fc_free(j->tile_out);
    fc_free(j->noise);
    j->noise = NULL;
    fc_free(ay.total);
    fc_free(ax.total);
}

static bool tiling_ok(const fc_vae_tiling *t)
{
    return t->h > 0 && t->w > 0 && t->overlap_y >= 0 && t->overlap_x >= 0 && t->overlap_y < t->h &&
           t->overlap_x < t->w;
}

static void run_job(struct job *j)
{
    for (int32_t i = 0; i < j->tiles->count; i++) {
        struct axis ay, ax;
        if (!tiling_ok(&j->tiles->tilings[i])) fc_cx_fail(j->cx, FC_INTERNAL, "an impossible tiling");
        if (j->cx->status) return;
        make_axes(j, &j->tiles->tilings[i], &ay, &ax);
        j->total += axis_count(&ay) * axis_count(&ax);
    }
    size_t cells = (size_t)j->h * (size_t)j->w * (size_t)(j->out.scale * j->out.scale);
    memset(j->result, 0, cells * (size_t)j->out.channels * sizeof(float));
    for (int32_t i = 0; i < j->tiles->count && !j->cx->status; i++) run_tiling(j, &j->tiles->tilings[i]);
}

static fc_tensor decode_whole(fc_cx *cx, const fc_vae *v, fc_tensor z)
{
    return fc_vae_decode(cx, v, z, false);
}

void fc_vae_decode_tiled(fc_cx *cx, const fc_vae *v, const float *z, int32_t h, int32_t w,
                         const fc_vae_tiles *tiles, float *image)
{
    struct job j = {.cx = cx, .vae = v, .run = decode_whole, .h = h, .w = w, .tiles = tiles};
    j.source = z;
    j.result = image;
    j.in = (struct side){1, fc_vae_latent_channels(v)};
    j.out = (struct side){fc_vae_factor(v), 3};
    j.run_channels = j.out.channels;
    run_job(&j);
}

void fc_vae_encode_tiled(fc_cx *cx, const fc_vae *v, const float *image, int32_t h, int32_t w,
                         const fc_vae_tiles *tiles, float *moments)
{
    struct job j = {.cx = cx, .vae = v, .run = fc_vae_encode, .h = h, .w = w, .tiles = tiles};
    j.source = image;
    j.result = moments;
    j.in = (struct side){fc_vae_factor(v), 3};
    j.run_channels = 2 * fc_vae_latent_channels(v);
    j.out = (struct side){1, tiles->draw ? fc_vae_latent_channels(v) : j.run_channels};
    run_job(&j);
}
