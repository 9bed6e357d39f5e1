/* Resizing, bit for bit as the libraries do it that Fooocus calls. dst is initialised here and empty after a
 * failure: ARG (sizes below 1), LIMIT (over format/pixels.h's maxima), NOMEM. Besides dst every function
 * needs some rows only, never a second picture. */
#ifndef FC_PICTURE_RESIZE_H
#define FC_PICTURE_RESIZE_H

#include "format/pixels.h"

/* Pillow's LANCZOS: three lobes, wider when shrinking; rows first, 8 bits between the passes. RGBA is resized
 * with its colours multiplied by alpha. The same size: a copy. */
fc_status fc_resize_lanczos(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h,
                            fc_err *err) FC_MUST_USE;

/* OpenCV's INTER_AREA: every pixel is the mean of the area it covers. Only shrinks: ARG when w or h is more
 * than src has. Alpha is a channel like the others. */
fc_status fc_resize_area(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h, fc_err *err) FC_MUST_USE;

/* OpenCV's INTER_LINEAR on float32: half-pixel centres, no antialiasing. src [sh][sw][channels] ->
 * dst [dh][dw][channels], which is the caller's. Values of any range. */
fc_status fc_resize_linear(float *dst, int32_t dw, int32_t dh, const float *src, int32_t sw, int32_t sh,
                           int32_t channels, fc_err *err) FC_MUST_USE;

#endif
