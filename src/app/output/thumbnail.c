/* Small pictures for lists and previews. See thumbnail.h. */
#include "app/output/thumbnail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "picture/resize.h"

enum { MAX_BYTES = 8 << 20, PER_FOLDER = 1000 };

fc_status fc_thumbnail_encode(const fc_image *img, int32_t side, fc_image_format format, fc_buf *out,
                              fc_err *err)
{
    int32_t longest = img->w > img->h ? img->w : img->h;
    if (longest <= side) return fc_image_encode(out, img, format, NULL, err);
    int32_t w = (int32_t)((int64_t)img->w * side / longest), h = (int32_t)((int64_t)img->h * side / longest);
    const fc_pixels whole = {.data = img->rgb, .w = img->w, .h = img->h, .channels = 3};
    fc_pixels small;
    fc_status status = fc_resize_area(&small, &whole, w > 0 ? w : 1, h > 0 ? h : 1, err);
    if (status != FC_OK) return status;
    const fc_image made = {.rgb = small.data, .w = small.w, .h = small.h};
    status = fc_image_encode(out, &made, format, NULL, err);
    fc_pixels_fini(&small);
    return status;
}

fc_status fc_thumbnail_path(const char *outputs, int64_t picture, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/.library/thumbnails/%" PRId64 "/%" PRId64 ".webp", outputs,
                     picture / PER_FOLDER, picture);
    return n > 0 && (size_t)n < size ? FC_OK : FC_LIMIT;
}

fc_status fc_thumbnail_save(const char *outputs, int64_t picture, const fc_image *img, fc_err *err)
{
    char path[4096];
    fc_buf file;
    fc_status status = fc_thumbnail_path(outputs, picture, path, sizeof path);
    if (status != FC_OK) return fc_fail(err, status, "the path of the outputs is too long");
    fc_buf_init(&file, MAX_BYTES);
    status = fc_thumbnail_encode(img, FC_THUMBNAIL_SIDE, FC_WEBP, &file, err);
    if (status == FC_OK) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        status = fc_mkdir_all(path, err);
        *slash = '/';
    }
    if (status != FC_OK) goto out;
    status = fc_file_write_atomic(path, file.data, file.len, err);
out:
    fc_buf_fini(&file);
    return status;
}
