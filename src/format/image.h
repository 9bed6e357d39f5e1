/* Pictures of 8 bits and the three file formats people use: PNG, JPEG, WebP, with the texts they carry.
 * Bytes come from strangers: decoders check sizes before they allocate and never print. */
#ifndef FC_FORMAT_IMAGE_H
#define FC_FORMAT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "format/exif.h"
#include "format/pixels.h"

#define FC_IMAGE_MAX_SIDE        FC_PIXELS_MAX_SIDE
#define FC_IMAGE_MAX_PIXELS      ((int64_t)100 << 20) /* of a file that is only looked at: 300 MiB of RGB */
#define FC_IMAGE_MAX_INPUT       ((int64_t)64 << 20)  /* pixels of a picture to be painted from */
#define FC_IMAGE_MAX_INPUT_BYTES ((size_t)64 << 20)   /* of its file */

typedef struct fc_image {
    uint8_t *rgb; /* [h][w][3] without gaps, owned */
    int32_t w, h;
} fc_image;

fc_status fc_image_init(fc_image *img, int32_t w, int32_t h,
                        fc_err *err) FC_MUST_USE; /* pixels are undefined */
void fc_image_fini(fc_image *img);

typedef enum fc_image_format { FC_PNG, FC_JPEG, FC_WEBP, FC_IMAGE_FORMAT_COUNT } fc_image_format;

const char *fc_image_format_name(fc_image_format f); /* "png", "jpeg", "webp": also the file ending */
const char *fc_image_format_mime(fc_image_format f); /* "image/png" */
bool fc_image_format_from_name(const char *name, fc_image_format *out); /* any case; also "jpg" */

/* Texts in a picture file. PNG has named texts, the others have EXIF fields. */
typedef struct fc_image_text {
    const char *key, *value; /* UTF-8; a key has 1 to 79 Latin-1 characters */
} fc_image_text;

typedef struct fc_image_notes {
    const fc_image_text *texts;
    size_t text_count;
    fc_exif exif;
} fc_image_notes;

/* The last text of this key; NULL when there is none. */
const char *fc_image_note(const fc_image_notes *notes, const char *key);

/* Appends the encoded picture to out. PNG is lossless; JPEG has quality 95, progressive, optimised, 4:2:0;
 * WebP is lossy with quality 95. notes may be NULL; PNG writes its texts (tEXt, or iTXt where Latin-1 does
 * not suffice), JPEG and WebP its exif. LIMIT when the format cannot hold it: sides above 16383 (WebP), EXIF
 * above 64 KB (JPEG). */
fc_status fc_image_encode(fc_buf *out, const fc_image *img, fc_image_format format,
                          const fc_image_notes *notes, fc_err *err) FC_MUST_USE;

/* Format and size from the file's first bytes, without decoding. */
fc_status fc_image_probe(const void *data, size_t size, fc_image_format *format, int32_t *w, int32_t *h,
                         fc_err *err) FC_MUST_USE;

/* Decodes any of the formats; alpha is dropped, grey, palette and CMYK become RGB, 16 bits become 8. More
 * than max_pixels: LIMIT. When notes is not NULL, the file's texts go there and into the arena. After a
 * failure *img is empty. */
fc_status fc_image_decode(fc_image *img, const void *data, size_t size, int64_t max_pixels, fc_arena *arena,
                          fc_image_notes *notes, fc_err *err) FC_MUST_USE;

/* Decodes a picture to be painted from: RGB, or RGBA where the file has transparency, turned upright as its
 * EXIF says. LIMIT, before anything is decoded, for more than max_pixels (FC_IMAGE_MAX_INPUT) or
 * FC_IMAGE_MAX_INPUT_BYTES; FORMAT for a broken or cut file. Memory: the picture, twice when it must be
 * turned by a quarter; for a progressive JPEG its coefficients, up to 6 bytes a pixel, as well. */
fc_status fc_image_decode_input(fc_pixels *px, const void *data, size_t size, int64_t max_pixels,
                                fc_err *err) FC_MUST_USE;

#endif
