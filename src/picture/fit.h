/* Bringing a picture to the size and kind that is wanted: Fooocus's rules for sizes, cropping, flattening.
 * dst is initialised here and empty after a failure. */
#ifndef FC_PICTURE_FIT_H
#define FC_PICTURE_FIT_H

#include <stdbool.h>
#include "format/pixels.h"

/* Rows top .. bottom - 1 and columns left .. right - 1 of a picture. */
typedef struct fc_area {
    int32_t top, bottom, left, right;
} fc_area;

typedef enum fc_fit_mode {
    FC_FIT_STRETCH, /* both sides as asked */
    FC_FIT_COVER,   /* fills the size, what is over is cut off evenly */
    FC_FIT_PAD      /* fits into the size, bars continue the edges */
} fc_fit_mode;

/* A Lanczos resize to exactly w x h. STRETCH keeps the channels, the others give RGB and drop alpha (flatten
 * first). ARG for a picture so thin that its scaled side would be 0. Memory: dst and, but for STRETCH, the
 * scaled picture. */
fc_status fc_fit_resize(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h, fc_fit_mode mode,
                        fc_err *err) FC_MUST_USE;

/* Fooocus's measure of a size: 64 * ceil(sqrt(w h) / 64). Sides may be fractions, as 1.5 times an odd one. */
int32_t fc_fit_shape_ceil(double w, double h);

/* The size of a picture of *w x *h brought to shape ceil `target` (a multiple of 64): both sides multiples of
 * 64, or, when it has the wanted measure already, unchanged - whatever its sides are. Very thin pictures do
 * not always arrive at it; ARG for those whose smaller side would vanish, LIMIT for those that grow beyond
 * FC_PIXELS_MAX_SIDE. */
fc_status fc_fit_size(int32_t *w, int32_t *h, int32_t target, fc_err *err) FC_MUST_USE;
/* A Lanczos resize to that size. */
fc_status fc_fit_to_shape_ceil(fc_pixels *dst, const fc_pixels *src, int32_t target, fc_err *err) FC_MUST_USE;

/* The picture as it is when its shape ceil is least to most, else brought to the nearer of these: what
 * Fooocus varies, with 1024 and 2048. */
fc_status fc_fit_between(fc_pixels *dst, const fc_pixels *src, int32_t least, int32_t most,
                         fc_err *err) FC_MUST_USE;

/* RGB of any picture: grey is repeated, transparent pixels are laid on white. */
fc_status fc_fit_flatten(fc_pixels *dst, const fc_pixels *src, fc_err *err) FC_MUST_USE;

/* The part of src in the area. ARG when it is empty or not inside. */
fc_status fc_fit_crop(fc_pixels *dst, const fc_pixels *src, fc_area area, fc_err *err) FC_MUST_USE;

typedef enum fc_fit_align {
    FC_FIT_CENTRE, /* the remainder is cut off evenly on both sides; an odd one loses more at right and bottom
                    */
    FC_FIT_TOP_LEFT /* the remainder is cut off at right and bottom */
} fc_fit_align;

/* The largest area of a w x h picture whose sides are multiples of `multiple` (8 for the VAE); empty when the
 * picture is smaller than that. */
fc_area fc_fit_multiple(int32_t w, int32_t h, int32_t multiple, fc_fit_align align);

#endif
