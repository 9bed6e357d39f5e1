/* Tensor: a view of device memory, NHWC, passed by value; owns nothing. Its data is an address of the device:
 * offsets may be added and addresses compared, but only the backend reads or writes there (nn/backend.h).
 * Tokens are [n, 1, T, c]. Rows (n, h, w) are evenly spaced: element (i, y, x, k) lies at ((i*h + y)*w
 * + x)*ld + k, so a range of channels of a wider tensor (q of a fused qkv, one half of a concatenation) is a
 * tensor too. */
#ifndef FC_NN_TENSOR_H
#define FC_NN_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/dtype.h"

typedef struct fc_tensor {
    void *data;     /* NULL: no tensor (an absent optional operand, or the result of a failed op) */
    fc_dtype dtype; /* FC_F32, FC_BF16 or FC_F16 */
    int32_t n, h, w, c;
    int64_t ld; /* elements between rows, >= c */
} fc_tensor;

static inline int64_t fc_tensor_rows(fc_tensor t)
{
    return (int64_t)t.n * t.h * t.w;
}

static inline bool fc_tensor_same_shape(fc_tensor a, fc_tensor b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

/* Channels [first, first + count) of t. */
static inline fc_tensor fc_tensor_channels(fc_tensor t, int32_t first, int32_t count)
{
    if (t.data) t.data = (char *)t.data + (size_t)first * fc_dtype_size(t.dtype);
    t.c = count;
    return t;
}

/* Batch entries [first, first + count) of t. */
static inline fc_tensor fc_tensor_batch(fc_tensor t, int32_t first, int32_t count)
{
    size_t stride = (size_t)t.h * (size_t)t.w * (size_t)t.ld * fc_dtype_size(t.dtype);
    if (t.data) t.data = (char *)t.data + (size_t)first * stride;
    t.n = count;
    return t;
}

/* Token `at` of a tensor with one batch entry: [1, 1, 1, c]. */
static inline fc_tensor fc_tensor_position(fc_tensor t, int32_t at)
{
    if (t.data) t.data = (char *)t.data + (size_t)at * (size_t)t.ld * fc_dtype_size(t.dtype);
    t.n = t.h = t.w = 1;
    return t;
}

/* Tokens [first, first + count) of a tensor with one batch entry: [1, 1, count, c]. */
static inline fc_tensor fc_tensor_positions(fc_tensor t, int32_t first, int32_t count)
{
    t = fc_tensor_position(t, first);
    t.w = count;
    return t;
}

/* The same rows seen as [n, 1, h*w, c]. */
static inline fc_tensor fc_tensor_tokens(fc_tensor t)
{
    t.w *= t.h;
    t.h = 1;
    return t;
}

/* The same rows seen as [n, h, w, c]; h*w must be the number of tokens. */
static inline fc_tensor fc_tensor_image(fc_tensor t, int32_t h, int32_t w)
{
    t.h = h;
    t.w = w;
    return t;
}

#endif
