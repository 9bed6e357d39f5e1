/* The small part of EXIF that carries generation parameters in JPEG and WebP files.
 *
 * Written: a little-endian TIFF block whose IFD0 has Software (0x0131), MakerNote (0x927C) and UserComment
 * (0x9286), all of type ASCII, as Fooocus writes them. Read: that, and UserComment in the Exif sub-IFD with a
 * character code prefix, as AUTOMATIC1111's web UI writes it, in either byte order. */
#ifndef FC_FORMAT_EXIF_H
#define FC_FORMAT_EXIF_H

#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

typedef struct fc_exif {
    const char *user_comment, *software, *maker_note; /* UTF-8; NULL = not there */
} fc_exif;

/* Appends the TIFF block (without the "Exif\0\0" that JPEG puts before it). Characters beyond ASCII become
 * '?'. Nothing is appended when all fields are NULL. */
void fc_exif_write(fc_buf *out, const fc_exif *exif);

/* Reads a TIFF block, with or without "Exif\0\0" before it. Fields that are absent or broken are NULL;
 * strings go to the arena. FORMAT when it is no TIFF block at all. */
fc_status fc_exif_read(fc_exif *exif, const void *data, size_t size, fc_arena *arena,
                       fc_err *err) FC_MUST_USE;

/* How such a block says the picture is to be turned, 1 .. 8 (fc_pixels_turn); 1 when it does not, or is none.
 */
int fc_exif_orientation(const void *data, size_t size);

#endif
