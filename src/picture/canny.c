/* Edges at several sizes, summed: the picture that PyraCanny control looks at. See canny.h. */
#include "picture/canny.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "picture/resize.h"
#include "picture/stretch.h"

/* ---- one channel, one size ---- */

typedef struct gradient {
    int16_t *dx, *dy;   /* [w] */
    int32_t *magnitude; /* [w + 2], one 0 at either end */
} gradient;

typedef struct canny_job {
    const fc_pixels *src;
    fc_pixels *edges; /* 0 no edge, MAYBE above low, 255 edge */
    int32_t low, high;
    gradient rows[3];  /* of source rows y % 3 */
    uint32_t *waiting; /* edge pixels whose neighbours have not been looked at */
    size_t waiting_count;
} canny_job;

enum { MAYBE = 1, EDGE = 255 };

/* The Sobel gradient of row y, borders repeated; y may be one row outside, where it counts as 0. */
static void fill_gradient(const canny_job *job, int32_t y)
{
    const gradient *g = &job->rows[(y + 3) % 3];
    const int32_t w = job->src->w, h = job->src->h;
    if (y < 0 || y >= h) {
        memset(g->magnitude, 0, ((size_t)w + 2) * sizeof *g->magnitude);
        return;
    }
    const uint8_t *a = fc_pixels_row(job->src, y > 0 ? y - 1 : 0), *b = fc_pixels_row(job->src, y),
                  *c = fc_pixels_row(job->src, y < h - 1 ? y + 1 : y);
    for (int32_t x = 0; x < w; x++) {
        int32_t l = x > 0 ? x - 1 : 0, r = x < w - 1 ? x + 1 : x;
        int32_t dx = a[r] - a[l] + 2 * (b[r] - b[l]) + c[r] - c[l];
        int32_t dy = c[l] - a[l] + 2 * (c[x] - a[x]) + c[r] - a[r];
        g->dx[x] = (int16_t)dx;
        g->dy[x] = (int16_t)dy;
        g->magnitude[x + 1] = abs(dx) + abs(dy);
    }
}

/* Whether pixel x of the middle row is a maximum across its edge. */
static bool is_maximum(const gradient *above, const gradient *here, const gradient *below, int32_t x)
{
    enum { TAN_22_5 = 13573 }; /* of 22.5 degrees, << 15 */
    const int32_t *m = here->magnitude + x + 1, *up = above->magnitude + x + 1,
                  *down = below->magnitude + x + 1;
    int32_t dx = here->dx[x], dy = here->dy[x], ax = abs(dx), ay = abs(dy) << 15, t = TAN_22_5 * ax;
    if (ay < t) return m[0] > m[-1] && m[0] >= m[1];
    if (ay > t + (ax << 16)) return m[0] > up[0] && m[0] >= down[0];
    int32_t s = (dx ^ dy) < 0 ? -1 : 1;
    return m[0] > up[-s] && m[0] > down[s];
}

static void mark_edge(canny_job *job, size_t at)
{
    job->edges->data[at] = EDGE;
    job->waiting[job->waiting_count++] = (uint32_t)at;
}

static void find_maxima(canny_job *job)
{
    const int32_t w = job->src->w;
    fill_gradient(job, -1);
    fill_gradient(job, 0);
    for (int32_t y = 0; y < job->src->h; y++) {
        fill_gradient(job, y + 1);
        const gradient *above = &job->rows[(y + 2) % 3], *here = &job->rows[y % 3],
                       *below = &job->rows[(y + 1) % 3];
        for (int32_t x = 0; x < w; x++) {
            size_t at = (size_t)y * (size_t)w + (size_t)x;
            int32_t m = here->magnitude[x + 1];
            bool counts = m > job->low && is_maximum(above, here, below, x);
            job->edges->data[at] = counts ? MAYBE : 0;
            if (counts && m > job->high) mark_edge(job, at);
        }
    }
}

/* Every pixel enters `waiting` at most once: when it becomes an edge. */
static void follow_edges(canny_job *job)
{
    const int32_t w = job->src->w, h = job->src->h;
    while (job->waiting_count > 0) {
        uint32_t at = job->waiting[--job->waiting_count];
        int32_t y = (int32_t)(at / (uint32_t)w), x = (int32_t)(at % (uint32_t)w);
        for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < h; v++)
            for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < w; u++) {
                size_t next = (size_t)v * (size_t)w + (size_t)u;
                if (job->edges->data[next] == MAYBE) mark_edge(job, next);
            }
    }
    const size_t size = fc_pixels_size(job->edges);
    for (size_t i = 0; i < size; i++)
        if (job->edges->data[i] == MAYBE) job->edges->data[i] = 0;
}

static int32_t whole(double threshold)
{
    return threshold > 1e9 ? 1000000000 : threshold > -1e9 ? (int32_t)threshold : -1000000000;
}

