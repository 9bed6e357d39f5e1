/* An 8-bit picture of 1 channel (grey, mask), 3 (RGB) or 4 (RGBA, colour not multiplied by alpha): what
 * picture files are decoded to, and what src/picture computes with. */
#ifndef FC_FORMAT_PIXELS_H
#define FC_FORMAT_PIXELS_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define FC_PIXELS_MAX_SIDE 32768
#define FC_PIXELS_MAX      ((int64_t)1 << 28) /* pixels: 768 MiB of RGB */

typedef struct fc_pixels {
    uint8_t *data; /* [h][w][channels] without gaps, owned */
    int32_t w, h, channels;
} fc_pixels;

/* The content is undefined. ARG: a side below 1, another number of channels; LIMIT: over the maxima above;
 * NOMEM. *p is empty after a failure. */
fc_status fc_pixels_init(fc_pixels *p, int32_t w, int32_t h, int32_t channels, fc_err *err) FC_MUST_USE;
void fc_pixels_fini(fc_pixels *p);
fc_status fc_pixels_copy(fc_pixels *dst, const fc_pixels *src, fc_err *err) FC_MUST_USE;

/* Turned upright as EXIF's orientation (1 .. 8) says; other numbers change nothing. In place for 1 .. 4,
 * through a second picture for the others. */
fc_status fc_pixels_turn(fc_pixels *p, int orientation, fc_err *err) FC_MUST_USE;

static inline size_t fc_pixels_size(const fc_pixels *p) /* bytes */
{
    return (size_t)p->w * (size_t)p->h * (size_t)p->channels;
}

static inline size_t fc_pixels_stride(const fc_pixels *p) /* bytes from row to row */
{
    return (size_t)p->w * (size_t)p->channels;
}

static inline uint8_t *fc_pixels_row(const fc_pixels *p, int32_t y)
{
    return p->data + (size_t)y * fc_pixels_stride(p);
}

#endif
