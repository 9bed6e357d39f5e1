/* Weights: read as float32 by several threads, laid out and narrowed on the host, then kept there or brought
 * to the device. */
#include <math.h>
#include <string.h>
#include "backend/host.h"
#include "backend/vulkan/ops.h"
#include "base/mem.h"

struct sink {
    fc_packed *p;
    char *data;
};

static size_t row_values(const fc_packed *p)
{
    return (size_t)p->kh * (size_t)p->kw * p->cin_padded;
}

static size_t value_bytes(const fc_packed *p)
{
    return p->type == VK_INT8 ? 1 : fc_dtype_size((fc_dtype)p->type);
}

/* Some channels of one tap of a row [cin][taps], narrowed. back: 127 / the row's largest value, for INT8 */
static void take_channels(const fc_packed *p, const float *row, size_t tap, float back, char *to)
{
    enum { CHUNK = 512 };
    float some[CHUNK];
    size_t taps = (size_t)p->kh * (size_t)p->kw, cin = (size_t)p->cin, each = value_bytes(p);
    for (size_t c = 0; c < cin; c += CHUNK) {
        size_t count = cin - c < CHUNK ? cin - c : CHUNK;
        for (size_t i = 0; i < count; i++) some[i] = row[(c + i) * taps + tap];
        if (p->type != VK_INT8) {
            fc_from_f32(to + c * each, (fc_dtype)p->type, some, count);
            continue;
        }
        int8_t *narrow = (int8_t *)to + c;
        for (size_t i = 0; i < count; i++) narrow[i] = (int8_t)nearbyintf(some[i] * back);
    }
}

/* The largest magnitude; NaN when there is one. */
static float largest(const float *row, size_t count)
{
    float top = 0.0f;
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(row[i]) <= top)) top = isnan(row[i]) ? NAN : isnan(top) ? top : fabsf(row[i]);
    return top;
}

/* Rows [cin][taps] -> [taps][cin_padded]; what is behind cin is zero already. */
static void take_rows(void *user, int32_t first, int32_t count, const float *rows)
{
    const struct sink *s = user;
    const fc_packed *p = s->p;
    size_t taps = (size_t)p->kh * (size_t)p->kw, cols = (size_t)p->cin * taps, each = value_bytes(p);
    for (int32_t r = 0; r < count; r++) {
        const float *row = rows + (size_t)r * cols;
        size_t number = (size_t)(first + r);
        float top = p->type == VK_INT8 ? largest(row, cols) : 0.0f;
        if (p->type == VK_INT8) ((float *)(void *)(s->data + p->scales))[number] = top / 127.0f;
        if (!isfinite(top)) continue; /* the scale alone tells it */
        char *to = s->data + number * row_values(p) * each;
        for (size_t t = 0; t < taps; t++)
            take_channels(p, row, t, top > 0.0f ? 127.0f / top : 0.0f, to + t * p->cin_padded * each);
    }
}

static fc_status to_device(fc_dev *dev, fc_packed *p, const char *data)
{
    fc_status status = vk_piece_alloc(dev, p->bytes, &p->device);
    return status ? status : vk_upload_piece(dev, p->device, data, p->bytes);
}

static fc_status build(fc_dev *dev, const fc_pack_src *src, fc_packed *p, fc_err *err)
{
    char *data = fc_calloc(1, p->bytes);
    if (!data) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    struct sink sink = {p, data};
    fc_status status = fc_host_read_rows(src, dev->threads, 1, take_rows, &sink, err);
    if (status) goto out;
    if (src->place == FC_PLACE_HOST) {
        p->host = data;
        return FC_OK;
    }
    status = to_device(dev, p, data);
    if (status) (void)fc_fail(err, status, "%s: %s", src->name, dev->why);
out:
    fc_free(data);
    return status;
}

/* What a weight is kept as when x has this type. */
static uint32_t kept_as(fc_dtype compute, bool int8)
{
    return int8 ? VK_INT8 : (uint32_t)compute;
}

static fc_status pack(fc_dev *dev, const fc_pack_src *src, uint32_t type, bool vector, fc_packed **out,
                      fc_err *err)
{
    *out = NULL;
    if (fc_pack_src_cols(src) == 0)
        return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    fc_packed *p = fc_calloc(1, sizeof *p);
    if (!p) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    p->rows = src->rows;
    p->cin = src->cin;
    p->kh = src->kh;
    p->kw = src->kw;
    p->type = type;
    p->cin_padded =
        vector ? (uint32_t)src->cin : ((uint32_t)src->cin + VK_CIN_STEP - 1) / VK_CIN_STEP * VK_CIN_STEP;
    p->scales = row_values(p) * value_bytes(p) * (size_t)p->rows;
    p->scales = (p->scales + 255) & ~(size_t)255; /* a binding of its own */
    p->bytes = p->scales + (type == VK_INT8 ? (size_t)p->rows * sizeof(float) : 0);
    fc_status status = build(dev, src, p, err);
    if (status) {
        vk_packed_free(dev, p);
        return status;
    }
    *out = p;
    return FC_OK;
}

fc_status vk_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out, fc_err *err)
{
    return pack(dev, src, kept_as(compute, src->int8), false, out, err);
}

fc_status vk_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                       fc_packed **out, fc_err *err)
{
    (void)geom;
    return pack(dev, src, kept_as(compute, src->int8), false, out, err);
}

fc_status vk_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    fc_pack_src on_device = *src;
    on_device.place = FC_PLACE_DEVICE;
    return pack(dev, &on_device, FC_F32, true, out, err);
}

size_t vk_packed_bytes(const fc_packed *p)
{
    return p->bytes;
}

void vk_packed_free(fc_dev *dev, fc_packed *p)
{
    if (!p) return;
    vk_piece_free(dev, &p->device);
    fc_free(p->host);
    fc_free(p);
}

fc_status vk_stage(fc_dev *dev, fc_packed *p)
{
    if (p->device.block) return FC_OK;
    fc_status status = vk_piece_alloc(dev, p->bytes, &p->device);
    if (status != FC_OK) goto out;
    status = vk_upload_piece(dev, p->device, p->host, p->bytes);
out:
    if (status) vk_piece_free(dev, &p->device);
    return status;
}

void vk_unstage(fc_dev *dev, fc_packed *p)
{
    if (p->host) vk_piece_free(dev, &p->device);
}
