/* Blurs of 8-bit pictures, bit for bit as the reference's libraries make them. */
#ifndef FC_PICTURE_BLUR_H
#define FC_PICTURE_BLUR_H

#include "format/pixels.h"

/* Pillow's BoxBlur: means over 2 radius + 1 pixels, rows first, rounded in between; edge pixels are repeated.
 * In place; scratch is a picture of the same size and channels. radius 1 .. 4096. */
fc_status fc_blur_box(fc_pixels *picture, fc_pixels *scratch, int32_t radius, fc_err *err) FC_MUST_USE;

/* OpenCV's GaussianBlur with sigma 0.8: 7 taps 0 6 58 128 58 6 0 (/256), mirrored at the border without the
 * edge pixel, rounded once. dst is initialised here. */
fc_status fc_blur_gauss(fc_pixels *dst, const fc_pixels *src, fc_err *err) FC_MUST_USE;

#endif
