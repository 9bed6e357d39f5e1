/* Between image.c and the three codecs. A decoder gets an empty picture and leaves what it made to image.c
 * also when it fails. */
#ifndef FC_FORMAT_IMAGE_CODEC_H
#define FC_FORMAT_IMAGE_CODEC_H

#include "format/image.h"

typedef struct fc_image_source {
    const uint8_t *data;
    size_t size;
    int64_t max_pixels;
    fc_arena *arena;       /* NULL when notes is */
    fc_image_notes *notes; /* NULL: nobody wants texts */
    int *orientation;      /* NULL: not wanted; left alone when the file does not say */
    bool alpha;            /* RGBA where the file has transparency; else always RGB */
    bool probe;            /* only the size: px->w, px->h, no pixels */
} fc_image_source;

/* Checks what a file claims before anything is allocated; with probe sets the size only. 4 channels for a
 * file with transparency where that is wanted, else 3. */
fc_status fc_image_start(fc_pixels *px, const fc_image_source *src, uint64_t w, uint64_t h, bool transparent,
                         fc_err *err) FC_MUST_USE;

fc_status fc_png_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                        fc_err *err) FC_MUST_USE;
fc_status fc_png_decode(fc_pixels *px, const fc_image_source *src, fc_err *err) FC_MUST_USE;
fc_status fc_jpeg_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                         fc_err *err) FC_MUST_USE;
fc_status fc_jpeg_decode(fc_pixels *px, const fc_image_source *src, fc_err *err) FC_MUST_USE;
fc_status fc_webp_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes,
                         fc_err *err) FC_MUST_USE;
fc_status fc_webp_decode(fc_pixels *px, const fc_image_source *src, fc_err *err) FC_MUST_USE;

#endif
