/* Weights of the reference backend: [cout][cin][kh][kw] -> [kh][kw][cin][cout]. */
#include "backend/host.h"
#include "backend/ref/ref.h"
#include "base/mem.h"

struct sink {
    fc_packed *p;
    fc_dtype compute;
};

static void take_rows(void *user, int32_t first, int32_t count, const float *rows)
{
    const struct sink *s = user;
    fc_packed *p = s->p;
    size_t taps = (size_t)p->kh * (size_t)p->kw, cin = (size_t)p->cin, cout = (size_t)p->rows;
    for (int32_t r = 0; r < count; r++) {
        const float *row = rows + (size_t)r * cin * taps;
        for (size_t c = 0; c < cin; c++) {
            for (size_t t = 0; t < taps; t++) {
                float v = row[c * taps + t];
                if (s->compute == FC_BF16) v = fc_bf16_to_f32(fc_f32_to_bf16(v));
                if (s->compute == FC_F16) v = fc_f16_to_f32(fc_f32_to_f16(v));
                p->data[(t * cin + c) * cout + (size_t)(first + r)] = v;
            }
        }
    }
}

static fc_status pack(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out, fc_err *err)
{
    *out = NULL;
    size_t cols = fc_pack_src_cols(src);
    if (cols == 0) return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    size_t bytes = sizeof(fc_packed) + cols * (size_t)src->rows * sizeof(float);
    fc_packed *p = fc_alloc(bytes);
    if (!p) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    p->rows = src->rows;
    p->cin = src->cin;
    p->kh = src->kh;
    p->kw = src->kw;
    p->bytes = bytes;
    struct sink sink = {p, compute};
    fc_status status = fc_host_read_rows(src, dev->threads, 1, take_rows, &sink, err);
    if (status != FC_OK)
        fc_free(p);
    else
        *out = p;
    return status;
}

fc_status fc_ref_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err)
{
    return pack(dev, src, compute, out, err);
}

fc_status fc_ref_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err)
{
    (void)geom;
    return pack(dev, src, compute, out, err);
}

fc_status fc_ref_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    return pack(dev, src, FC_F32, out, err);
}

size_t fc_ref_packed_bytes(const fc_packed *p)
{
    return p->bytes;
}

void fc_ref_packed_free(fc_dev *dev, fc_packed *p)
{
    (void)dev;
    fc_free(p);
}