fc_status fc_canny_edges(fc_pixels *edges, const fc_pixels *grey, double low, double high, fc_err *err)
{
    *edges = (fc_pixels){0};
    if (grey->channels != 1) return fc_fail(err, FC_ARG, "edges are looked for in one channel at a time");
    const size_t w = (size_t)grey->w;
    fc_status status = fc_pixels_init(edges, grey->w, grey->h, 1, err);
    if (status != FC_OK) return status;
    canny_job job = {.src = grey, .edges = edges};
    job.low = whole(low < high ? low : high);
    job.high = whole(low < high ? high : low);
    job.waiting = fc_alloc(fc_pixels_size(grey) * sizeof *job.waiting);
    bool ready = job.waiting != NULL;
    for (int i = 0; i < 3; i++) {
        gradient *g = &job.rows[i];
        g->dx = fc_calloc(w, sizeof *g->dx);
        g->dy = fc_calloc(w, sizeof *g->dy);
        g->magnitude = fc_calloc(w + 2, sizeof *g->magnitude);
        ready = ready && g->dx && g->dy && g->magnitude;
    }
    if (ready) {
        find_maxima(&job);
        follow_edges(&job);
    } else {
        fc_pixels_fini(edges);
        status = fc_fail(err, FC_NOMEM, "out of memory while looking for edges");
    }
    for (int i = 0; i < 3; i++) {
        fc_free(job.rows[i].dx);
        fc_free(job.rows[i].dy);
        fc_free(job.rows[i].magnitude);
    }
    fc_free(job.waiting);
    return status;
}

/* ---- pyramid ---- */

/* acc [src->h][src->w] of one level: its edges, mixed with the enlarged ones of the level before (before may
 * be empty: the first level). */
static fc_status run_level(float *acc, const fc_pixels *small, const float *before, int32_t before_w,
                           int32_t before_h, double low, double high, fc_err *err)
{
    fc_pixels edges;
    fc_status status = fc_canny_edges(&edges, small, low, high, err);
    if (status != FC_OK) return status;
    const size_t count = fc_pixels_size(&edges);
    if (before_w > 0) status = fc_resize_linear(acc, small->w, small->h, before, before_w, before_h, 1, err);
    for (size_t i = 0; status == FC_OK && i < count; i++) {
        float edge = (float)edges.data[i] / 255.0f;
        acc[i] = before_w > 0 ? acc[i] * 0.75f + edge * 0.25f : edge;
    }
    fc_pixels_fini(&edges);
    return status;
}

/* One channel through all sizes; acc and before [h][w] change places, *last is the one with the result. */
static fc_status run_channel(float *acc, float *before, float **last, const fc_pixels *plane, double low,
                             double high, fc_err *err)
{
    static const double sizes[] = {0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
    int32_t before_w = 0, before_h = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fc_pixels small;
        fc_status status = fc_resize_area(&small, plane, (int32_t)(plane->w * sizes[i]),
                                          (int32_t)(plane->h * sizes[i]), err);
        if (status != FC_OK) return status;
        status = run_level(acc, &small, before, before_w, before_h, low, high, err);
        before_w = small.w;
        before_h = small.h;
        fc_pixels_fini(&small);
        if (status != FC_OK) return status;
        float *made = acc;
        acc = before;
        before = made;
    }
    *last = before;
    return FC_OK;
}

fc_status fc_canny_pyramid(fc_pixels *out, const fc_pixels *rgb, double low, double high, fc_err *err)
{
    *out = (fc_pixels){0};
    if (rgb->channels != 3) return fc_fail(err, FC_ARG, "edges are made from an RGB picture");
    if (rgb->w < 5 || rgb->h < 5)
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels is too small for edges", (int)rgb->w,
                       (int)rgb->h);
    const size_t count = (size_t)rgb->w * (size_t)rgb->h;
    fc_pixels plane = {0};
    float *acc = fc_calloc(count, sizeof *acc), *before = fc_calloc(count, sizeof *before),
          *sum = fc_calloc(count, sizeof *sum);
    fc_status status = acc && before && sum ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory for edges");
    if (status != FC_OK) goto out;
    status = fc_pixels_init(&plane, rgb->w, rgb->h, 1, err);
    for (size_t c = 0; status == FC_OK && c < 3; c++) {
        float *channel = NULL;
        for (size_t i = 0; i < count; i++) plane.data[i] = rgb->data[3 * i + c];
        status = run_channel(acc, before, &channel, &plane, low, high, err);
        for (size_t i = 0; status == FC_OK && i < count; i++) sum[i] += channel[i];
    }
    if (status != FC_OK) goto out;
    status = fc_pixels_init(out, rgb->w, rgb->h, 1, err);
    if (status != FC_OK) goto out;
    status = fc_stretch_u8(out->data, sum, count, 0.01, err);
    if (status != FC_OK) fc_pixels_fini(out);
out:
    fc_pixels_fini(&plane);
    fc_free(acc);
    fc_free(before);
    fc_free(sum);
    return status;
}
