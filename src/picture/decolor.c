/* Colour to grey that keeps contrast. See decolor.h. */
#include "picture/decolor.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "base/mem.h"
#include "picture/resize.h"

enum { TERMS = FC_DECOLOR_TERMS, SOLVER_SIDES = 800, MOST_ROUNDS = 16 };

/* The nine products of a pixel's channels. */
static void terms_of(float *terms, float b, float g, float r)
{
    const float made[TERMS] = {b, b * b, g, g * b, g * g, r, r * b, r * g, r * r};
    memcpy(terms, made, sizeof made);
}

/* ---- what the solver works on ---- */

typedef struct problem {
    int32_t w, h;
    size_t count;         /* of differences: w h to the right, then w h downwards */
    float *bgr, *lab;     /* [h][w][3] */
    float *terms[TERMS];  /* [count] differences of the terms */
    float *contrast;      /* [count] distance in Lab / 100 */
    int8_t *sign;         /* [count] 1, -1 where all channels rise or fall, else 0 */
    float *solved[TERMS]; /* [count] */
    float *pull;          /* [count] */
} problem;

static void problem_fini(problem *p)
{
    fc_free(p->bgr);
    fc_free(p->lab);
    fc_free(p->contrast);
    fc_free(p->sign);
    fc_free(p->pull);
    for (int i = 0; i < TERMS; i++) {
        fc_free(p->terms[i]);
        fc_free(p->solved[i]);
    }
}

static bool problem_init(problem *p, int32_t w, int32_t h)
{
    size_t pixels = (size_t)w * (size_t)h;
    *p = (problem){.w = w, .h = h, .count = 2 * pixels};
    p->bgr = fc_calloc(pixels * 3, sizeof(float));
    p->lab = fc_calloc(pixels * 3, sizeof(float));
    p->contrast = fc_calloc(p->count, sizeof(float));
    p->sign = fc_calloc(p->count, 1);
    p->pull = fc_calloc(p->count, sizeof(float));
    bool ready = p->bgr && p->lab && p->contrast && p->sign && p->pull;
    for (int i = 0; i < TERMS; i++) {
        p->terms[i] = fc_calloc(p->count, sizeof(float));
        p->solved[i] = fc_calloc(p->count, sizeof(float));
        ready = ready && p->terms[i] && p->solved[i];
    }
    return ready;
}

/* Difference number `at` between the pixels a and b. */
static void fill_difference(problem *p, size_t at, size_t a, size_t b)
{
    const float *from = p->bgr + 3 * a, *to = p->bgr + 3 * b, *lab_a = p->lab + 3 * a,
                *lab_b = p->lab + 3 * b;
    float one[TERMS], other[TERMS];
    double square = 0.0;
    int up = 0, down = 0;
    terms_of(one, from[0], from[1], from[2]);
    terms_of(other, to[0], to[1], to[2]);
    for (int i = 0; i < TERMS; i++) p->terms[i][at] = one[i] - other[i];
    for (int c = 0; c < 3; c++) {
        float d = from[c] - to[c];
        double lab = (double)(lab_a[c] - lab_b[c]);
        square += lab * lab;
        up += d > 0.05f;
        down += d < -0.05f;
    }
    p->contrast[at] = (float)(sqrt(square) / 100.0);
    p->sign[at] = (int8_t)(up == 3 ? 1 : down == 3 ? -1 : 0);
}

/* In the last column and row there is no neighbour: the differences stay 0. */
static void fill_differences(problem *p)
{
    const size_t w = (size_t)p->w, h = (size_t)p->h;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            size_t at = y * w + x;
            if (x + 1 < w) fill_difference(p, at, at, at + 1);
            if (y + 1 < h) fill_difference(p, w * h + at, at, at + w);
        }
}

/* ---- the linear system ---- */

/* solved = (P P^T)^-1 (P * contrast) by LU with partial pivoting in float32, as OpenCV does it; all 0 when a
 * pivot is too small. */
static void solve(problem *p)
{
    float a[TERMS][TERMS], **b = p->solved;
    for (int i = 0; i < TERMS; i++) {
        for (size_t k = 0; k < p->count; k++) b[i][k] = p->terms[i][k] * p->contrast[k];
        for (int j = 0; j < TERMS; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < p->count; k++) sum += (double)p->terms[i][k] * (double)p->terms[j][k];
            a[i][j] = (float)sum;
        }
    }
    for (int i = 0; i < TERMS; i++) {
        int pivot = i;
        for (int j = i + 1; j < TERMS; j++)
            if (fabsf(a[j][i]) > fabsf(a[pivot][i])) pivot = j;
        if (fabsf(a[pivot][i]) < 10.0f * FLT_EPSILON) {
            for (int j = 0; j < TERMS; j++) memset(b[j], 0, p->count * sizeof(float));
            return;
        }
        if (pivot != i) {
            for (int j = 0; j < TERMS; j++) {
                float t = a[i][j];
                a[i][j] = a[pivot][j];
                a[pivot][j] = t;
            }
            float *t = b[i]; /* rows change places, so their memory may */
            b[i] = b[pivot];
            b[pivot] = t;
        }
        float inverse = -1.0f / a[i][i];
        for (int j = i + 1; j < TERMS; j++) {
            float factor = a[j][i] * inverse;
            for (int k = i + 1; k < TERMS; k++) a[j][k] += factor * a[i][k];
            for (size_t k = 0; k < p->count; k++) b[j][k] += factor * b[i][k];
        }
    }
    for (int i = TERMS; i-- > 0;)
        for (size_t k = 0; k < p->count; k++) {
            float s = b[i][k];
            for (int j = i + 1; j < TERMS; j++) s -= a[i][j] * b[j][k];
            b[i][k] = s / a[i][i];
        }
}

