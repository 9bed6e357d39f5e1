/* WebP through libwebp; EXIF through its container library. */
#include <limits.h>
#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "base/mem.h"
#include "format/image_codec.h"

static const float QUALITY = 95.0f;

/* ---- encoding ---- */

static int append(const uint8_t *data, size_t size, const WebPPicture *picture)
{
    fc_buf *out = picture->custom_ptr;
    fc_buf_append(out, data, size);
    return out->status == FC_OK;
}

static fc_status encode_failure(const WebPPicture *picture, const fc_buf *out, fc_err *err)
{
    if (out->status != FC_OK) return fc_fail(err, out->status, "no room for the encoded WebP picture");
    switch (picture->error_code) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BAD_WRITE:
        return fc_fail(err, FC_NOMEM, "out of memory while writing a WebP picture");
    default:
        return fc_fail(err, FC_INTERNAL, "the WebP picture could not be written (error %d)",
                       (int)picture->error_code);
    }
}

/* The bare picture, appended to out. */
static fc_status encode_pixels(fc_buf *out, const fc_image *img, fc_err *err)
{
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, QUALITY) || !WebPPictureInit(&picture))
        return fc_fail(err, FC_INTERNAL, "libwebp has another version than its headers");
    picture.width = img->w;
    picture.height = img->h;
    picture.writer = append;
    picture.custom_ptr = out;
    bool done = WebPPictureImportRGB(&picture, img->rgb, img->w * 3) && WebPEncode(&config, &picture);
    fc_status status = done ? FC_OK : encode_failure(&picture, out, err);
    WebPPictureFree(&picture);
    return status;
}

/* The picture in `bare` and the EXIF block in one container, appended to out. */
static fc_status add_exif(fc_buf *out, const fc_buf *bare, const fc_buf *exif, fc_err *err)
{
    const WebPData picture = {(const uint8_t *)bare->data, bare->len},
                   block = {(const uint8_t *)exif->data, exif->len};
    WebPData whole = {0};
    WebPMux *mux = WebPMuxNew();
    bool done = mux && WebPMuxSetImage(mux, &picture, 0) == WEBP_MUX_OK &&
                WebPMuxSetChunk(mux, "EXIF", &block, 0) == WEBP_MUX_OK &&
                WebPMuxAssemble(mux, &whole) == WEBP_MUX_OK;
    if (done) fc_buf_append(out, whole.bytes, whole.size);
    WebPDataClear(&whole);
    WebPMuxDelete(mux);
    if (!done) return fc_fail(err, FC_NOMEM, "out of memory while writing a WebP picture");
    return out->status == FC_OK ? FC_OK : fc_fail(err, out->status, "no room for the encoded WebP picture");
}

fc_status fc_webp_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes, fc_err *err)
{
    if (img->w > WEBP_MAX_DIMENSION || img->h > WEBP_MAX_DIMENSION)
        return fc_fail(err, FC_LIMIT, "WebP pictures have at most %d pixels a side; use PNG",
                       WEBP_MAX_DIMENSION);
    fc_buf exif, bare;
    fc_buf_init(&exif, out->max);
    fc_buf_init(&bare, out->max);
    fc_exif_write(&exif, &notes->exif);
    fc_status status = FC_OK;
    if (exif.status != FC_OK)
        status = fc_fail(err, exif.status, "no room for the picture's parameters");
    else if (exif.len == 0)
        status = encode_pixels(out, img, err);
    else
        status = encode_pixels(&bare, img, err);
    if (status != FC_OK) goto out;
    if (exif.len) status = add_exif(out, &bare, &exif, err);
out:
    fc_buf_fini(&bare);
    fc_buf_fini(&exif);
    return status;
}

/* ---- decoding ---- */

static fc_status decode_failure(VP8StatusCode code, fc_err *err)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return fc_fail(err, FC_NOMEM, "out of memory while reading a WebP picture");
    case VP8_STATUS_NOT_ENOUGH_DATA:
        return fc_fail(err, FC_FORMAT, "the WebP picture is cut; get the whole file");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fc_fail(err, FC_UNSUPPORTED, "the WebP picture uses features that libwebp does not know");
    default:
        return fc_fail(err, FC_FORMAT, "the WebP picture is broken");
    }
}

static fc_status read_exif(const fc_image_source *src, fc_err *err)
{
    const WebPData whole = {src->data, src->size};
    WebPData block = {0};
    WebPMux *mux = WebPMuxCreate(&whole, 0);
    fc_status status = FC_OK;
    if (mux && WebPMuxGetChunk(mux, "EXIF", &block) == WEBP_MUX_OK) {
        if (src->orientation) *src->orientation = fc_exif_orientation(block.bytes, block.size);
        if (src->notes) status = fc_exif_read(&src->notes->exif, block.bytes, block.size, src->arena, err);
    }
    WebPMuxDelete(mux);
    /* a broken block is no reason to refuse the picture */
    return status == FC_NOMEM || status == FC_LIMIT ? status : FC_OK;
}

fc_status fc_webp_decode(fc_pixels *px, const fc_image_source *src, fc_err *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fc_fail(err, FC_INTERNAL, "libwebp has another version than its headers");
    VP8StatusCode code = WebPGetFeatures(src->data, src->size, &config.input);
    if (code != VP8_STATUS_OK) return decode_failure(code, err);
    if (config.input.has_animation)
        return fc_fail(err, FC_UNSUPPORTED, "animated WebP pictures cannot be used; save one frame of it");
    fc_status status = fc_image_start(px, src, (uint64_t)config.input.width, (uint64_t)config.input.height,
                                      config.input.has_alpha, err);
    if (status != FC_OK || src->probe) return status;
    config.output.colorspace = px->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = px->data;
    config.output.u.RGBA.stride = (int)fc_pixels_stride(px);
    config.output.u.RGBA.size = fc_pixels_size(px);
    code = WebPDecode(src->data, src->size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code != VP8_STATUS_OK) return decode_failure(code, err);
    return src->notes || src->orientation ? read_exif(src, err) : FC_OK;
}
