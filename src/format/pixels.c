#include "format/pixels.h"

#include <string.h>
#include "base/mem.h"

fc_status fc_pixels_init(fc_pixels *p, int32_t w, int32_t h, int32_t channels, fc_err *err)
{
    *p = (fc_pixels){0};
    if (w < 1 || h < 1 || (channels != 1 && channels != 3 && channels != 4))
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels with %d channels is not possible", (int)w,
                       (int)h, (int)channels);
    if (w > FC_PIXELS_MAX_SIDE || h > FC_PIXELS_MAX_SIDE || (int64_t)w * h > FC_PIXELS_MAX)
        return fc_fail(err, FC_LIMIT, "a picture of %d x %d pixels is too large; make it smaller", (int)w,
                       (int)h);
    fc_pixels made = {.w = w, .h = h, .channels = channels};
    made.data = fc_alloc(fc_pixels_size(&made));
    if (!made.data)
        return fc_fail(err, FC_NOMEM, "out of memory for a picture of %d x %d pixels", (int)w, (int)h);
    *p = made;
    return FC_OK;
}

void fc_pixels_fini(fc_pixels *p)
{
    fc_free(p->data);
    *p = (fc_pixels){0};
}

fc_status fc_pixels_copy(fc_pixels *dst, const fc_pixels *src, fc_err *err)
{
    fc_status status = fc_pixels_init(dst, src->w, src->h, src->channels, err);
    if (status == FC_OK) memcpy(dst->data, src->data, fc_pixels_size(src));
    return status;
}
