/* The pixels of painting into a picture, as Fooocus computes them: which part of it goes through the network,
 * what the network sees there, how its result comes back. Masks as in picture/mask.h.
 *
 * The usual way: extend (outpaint), area, grow it, crop picture and mask, upscale the crop or bring it to
 * shape ceil 1024, the mask to its size by fc_mask_from_picture, fill; paint; paste. A 4000 x 3000 photograph
 * (36 MB) needs at most 12 MB for its mask, 12 MB for the soft mask and 36 MB while a result as large as
 * itself is pasted. */
#ifndef FC_PICTURE_INPAINT_H
#define FC_PICTURE_INPAINT_H

#include "picture/fit.h"
#include "picture/mask.h"

/* ---- where ---- */

/* The square around everything that is not 0 in the mask, 1.15 times as large, cut off at the edges. ARG for
 * an empty mask. Trap kept from the reference: a box whose larger side is even and at most 14 loses its last
 * row and column. */
fc_status fc_inpaint_area(fc_area *area, const fc_pixels *mask, fc_err *err) FC_MUST_USE;
/* Grown on all sides until it covers the fraction `field` (0 .. 1) of the picture's width and height. */
fc_area fc_inpaint_grow_area(fc_area area, int32_t w, int32_t h, double field);

/* Pixels to add at every side. */
typedef struct fc_margins {
    int32_t top, bottom, left, right;
} fc_margins;

/* A part of a side in pixels, truncated: 0.3 is what Fooocus adds. Top and bottom count the original height,
 * left and right the original width. Not a number or below 0: 0. */
int32_t fc_inpaint_margin(int32_t side, double fraction);

/* A wider picture: its edge pixels repeated, and a mask of 255 there. picture and mask are replaced. LIMIT
 * over format/pixels.h's maxima, ARG for negative margins; both are unchanged after a failure. */
fc_status fc_inpaint_extend(fc_pixels *picture, fc_pixels *mask, fc_margins add, fc_err *err) FC_MUST_USE;

/* ---- what the network sees ---- */

/* In place: pixels whose mask is 127 or more are guessed from the others, which stay, by repeated box blurs
 * of falling radius. picture is RGB; mask of its size. Memory: two copies of the picture. */
fc_status fc_inpaint_fill(fc_pixels *picture, const fc_pixels *mask, fc_err *err) FC_MUST_USE;

/* Mask [h][w] of latents from one of pixels: out [latent_h][latent_w] of 0 and 1, 1 where any of the 8 x 8
 * pixels is masked. A mask whose sides are not 8 times the latent's is squeezed to that first. */
void fc_inpaint_latent_mask(float *out, int32_t latent_w, int32_t latent_h, const fc_pixels *mask);

/* Pixels 0 .. 1, [h][w][3], with 0.5 where the mask is over 127: what the inpainting latent is encoded from.
 */
fc_status fc_inpaint_grey(float *out, const fc_pixels *picture, const fc_pixels *mask,
                          fc_err *err) FC_MUST_USE;

/* ---- back ---- */

/* Lays what was generated for the area (RGB of any size) into the picture; soft is the picture's mask after
 * fc_mask_soften. Pixels where soft is 0 keep every bit. */
fc_status fc_inpaint_paste(fc_pixels *picture, const fc_pixels *generated, fc_area area,
                           const fc_pixels *soft, fc_err *err) FC_MUST_USE;

#endif
