/* Masks: pictures of one channel, 255 where something is to be painted anew. */
#ifndef FC_PICTURE_MASK_H
#define FC_PICTURE_MASK_H

#include <stdbool.h>
#include "picture/fit.h"

/* A picture as mask for one of w x h: Lanczos to that size, 255 where the mean of the channels is over 127,
 * else 0. RGB or grey; flatten others before. */
fc_status fc_mask_from_picture(fc_pixels *mask, const fc_pixels *picture, int32_t w, int32_t h,
                               fc_err *err) FC_MUST_USE;
/* 255 where a RGBA picture is transparent (alpha below 128), else 0: how OpenAI's clients send masks. */
fc_status fc_mask_from_alpha(fc_pixels *mask, const fc_pixels *rgba, fc_err *err) FC_MUST_USE;

/* The largest |pixels| below; Fooocus offers 64. */
enum { FC_MASK_MAX_GROWTH = 256 };
/* In place: pixels > 0 widens by so many pixels in all eight directions, < 0 narrows; what lies beyond the
 * picture changes nothing. Memory: three rows. */
fc_status fc_mask_grow(fc_pixels *mask, int32_t pixels, fc_err *err) FC_MUST_USE;
void fc_mask_invert(fc_pixels *mask);       /* in place: 255 - v */
bool fc_mask_paints(const fc_pixels *mask); /* whether any pixel is over 127 */

/* Pixels around a mask over which Fooocus lets what is painted fade into the picture. */
enum { FC_MASK_FADE = 31 };
/* In place: 255 where the mask is over 127, evenly less around it over so many pixels, then 0 (with
 * FC_MASK_FADE 248, 240 ... 8), distances measured as a king walks. fade: 0 to FC_MASK_FADE. */
void fc_mask_soften(fc_pixels *mask, int32_t fade);

#endif
