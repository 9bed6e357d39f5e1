/* What the picture formats have in common: pixels, names, choosing the codec. */
#include "format/image.h"

#include <string.h>
#include "base/str.h"
#include "format/image_codec.h"
#include "format/sniff.h"

static const struct {
    const char *name, *mime;
    fc_file_kind kind;
    fc_status (*encode)(fc_buf *, const fc_image *, const fc_image_notes *, fc_err *);
    fc_status (*decode)(fc_pixels *, const fc_image_source *, fc_err *);
} codecs[FC_IMAGE_FORMAT_COUNT] = {
    [FC_PNG] = {"png", "image/png", FC_KIND_PNG, fc_png_encode, fc_png_decode},
    [FC_JPEG] = {"jpeg", "image/jpeg", FC_KIND_JPEG, fc_jpeg_encode, fc_jpeg_decode},
    [FC_WEBP] = {"webp", "image/webp", FC_KIND_WEBP, fc_webp_encode, fc_webp_decode},
};

const char *fc_image_format_name(fc_image_format f)
{
    return (unsigned)f < FC_IMAGE_FORMAT_COUNT ? codecs[f].name : "?";
}

const char *fc_image_format_mime(fc_image_format f)
{
    return (unsigned)f < FC_IMAGE_FORMAT_COUNT ? codecs[f].mime : "application/octet-stream";
}

bool fc_image_format_from_name(const char *name, fc_image_format *out)
{
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        if (!fc_str_eq_nocase(name, f == FC_JPEG && strlen(name) == 3 ? "jpg" : codecs[f].name)) continue;
        *out = (fc_image_format)f;
        return true;
    }
    return false;
}

const char *fc_image_note(const fc_image_notes *notes, const char *key)
{
    for (size_t i = notes->text_count; i-- > 0;)
        if (strcmp(notes->texts[i].key, key) == 0) return notes->texts[i].value;
    return NULL;
}

fc_status fc_image_encode(fc_buf *out, const fc_image *img, fc_image_format format,
                          const fc_image_notes *notes, fc_err *err)
{
    static const fc_image_notes none = {0};
    if ((unsigned)format >= FC_IMAGE_FORMAT_COUNT) return fc_fail(err, FC_ARG, "unknown picture format");
    return codecs[format].encode(out, img, notes ? notes : &none, err);
}

/* -> format or FC_IMAGE_FORMAT_COUNT with the reason in err */
static fc_image_format recognise(const void *data, size_t size, fc_err *err)
{
    fc_file_kind kind = fc_sniff_kind(data, size);
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++)
        if (codecs[f].kind == kind) return (fc_image_format)f;
    fc_fail(err, FC_UNSUPPORTED, "this is not a PNG, JPEG or WebP picture but %s", fc_kind_name(kind));
    return FC_IMAGE_FORMAT_COUNT;
}

static fc_status decode(fc_pixels *px, const fc_image_source *src, fc_err *err)
{
    fc_image_format format = recognise(src->data, src->size, err);
    if (format == FC_IMAGE_FORMAT_COUNT) return FC_UNSUPPORTED;
    fc_status status = codecs[format].decode(px, src, err);
    if (status != FC_OK) fc_pixels_fini(px);
    return status;
}

fc_status fc_image_probe(const void *data, size_t size, fc_image_format *format, int32_t *w, int32_t *h,
                         fc_err *err)
{
    fc_pixels px = {0};
    const fc_image_source src = {.data = data, .size = size, .max_pixels = INT64_MAX, .probe = true};
    *format = recognise(data, size, err);
    if (*format == FC_IMAGE_FORMAT_COUNT) return FC_UNSUPPORTED;
    fc_status status = codecs[*format].decode(&px, &src, err);
    *w = px.w;
    *h = px.h;
    return status;
}

fc_status fc_image_decode(fc_image *img, const void *data, size_t size, int64_t max_pixels, fc_arena *arena,
                          fc_image_notes *notes, fc_err *err)
{
    fc_pixels px = {0};
    if (notes) *notes = (fc_image_notes){0};
    const fc_image_source src = {
        .data = data, .size = size, .max_pixels = max_pixels, .arena = arena, .notes = notes};
    fc_status status = decode(&px, &src, err);
    *img = (fc_image){.rgb = px.data, .w = px.w, .h = px.h};
    return status;
}

fc_status fc_image_decode_input(fc_pixels *px, const void *data, size_t size, int64_t max_pixels, fc_err *err)
{
    int orientation = 1;
    const fc_image_source src = {
        .data = data, .size = size, .max_pixels = max_pixels, .orientation = &orientation, .alpha = true};
    *px = (fc_pixels){0};
    if (size > FC_IMAGE_MAX_INPUT_BYTES)
        return fc_fail(err, FC_LIMIT, "the picture's file is larger than %zu MB; make it smaller",
                       FC_IMAGE_MAX_INPUT_BYTES >> 20);
    fc_status status = decode(px, &src, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_turn(px, orientation, err);
out:
    if (status != FC_OK) fc_pixels_fini(px);
    return status;
}
