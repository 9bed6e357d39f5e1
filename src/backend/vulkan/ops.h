/* The ops of nn/backend.h, and what their files share. */
#ifndef FC_BACKEND_VULKAN_OPS_H
#define FC_BACKEND_VULKAN_OPS_H

#include "backend/vulkan/batch.h"
#include "backend/vulkan/memory.h"
#include "backend/vulkan/pipelines.h"

/* A weight: [rows][kh][kw][cin_padded] of `type`, behind it for INT8 a float32 scale of each row; a vector is
 * [rows] float32. */
struct fc_packed {
    int32_t rows, cin, kh, kw;
    uint32_t type; /* fc_dtype, or VK_INT8 */
    uint32_t cin_padded;
    size_t bytes, scales; /* of all; where the scales start */
    vk_piece device;      /* nothing: not staged */
    char *host;           /* NULL: it lives on the device */
};

enum { VK_INT8 = 9, VK_CIN_STEP = 16 /* cin_padded is a multiple of it */ };

/* The part of a tensor that a dispatch touches: rows [first, first + rows), seen as elements from the bound
 * start on. */
typedef struct vk_view {
    vk_piece part;
    uint32_t at; /* elements between the bound start and the first row */
    uint32_t ld;
} vk_view;

/* Binds rows of t. LIMIT when they span more than the device shows a shader at once. */
fc_status vk_view_rows(fc_dev *dev, fc_tensor t, int64_t first, int64_t rows, vk_view *out) FC_MUST_USE;
/* Binds bytes of a piece. align: of an element, in bytes */
fc_status vk_view_piece(fc_dev *dev, vk_piece piece, uint64_t offset, uint64_t bytes, uint32_t element,
                        vk_view *out) FC_MUST_USE;
/* Sees to it that tensors have memory, before any of them is bound: a range that grows moves. */
fc_status vk_back(fc_dev *dev, const fc_tensor *list, int count) FC_MUST_USE;
/* True when rows of t can be read and written four values at once. */
bool vk_in_fours(fc_tensor t, const vk_view *v);
/* Most rows of t that a shader sees at once, at least 1. */
int64_t vk_rows_seen(const fc_dev *dev, fc_tensor t);
/* Workgroups of 256 threads for `count` values, fewer where the device's grid ends: the threads then go on.
 */
void vk_grid(const fc_dev *dev, vk_dispatch *d, double count);
bool vk_has_type(const fc_dev *dev, fc_tensor t);

fc_status vk_upload(fc_dev *dev, void *dst, const void *src, size_t size);
fc_status vk_download(fc_dev *dev, void *dst, const void *src, size_t size);
fc_status vk_upload_piece(fc_dev *dev, vk_piece to, const void *src, size_t size);

fc_status vk_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out, fc_err *err);
fc_status vk_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                       fc_packed **out, fc_err *err);
fc_status vk_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err);
size_t vk_packed_bytes(const fc_packed *p);
void vk_packed_free(fc_dev *dev, fc_packed *p);
fc_status vk_stage(fc_dev *dev, fc_packed *p);
void vk_unstage(fc_dev *dev, fc_packed *p);

fc_status vk_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                    const fc_epi *epi);
fc_status vk_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                    const fc_conv_geom *geom, const fc_epi *epi);
/* y = x w^T, float32 sums; w: rows of a tensor in place of a weight. For attention with large heads. */
fc_status vk_product_of(fc_dev *dev, fc_tensor y, fc_tensor x, fc_tensor w);
fc_status vk_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma, const fc_packed *beta,
                        int32_t groups, float eps, fc_act act, fc_tensor stats);
fc_status vk_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before);
fc_status vk_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma, const fc_packed *beta,
                        float eps);
fc_status vk_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                       bool causal);
fc_status vk_geglu(fc_dev *dev, fc_tensor y, fc_tensor x);
fc_status vk_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act);
fc_status vk_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z);
fc_status vk_copy(fc_dev *dev, fc_tensor y, fc_tensor x);
/* y [1,1,c,rows] = the transposed of x's rows [rows, c] */
fc_status vk_transpose(fc_dev *dev, fc_tensor y, fc_tensor x);
/* The table's peak_work. */
double vk_peak_work(fc_dev *dev, fc_peak kind);

#endif