/* ---- the rounds ---- */

static float grey_difference(const problem *p, const double *weights, size_t k)
{
    double v = 0.0;
    for (int i = 0; i < TERMS; i++) v += weights[i] * (double)p->terms[i][k];
    return (float)v;
}

static const float sigma = 0.02f;

/* Which way each difference of grey is pulled: towards +contrast or -contrast, whichever is nearer. */
static void fill_pull(problem *p, const double *weights)
{
    const double s = (double)sigma, width = 2.0 * s * s;
    for (size_t k = 0; k < p->count; k++) {
        double v = (double)grey_difference(p, weights, k), c = (double)p->contrast[k];
        double plus = (1.0 + p->sign[k]) / 2.0 * exp(-(v - c) * (v - c) / width);
        double minus = (1.0 - p->sign[k]) / 2.0 * exp(-(v + c) * (v + c) / width), sum = plus + minus;
        p->pull[k] = (float)((plus - minus) / (sum > 0.0 ? sum : 1.0));
    }
}

static double energy(const problem *p, const double *weights)
{
    const double s = (double)sigma;
    double sum = 0.0;
    for (size_t k = 0; k < p->count; k++) {
        double v = (double)grey_difference(p, weights, k), c = (double)p->contrast[k];
        sum -= log(exp(-(v - c) * (v - c) / s) + exp(-(v + c) * (v + c) / s));
    }
    return sum / (double)p->count;
}

static int run(problem *p, double *weights)
{
    const double close_enough = 1e-4;
    double now = 0.0, before = (double)INFINITY;
    int rounds = 0;
    for (int i = 0; i < TERMS; i++) weights[i] = i == 0 || i == 2 || i == 5 ? 0.33 : 0.0;
    while (fabs(now - before) > close_enough && rounds < MOST_ROUNDS) {
        rounds++;
        before = now;
        fill_pull(p, weights);
        for (int i = 0; i < TERMS; i++) {
            double sum = 0.0;
            for (size_t k = 0; k < p->count; k++) sum += (double)p->solved[i][k] * (double)p->pull[k];
            weights[i] = sum;
        }
        now = energy(p, weights);
    }
    return rounds;
}

/* Pixels as floats, for large pictures made smaller. */
static fc_status fill_bgr(problem *p, const fc_pixels *bgr, fc_err *err)
{
    const size_t size = fc_pixels_size(bgr);
    const float part = 1.0f / 255.0f;
    if (p->w == bgr->w && p->h == bgr->h) {
        for (size_t i = 0; i < size; i++) p->bgr[i] = (float)bgr->data[i] * part;
        return FC_OK;
    }
    float *whole = fc_calloc(size, sizeof *whole);
    if (!whole) return fc_fail(err, FC_NOMEM, "out of memory for the greys of a picture");
    for (size_t i = 0; i < size; i++) whole[i] = (float)bgr->data[i] * part;
    fc_status status = fc_resize_linear(p->bgr, p->w, p->h, whole, bgr->w, bgr->h, 3, err);
    fc_free(whole);
    return status;
}

fc_status fc_decolor_weights(double weights[FC_DECOLOR_TERMS], int *rounds, const fc_pixels *bgr,
                             const fc_lab *lab, fc_err *err)
{
    int32_t w = bgr->w, h = bgr->h;
    problem p;
    if (bgr->channels != 3) return fc_fail(err, FC_ARG, "greys are made from three channels");
    if (w + h > SOLVER_SIDES) {
        double part = (double)SOLVER_SIDES / (w + h);
        w = (int32_t)fmax(1.0, w * part + 0.5);
        h = (int32_t)fmax(1.0, h * part + 0.5);
    }
    fc_status status = problem_init(&p, w, h)
                           ? fill_bgr(&p, bgr, err)
                           : fc_fail(err, FC_NOMEM, "out of memory for the greys of a picture");
    if (status == FC_OK) {
        fc_lab_from_bgr_f32(lab, p.lab, p.bgr, (size_t)w * (size_t)h);
        fill_differences(&p);
        solve(&p);
        *rounds = run(&p, weights);
    }
    problem_fini(&p);
    return status;
}

/* ---- grey ---- */

fc_status fc_decolor_grey(fc_pixels *density, const fc_pixels *bgr, const double weights[FC_DECOLOR_TERMS],
                          fc_err *err)
{
    const size_t count = (size_t)bgr->w * (size_t)bgr->h;
    fc_status status = fc_pixels_init(density, bgr->w, bgr->h, 1, err);
    if (status != FC_OK) return status;
    float *grey = fc_calloc(count, sizeof *grey), low = INFINITY, high = -INFINITY;
    if (!grey) {
        fc_pixels_fini(density);
        return fc_fail(err, FC_NOMEM, "out of memory for the greys of a picture");
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = bgr->data + 3 * i;
        const float part = 1.0f / 255.0f;
        float terms[TERMS];
        terms_of(terms, (float)p[0] * part, (float)p[1] * part, (float)p[2] * part);
        for (int k = 0; k < TERMS; k++) grey[i] += (float)weights[k] * terms[k];
        low = fminf(low, grey[i]);
        high = fmaxf(high, grey[i]);
    }
    for (size_t i = 0; i < count; i++) {
        float v = (grey[i] - low) / (high - low) * 255.0f;
        density->data[i] = (uint8_t)lrintf(!(v > 0.0f) ? 0.0f : v > 255.0f ? 255.0f : v); /* 0/0 becomes 0 */
    }
    fc_free(grey);
    return FC_OK;
}
