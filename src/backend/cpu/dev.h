/* The CPU backend's device and packed weights, and the functions of its table. */
#ifndef FC_BACKEND_CPU_DEV_H
#define FC_BACKEND_CPU_DEV_H

#include "backend/cpu/kernels.h"
#include "backend/cpu/prim.h"

/* Memory that ops need while they run: each kind grows to the largest need and stays. */
typedef enum fc_scratch {
    FC_SCRATCH_X,    /* an input made dense or converted */
    FC_SCRATCH_ACC,  /* float32 products before their tail */
    FC_SCRATCH_BIAS, /* bias + rowadd of one image */
    FC_SCRATCH_NORM, /* statistics, scales and shifts */
    FC_SCRATCH_PACK, /* packed keys and values */
    FC_SCRATCH_WORK, /* per thread, for attention */
    FC_SCRATCH_COUNT
} fc_scratch;

struct fc_dev {
    int threads;
    fc_isa isa;
    const fc_kernels *kernels;
    const fc_products *bf16; /* NULL: the machine has no bf16 products */
    fc_product_kind products;
    fc_prims *prims;
    struct {
        void *p;
        size_t size;
    } spare; /* memory of the last weight that was given back, or of a larger one before: pack.c */
    struct {
        void *p;
        size_t size;
    } scratch[FC_SCRATCH_COUNT];
};

struct fc_packed {
    int32_t rows, cin, kh, kw;
    fc_dtype stored;              /* of the weight */
    bool linear;                  /* a convolution of one pixel is one too */
    size_t bytes;                 /* in all */
    void *data;                   /* a weight's: in panels, or as the library likes it; NULL for a vector */
    size_t data_bytes, data_room; /* used, and there */
    /* who multiplies by it: one of them for a weight, none for a vector */
    fc_prim_weight *weight;
    const fc_gemm_kernels *gemm;
    float vector[]; /* a vector; the scales of a weight of FC_I8 */
};

/* NULL when out of memory. The content is undefined; it lasts until the next call for the same kind. */
void *fc_cpu_scratch(fc_dev *dev, fc_scratch kind, size_t size);

/* Below this many elements the other threads are not worth waking. */
#define FC_CPU_PARALLEL_MIN 8192

fc_status fc_cpu_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err);
fc_status fc_cpu_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err);
fc_status fc_cpu_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err);
size_t fc_cpu_packed_bytes(const fc_packed *p);
void fc_cpu_packed_free(fc_dev *dev, fc_packed *p);
fc_product_kind fc_cpu_packed_kind(const fc_packed *p);
double fc_cpu_peak_work(fc_dev *dev, fc_peak kind);

fc_status fc_cpu_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi);
fc_status fc_cpu_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi);
fc_status fc_cpu_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats);
fc_status fc_cpu_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before);
fc_status fc_cpu_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps);
fc_status fc_cpu_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                           bool causal);
fc_status fc_cpu_geglu(fc_dev *dev, fc_tensor y, fc_tensor x);
fc_status fc_cpu_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act);
fc_status fc_cpu_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z);
fc_status fc_cpu_copy(fc_dev *dev, fc_tensor y, fc_tensor x);

/* Element 0 of a row. */
static inline fc_in fc_row_in(const fc_tensor *t, int64_t row)
{
    return fc_in_at((fc_in){t->data, t->dtype}, row * t->ld);
}

static inline fc_out fc_row_out(const fc_tensor *t, int64_t row)
{
    return fc_out_at((fc_out){t->data, t->dtype}, row * t->ld);
}

#endif
