/* A face turned and cut to where the face adapter expects it. See face.h. */
#include "picture/face.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { N = FC_FACE_POINTS };

/* Where the five points are in the crop. */
static const fc_point places[N] = {{192.98138f, 239.94708f},
                                   {318.90277f, 240.1936f},
                                   {256.63416f, 314.01935f},
                                   {201.26117f, 371.41043f},
                                   {313.08905f, 371.15118f}};

/* ---- the transform ---- */

/* Least squares over the points that are used; false when they do not fix a similarity. For two points it is
 * the exact one. */
static bool fit(fc_similarity *s, const fc_point *points, const bool *used)
{
    double n = 0.0, x = 0.0, y = 0.0, u = 0.0, v = 0.0, dot = 0.0, cross = 0.0, square = 0.0;
    for (int i = 0; i < N; i++) {
        if (!used[i]) continue;
        n += 1.0;
        x += (double)points[i].x;
        y += (double)points[i].y;
        u += (double)places[i].x;
        v += (double)places[i].y;
    }
    if (n < 2.0) return false;
    x /= n, y /= n, u /= n, v /= n;
    for (int i = 0; i < N; i++) {
        if (!used[i]) continue;
        double px = (double)points[i].x - x, py = (double)points[i].y - y;
        double qx = (double)places[i].x - u, qy = (double)places[i].y - v;
        dot += px * qx + py * qy;
        cross += px * qy - py * qx;
        square += px * px + py * py;
    }
    if (!(square > 0.0)) return false;
    s->a = dot / square;
    s->b = cross / square;
    s->dx = u - s->a * x + s->b * y;
    s->dy = v - s->b * x - s->a * y;
    return isfinite(s->a) && isfinite(s->b) && isfinite(s->dx) && isfinite(s->dy);
}

static void squared_errors(float *errors, const fc_similarity *s, const fc_point *points)
{
    const float a = (float)s->a, b = (float)s->b, dx = (float)s->dx, dy = (float)s->dy;
    for (int i = 0; i < N; i++) {
        float x = a * points[i].x - b * points[i].y + dx - places[i].x;
        float y = b * points[i].x + a * points[i].y + dy - places[i].y;
        errors[i] = x * x + y * y;
    }
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median(const float *errors)
{
    float sorted[N];
    for (int i = 0; i < N; i++) sorted[i] = errors[i];
    qsort(sorted, N, sizeof *sorted, by_size);
    return sorted[N / 2];
}

/* OpenCV's generator, an index below N. */
static int draw(uint64_t *state)
{
    *state = (uint64_t)(uint32_t)*state * 4164903690u + (*state >> 32);
    return (int)((uint32_t)*state % N);
}

fc_status fc_face_align(fc_similarity *to_crop, const fc_point points[FC_FACE_POINTS], fc_err *err)
{
    enum { PAIRS = 13 };
    uint64_t state = UINT64_MAX;
    fc_similarity best = {0}, s;
    float errors[N], least = INFINITY;
    for (int i = 0; i < N; i++)
        if (!(fabsf(points[i].x) < 1e6f) || !(fabsf(points[i].y) < 1e6f))
            return fc_fail(err, FC_ARG, "point %d of the face lies nowhere near the picture", i + 1);
    for (int k = 0; k < PAIRS; k++) {
        bool pair[N] = {false};
        int first = draw(&state), second;
        do second = draw(&state);
        while (second == first);
        pair[first] = pair[second] = true;
        if (!fit(&s, points, pair)) continue;
        squared_errors(errors, &s, points);
        if (!(median(errors) < least)) continue;
        least = median(errors);
        best = s;
    }
    if (!(least < INFINITY))
        return fc_fail(err, FC_ARG,
                       "the points of the face lie on one another; set eyes, nose and mouth anew");
    double sigma = fmax(2.5 * 1.4826 * (1.0 + 5.0 / (N - 2)) * sqrt((double)least), 0.001);
    bool used[N];
    squared_errors(errors, &best, points);
    for (int i = 0; i < N; i++) used[i] = (double)errors[i] <= sigma * sigma;
    *to_crop = fit(&s, points, used) ? s : best;
    return FC_OK;
}

/* ---- the crop ---- */

static const uint8_t outside[3] = {132, 133, 135};

static const uint8_t *pixel_at(const fc_pixels *p, int64_t x, int64_t y)
{
    bool inside = x >= 0 && y >= 0 && x < p->w && y < p->h;
    return inside ? fc_pixels_row(p, (int32_t)y) + 3 * x : outside;
}

/* x, y in 1/32 of a pixel */
static void sample(uint8_t *dst, const fc_pixels *src, int64_t x, int64_t y)
{
    enum { ONE = 32, BITS = 5, ROUND = 1 << 14, SHIFT = 15 };
    int64_t left = x >> BITS, above = y >> BITS;
    int32_t tx = (int32_t)(x & (ONE - 1)), ty = (int32_t)(y & (ONE - 1));
    const uint8_t *a = pixel_at(src, left, above), *b = pixel_at(src, left + 1, above),
                  *c = pixel_at(src, left, above + 1), *d = pixel_at(src, left + 1, above + 1);
    for (int k = 0; k < 3; k++) {
        int32_t upper = a[k] * (ONE - tx) + b[k] * tx, lower = c[k] * (ONE - tx) + d[k] * tx;
        dst[k] = (uint8_t)(((upper * (ONE - ty) + lower * ty) * ONE + ROUND) >> SHIFT);
    }
}

fc_status fc_face_crop(fc_pixels *dst, const fc_pixels *rgb, const fc_similarity *to_crop, fc_err *err)
{
    enum { FINE = 1024 }; /* positions are rounded to 1/1024 of a pixel, then to 1/32 */
    const double square = to_crop->a * to_crop->a + to_crop->b * to_crop->b, inverse = 1.0 / square;
    *dst = (fc_pixels){0};
    if (rgb->channels != 3) return fc_fail(err, FC_ARG, "a face is cut out of an RGB picture");
    const double a = to_crop->a * inverse, b = to_crop->b * inverse;
    const double dx = -a * to_crop->dx - b * to_crop->dy, dy = b * to_crop->dx - a * to_crop->dy;
    if (!(fabs(a) < 1e9 && fabs(b) < 1e9 && fabs(dx) < 1e12 && fabs(dy) < 1e12))
        return fc_fail(err, FC_ARG, "the points of the face give no size");
    fc_status status = fc_pixels_init(dst, FC_FACE_SIDE, FC_FACE_SIDE, 3, err);
    if (status != FC_OK) return status;
    for (int32_t y = 0; y < FC_FACE_SIDE; y++) {
        int64_t row_x = llrint((b * y + dx) * FINE) + 16, row_y = llrint((a * y + dy) * FINE) + 16;
        for (int32_t x = 0; x < FC_FACE_SIDE; x++)
            sample(fc_pixels_row(dst, y) + 3 * x, rgb, (row_x + llrint(a * x * FINE)) >> 5,
                   (row_y + llrint(-b * x * FINE)) >> 5);
    }
    return FC_OK;
}
