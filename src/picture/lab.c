/* sRGB to CIE Lab with 8-bit results, by tables and integers. See lab.h. */
#include "picture/lab.h"

#include <math.h>

static const double to_xyz[9] = {0.412453, 0.357580, 0.180423, 0.212671, 0.715160,
                                 0.072169, 0.019334, 0.119193, 0.950227};
static const double from_xyz[9] = {3.240479, -1.53715, -0.498535, -0.969256, 1.875991,
                                   0.041556, 0.055648, -0.204043, 1.057311};
static const double white[3] = {0.950456, 1.0, 1.088754};

static double to_linear(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double to_gamma(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1.0 / 2.4) - 0.055;
}

static double f_of(double v)
{
    return v > 216.0 / 24389.0 ? cbrt(v) : v * 841.0 / 108.0 + 16.0 / 116.0;
}

/* ---- tables ---- */

static void fill_cell(uint16_t *cell, double b, double g, double r)
{
    const double linear[3] = {to_linear(r), to_linear(g), to_linear(b)};
    double f[3];
    for (int i = 0; i < 3; i++) {
        const double *m = to_xyz + 3 * i;
        f[i] = f_of((m[0] * linear[0] + m[1] * linear[1] + m[2] * linear[2]) / white[i]);
    }
    const double lab[3] = {(116.0 * f[1] - 16.0) / 100.0, (500.0 * (f[0] - f[1]) + 128.0) / 256.0,
                           (200.0 * (f[1] - f[2]) + 128.0) / 256.0};
    for (int i = 0; i < 3; i++) cell[i] = (uint16_t)lrint(16384.0 * lab[i]);
}

void fc_lab_init(fc_lab *t)
{
    const double last = FC_LAB_GRID - 1;
    for (int i = 0; i < 9; i++) {
        t->to_xyz[i] = (int32_t)lrint(4096.0 * to_xyz[i] / white[i / 3]);
        t->from_xyz[i] = (int32_t)lrint(4096.0 * from_xyz[i] * white[i % 3]);
    }
    for (int i = 0; i < 3072; i++) t->cube_root[i] = (uint16_t)lrint(32768.0 * f_of(i / 2040.0));
    for (int i = 0; i < 4096; i++) t->level[i] = (uint8_t)lrint(255.0 * to_gamma(i / 4096.0));
    for (int i = 0; i < 256; i++) {
        double l = 100.0 * i / 255.0, f = (l + 16.0) / 116.0;
        t->linear[i] = (uint16_t)lrint(2040.0 * to_linear(i / 255.0));
        t->f_of_l[i] = (uint16_t)lrint(16384.0 * f);
        t->y_of_l[i] = (uint16_t)lrint(16384.0 * (i <= 20 ? l * 27.0 / 24389.0 : f * f * f));
    }
    for (int b = 0; b < FC_LAB_GRID; b++)
        for (int g = 0; g < FC_LAB_GRID; g++)
            for (int r = 0; r < FC_LAB_GRID; r++) fill_cell(t->grid[b][g][r], b / last, g / last, r / last);
}

/* ---- 8 bits ---- */

static uint8_t clip(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void fc_lab_from_bgr(const fc_lab *t, uint8_t *lab, const uint8_t *bgr, size_t count)
{
    enum { HALF = 1 << 14, L_OFFSET = (16 * 255 * 32768 + 50) / 100, MIDDLE = 128 * 32768 };
    for (size_t i = 0; i < count; i++, lab += 3, bgr += 3) {
        int32_t r = t->linear[bgr[2]], g = t->linear[bgr[1]], b = t->linear[bgr[0]], f[3];
        for (int k = 0; k < 3; k++) {
            const int32_t *m = t->to_xyz + 3 * k;
            f[k] = t->cube_root[(m[0] * r + m[1] * g + m[2] * b + 2048) >> 12];
        }
        lab[0] = clip((296 * f[1] - L_OFFSET + HALF) >> 15);
        lab[1] = clip((500 * (f[0] - f[1]) + MIDDLE + HALF) >> 15);
        lab[2] = clip((200 * (f[1] - f[2]) + MIDDLE + HALF) >> 15);
    }
}

/* X or Z from its f, both in 14 bits. */
static int32_t undo_f(int32_t f)
{
    return f <= 3390 ? f * 108 / 841 - 290 : f * f / 16384 * f / 16384;
}

void fc_lab_to_bgr(const fc_lab *t, uint8_t *bgr, const uint8_t *lab, size_t count)
{
    for (size_t i = 0; i < count; i++, lab += 3, bgr += 3) {
        int32_t f = t->f_of_l[lab[0]];
        int32_t fx = f + ((5 * lab[1] * 53687 + 128) >> 13) - 4194;
        int32_t fz = f - (((lab[2] * 41943 + 16) >> 9) - 10484);
        int32_t x = undo_f(fx), y = t->y_of_l[lab[0]], z = undo_f(fz);
        for (int k = 0; k < 3; k++) {
            const int32_t *m = t->from_xyz + 3 * k;
            int32_t v = (m[0] * x + m[1] * y + m[2] * z + (1 << 13)) >> 14;
            bgr[2 - k] = t->level[v < 0 ? 0 : v > 4095 ? 4095 : v];
        }
    }
}

/* ---- floats ---- */

/* One channel's cell of the grid, the next one, and how far between them in sixteenths. */
typedef struct place {
    int32_t cell, next, part;
} place;

static place place_of(float v)
{
    int32_t c = (int32_t)lrintf(16384.0f * (v > 0.0f ? v < 1.0f ? v : 1.0f : 0.0f));
    int32_t cell = c >> 9, last = FC_LAB_GRID - 1;
    return (place){cell, cell < last ? cell + 1 : last, (c >> 5) & 15};
}

void fc_lab_from_bgr_f32(const fc_lab *t, float *lab, const float *bgr, size_t count)
{
    for (size_t i = 0; i < count; i++, lab += 3, bgr += 3) {
        const place b = place_of(bgr[0]), g = place_of(bgr[1]), r = place_of(bgr[2]);
        int32_t sum[3] = {0};
        for (int corner = 0; corner < 8; corner++) {
            const uint16_t *v = t->grid[corner & 1 ? b.next : b.cell][corner & 2 ? g.next : g.cell]
                                       [corner & 4 ? r.next : r.cell];
            int32_t weight = (corner & 1 ? b.part : 16 - b.part) * (corner & 2 ? g.part : 16 - g.part) *
                             (corner & 4 ? r.part : 16 - r.part);
            for (int k = 0; k < 3; k++) sum[k] += weight * v[k];
        }
        lab[0] = (float)((sum[0] + 2048) >> 12) * (100.0f / 16384.0f);
        lab[1] = (float)((sum[1] + 2048) >> 12) * (256.0f / 16384.0f) - 128.0f;
        lab[2] = (float)((sum[2] + 2048) >> 12) * (256.0f / 16384.0f) - 128.0f;
    }
}
