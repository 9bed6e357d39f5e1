/* Small pictures of finished ones: WebP files in a folder of their own, made when a picture is finished and
 * made anew when they are missing. */
#ifndef FC_APP_OUTPUT_THUMBNAIL_H
#define FC_APP_OUTPUT_THUMBNAIL_H

#include "base/buf.h"
#include "format/image.h"

enum { FC_THUMBNAIL_SIDE = 320, FC_PREVIEW_SIDE = 640 };

/* img made to fit into side x side (never larger than it is) and encoded, appended to out. */
fc_status fc_thumbnail_encode(const fc_image *img, int32_t side, fc_image_format format, fc_buf *out,
                              fc_err *err) FC_MUST_USE;
/* outputs/.library/thumbnails/12/12345.webp; LIMIT when it does not fit. */
fc_status fc_thumbnail_path(const char *outputs, int64_t picture, char *path, size_t size) FC_MUST_USE;
fc_status fc_thumbnail_save(const char *outputs, int64_t picture, const fc_image *img,
                            fc_err *err) FC_MUST_USE;

#endif
