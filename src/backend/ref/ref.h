/* The reference backend: plain C, sums in double, one rounding at the end. It is the oracle of all other
 * backends, so it is written to be read, not to be fast. Weights are kept as float32 (rounded first to
 * 16 bits where the compute type has them). */
#ifndef FC_BACKEND_REF_H
#define FC_BACKEND_REF_H

#include "nn/backend.h"

extern const fc_backend fc_backend_ref;

struct fc_dev {
    int threads;
};

/* data: [kh][kw][cin][rows], so that the innermost loop of a product runs over output channels */
struct fc_packed {
    int32_t rows, cin, kh, kw;
    size_t bytes;
    float data[];
};

static inline float ref_load(const fc_tensor *t, int64_t row, int64_t k)
{
    int64_t at = row * t->ld + k;
    if (t->dtype == FC_BF16) return fc_bf16_to_f32(((const uint16_t *)t->data)[at]);
    if (t->dtype == FC_F16) return fc_f16_to_f32(((const uint16_t *)t->data)[at]);
    return ((const float *)t->data)[at];
}

static inline void ref_store(const fc_tensor *t, int64_t row, int64_t k, double v)
{
    int64_t at = row * t->ld + k;
    if (t->dtype == FC_BF16)
        ((uint16_t *)t->data)[at] = fc_f32_to_bf16((float)v);
    else if (t->dtype == FC_F16)
        ((uint16_t *)t->data)[at] = fc_f32_to_f16((float)v);
    else
        ((float *)t->data)[at] = (float)v;
}

double fc_ref_act(fc_act act, double x);

/* The functions of the table; see nn/backend.h. */
fc_status fc_ref_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err);
fc_status fc_ref_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err);
fc_status fc_ref_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err);
size_t fc_ref_packed_bytes(const fc_packed *p);
void fc_ref_packed_free(fc_dev *dev, fc_packed *p);

fc_status fc_ref_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi);
fc_status fc_ref_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi);
fc_status fc_ref_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats);
fc_status fc_ref_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before);
fc_status fc_ref_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps);
fc_status fc_ref_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                           bool causal);
fc_status fc_ref_geglu(fc_dev *dev, fc_tensor y, fc_tensor x);
fc_status fc_ref_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act);
fc_status fc_ref_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z);
fc_status fc_ref_copy(fc_dev *dev, fc_tensor y, fc_tensor x);

#endif
