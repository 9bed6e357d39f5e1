/* Contrast-preserving decolourisation (Lu, Xu, Jia 2012) as OpenCV computes it: a grey picture in which
 * neighbours differ as their colours do. Grey is a weighted sum of nine products of the channels; the weights
 * are found by a solver that is ill-conditioned on drawings, so that every rounding counts. */
#ifndef FC_PICTURE_DECOLOR_H
#define FC_PICTURE_DECOLOR_H

#include "format/pixels.h"
#include "picture/lab.h"

enum { FC_DECOLOR_TERMS = 9 }; /* b, bb, g, gb, gg, r, rb, rg, rr */

/* The weights for a picture, blue first, and how many rounds they took. A picture of one colour or without
 * colours is singular: all weights 0. Memory: 40 MB at most. */
fc_status fc_decolor_weights(double weights[FC_DECOLOR_TERMS], int *rounds, const fc_pixels *bgr,
                             const fc_lab *lab, fc_err *err) FC_MUST_USE;

/* density [h][w]: the grey picture, stretched from its darkest to its brightest to 0 .. 255; all 0 when the
 * weights are. Memory: 4 bytes a pixel. */
fc_status fc_decolor_grey(fc_pixels *density, const fc_pixels *bgr, const double weights[FC_DECOLOR_TERMS],
                          fc_err *err) FC_MUST_USE;

#endif
