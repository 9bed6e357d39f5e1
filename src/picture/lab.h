/* CIE Lab as OpenCV computes it, by tables and integers. Textbook formulas differ by one or two levels, which
 * picture/decolor magnifies. Pixels are blue first. */
#ifndef FC_PICTURE_LAB_H
#define FC_PICTURE_LAB_H

#include <stddef.h>
#include <stdint.h>

enum { FC_LAB_GRID = 33 };

/* The tables, 230 KB; made in some 3 ms. */
typedef struct fc_lab {
    uint16_t linear[256];              /* 8 x 255 times the linear light of an sRGB level */
    uint16_t cube_root[3072];          /* 2^15 times f(i / 2040) */
    uint16_t f_of_l[256], y_of_l[256]; /* 2^14 times f(Y) and Y of a level of L */
    uint8_t level[4096];               /* sRGB level of linear light */
    int32_t to_xyz[9], from_xyz[9];    /* 12 bits; white is 1 in all three */
    uint16_t grid[FC_LAB_GRID][FC_LAB_GRID][FC_LAB_GRID][3]; /* [b][g][r] -> L, a, b in 14 bits */
} fc_lab;

void fc_lab_init(fc_lab *t);
/* 8 bits: L 0 .. 255 for 0 .. 100, a and b with 128 added. */
void fc_lab_from_bgr(const fc_lab *t, uint8_t *lab, const uint8_t *bgr, size_t count);
void fc_lab_to_bgr(const fc_lab *t, uint8_t *bgr, const uint8_t *lab, size_t count);
/* Floats: bgr 0 .. 1 (clamped) -> L 0 .. 100, a, b. */
void fc_lab_from_bgr_f32(const fc_lab *t, float *lab, const float *bgr, size_t count);

#endif
