/* A picture's memory: what the codecs need of a picture. */
#include <inttypes.h>
#include "base/mem.h"
#include "format/image_codec.h"

fc_status fc_image_init(fc_image *img, int32_t w, int32_t h, fc_err *err)
{
    *img = (fc_image){0};
    if (w < 1 || h < 1 || w > FC_IMAGE_MAX_SIDE || h > FC_IMAGE_MAX_SIDE)
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels is not possible", (int)w, (int)h);
    img->rgb = fc_alloc((size_t)w * (size_t)h * 3);
    if (!img->rgb)
        return fc_fail(err, FC_NOMEM, "out of memory for a picture of %d x %d pixels", (int)w, (int)h);
    img->w = w;
    img->h = h;
    return FC_OK;
}

void fc_image_fini(fc_image *img)
{
    fc_free(img->rgb);
    *img = (fc_image){0};
}

fc_status fc_image_start(fc_pixels *px, const fc_image_source *src, uint64_t w, uint64_t h, bool transparent,
                         fc_err *err)
{
    if (w < 1 || h < 1) return fc_fail(err, FC_FORMAT, "the picture has no pixels");
    if (w > FC_IMAGE_MAX_SIDE || h > FC_IMAGE_MAX_SIDE || w * h > (uint64_t)src->max_pixels)
        return fc_fail(err, FC_LIMIT,
                       "the picture is too large: %" PRIu64 " x %" PRIu64 " pixels, at most %" PRId64
                       " in all and %d a side; make it smaller",
                       w, h, src->max_pixels, FC_IMAGE_MAX_SIDE);
    if (!src->probe)
        return fc_pixels_init(px, (int32_t)w, (int32_t)h, transparent && src->alpha ? 4 : 3, err);
    px->w = (int32_t)w;
    px->h = (int32_t)h;
    return FC_OK;
}
