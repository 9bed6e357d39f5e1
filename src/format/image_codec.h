/* Between image.c and the three codecs. A decoder gets an empty image and leaves what it made to image.c also
 * when it fails. */
#ifndef FC_FORMAT_IMAGE_CODEC_H
#define FC_FORMAT_IMAGE_CODEC_H

#include "format/image.h"

typedef struct fc_image_source {
    const uint8_t *data;
    size_t size;
    int64_t max_pixels;
    fc_arena *arena;       /* NULL when notes is */
    fc_image_notes *notes; /* NULL: nobody wants texts */
    bool probe;            /* only the size: img->w, img->h, no pixels */
} fc_image_source;

/* Checks what a file claims before anything is allocated; with probe sets the size only. */
fc_status fc_image_start(fc_image *img, const fc_image_source *src, uint64_t w, uint64_t h,
                         fc_err *err) FC_MUST_USE;

fc_status fc_png_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                        fc_err *err) FC_MUST_USE;
fc_status fc_png_decode(fc_image *img, const fc_image_source *src, fc_err *err) FC_MUST_USE;
fc_status fc_jpeg_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                         fc_err *err) FC_MUST_USE;
fc_status fc_jpeg_decode(fc_image *img, const fc_image_source *src, fc_err *err) FC_MUST_USE;
fc_status fc_webp_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                         fc_err *err) FC_MUST_USE;
fc_status fc_webp_decode(fc_image *img, const fc_image_source *src, fc_err *err) FC_MUST_USE;

#endif
