/* The text of the elementwise and normalisation kernels. Included once per instruction set, after its vec_*.h
 * and vmath.h; everything here is static, the table is made by the including file. */
#ifndef FC_BACKEND_CPU_KERNELS_IMPL_H
#define FC_BACKEND_CPU_KERNELS_IMPL_H

#include "backend/cpu/vio.h"

static void k_copy(fc_out y, fc_in x, size_t n)
{
    FOR_VECTORS(n, store(y, i, load(x, i)), store_n(y, i, load_n(x, i, left), left));
}

static void k_unary(fc_out y, fc_in x, size_t n, fc_act act)
{
    FOR_VECTORS(n, store(y, i, v_act_for(y.t, act, load(x, i))),
                store_n(y, i, v_act_for(y.t, act, load_n(x, i, left)), left));
}

static void k_geglu(fc_out y, fc_in value, fc_in gate, size_t n)
{
    const fc_act act = FC_ACT_GELU;
    FOR_VECTORS(n, store(y, i, load(value, i) * v_act_for(y.t, act, load(gate, i))),
                store_n(y, i, load_n(value, i, left) * v_act_for(y.t, act, load_n(gate, i, left)), left));
}

static void k_axpby(fc_out y, float a, fc_in x, float b, fc_in z, size_t n)
{
    const V va = v_set1(a), vb = v_set1(b);
    FOR_VECTORS(n, store(y, i, v_fma(va, load(x, i), vb * load(z, i))),
                store_n(y, i, v_fma(va, load_n(x, i, left), vb * load_n(z, i, left)), left));
}

static void k_tail(fc_out y, const float *x, size_t n, fc_act act, float scale, fc_in add)
{
    const V vs = v_set1(scale), zero = v_set1(0.0f);
    FOR_VECTORS(n, store(y, i, v_fma(vs, v_act(act, v_load(x + i)), add.p ? load(add, i) : zero)),
                store_n(y, i,
                        v_fma(vs, v_act(act, v_load_n(x + i, left)), add.p ? load_n(add, i, left) : zero),
                        left));
}

static void k_affine(fc_out y, fc_in x, const float *mean, const float *scale, const float *shift, size_t n,
                     fc_act act)
{
    FOR_VECTORS(n,
                store(y, i,
                      v_act_for(y.t, act,
                                v_fma(load(x, i) - v_load(mean + i), v_load(scale + i), v_load(shift + i)))),
                store_n(y, i,
                        v_act_for(y.t, act,
                                  v_fma(load_n(x, i, left) - v_load_n(mean + i, left),
                                        v_load_n(scale + i, left), v_load_n(shift + i, left))),
                        left));
}

#define MOMENT_ROWS 32 /* rows summed in one register before the sum goes to the running total */

/* Sums of x - shift and its square over rows, for the `lanes` channels at x (lanes == W: all). */
static inline void add_moments(fc_in x, int64_t ld, int32_t rows, size_t lanes, V shift, V *sum, V *squares)
{
    V s = v_set1(0.0f), q = s;
    for (int32_t r = 0; r < rows; r++) {
        fc_in row = fc_in_at(x, r * ld);
        V d = (lanes == W ? load(row, 0) : load_n(row, 0, lanes)) - shift;
        s = s + d;
        q = v_fma(d, d, q);
    }
    *sum = *sum + s;
    *squares = *squares + q;
}

/* The mean of the first rows serves as a shift, so that the sum of squares does not cancel however large the
 * mean. */
static inline void lane_moments(fc_in x, int64_t ld, int32_t rows, size_t lanes, V *mean, V *m2)
{
    const V zero = v_set1(0.0f);
    int32_t probe = rows < MOMENT_ROWS ? rows : MOMENT_ROWS;
    V shift = zero, sum = zero, squares = zero;
    add_moments(x, ld, probe, lanes, zero, &shift, &squares);
    shift = shift * v_set1(1.0f / (float)probe);
    squares = zero;
    for (int32_t r = 0; r < rows; r += MOMENT_ROWS) {
        int32_t count = rows - r < MOMENT_ROWS ? rows - r : MOMENT_ROWS;
        add_moments(fc_in_at(x, r * ld), ld, count, lanes, shift, &sum, &squares);
    }
    V d = sum * v_set1(1.0f / (float)rows);
    *mean = shift + d;
    *m2 = v_max(zero, v_fnma(sum, d, squares));
}

static void k_moments(fc_in x, int64_t ld, int32_t rows, int32_t c, float *mean, float *m2)
{
    V m, s;
    int32_t i = 0;
    for (; i + W <= c; i += W) {
        lane_moments(fc_in_at(x, i), ld, rows, W, &m, &s);
        v_store(mean + i, m);
        v_store(m2 + i, s);
    }
    if (i < c) {
        size_t left = (size_t)(c - i);
        lane_moments(fc_in_at(x, i), ld, rows, left, &m, &s);
        v_store_n(mean + i, m, left);
        v_store_n(m2 + i, s, left);
    }
}

static void k_layer_norm(fc_out y, fc_in x, const float *gamma, const float *beta, size_t n, float eps)
{
    const V zero = v_set1(0.0f);
    V sum = zero, squares = zero;
    FOR_VECTORS(n, sum = sum + load(x, i), sum = sum + load_n(x, i, left));
    const float mean = v_sum(sum) / (float)n;
    const V vm = v_set1(mean);
    for (size_t i = 0; i + W <= n; i += W) {
        V d = load(x, i) - vm;
        squares = v_fma(d, d, squares);
    }
    float square_sum = v_sum(squares);
    float last[W];
    v_store(last, load_n(x, n - n % W, n % W) - vm);
    for (size_t i = 0; i < n % W; i++) square_sum += last[i] * last[i];
    const V vr = v_set1(1.0f / __builtin_sqrtf(square_sum / (float)n + eps));
    FOR_VECTORS(
        n, store(y, i, v_fma((load(x, i) - vm) * vr, v_load(gamma + i), v_load(beta + i))),
        store_n(y, i,
                v_fma((load_n(x, i, left) - vm) * vr, v_load_n(gamma + i, left), v_load_n(beta + i, left)),
                left));
}

/* W rows of W units: W / 2 zips of the rows i and i + W / 2, log2(W) times over. */
static inline void transpose_square(float *to, int64_t to_ld, const float *from, int64_t from_ld)
{
    V a[W], b[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) a[i] = v_load(from + i * from_ld);
#pragma GCC unroll 4
    for (int round = 1; round < W; round *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < W / 2; i++) {
            b[2 * i] = v_zip_low(a[i], a[i + W / 2]);
            b[2 * i + 1] = v_zip_high(a[i], a[i + W / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < W; i++) a[i] = b[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) v_store(to + i * to_ld, a[i]);
}

static void k_transpose(float *to, int64_t to_ld, const float *from, int64_t from_ld, int32_t count)
{
    int32_t i = 0;
    for (; i + W <= count; i += W) transpose_square(to + i * to_ld, to_ld, from + i, from_ld);
    for (; i < count; i++)
        for (int32_t r = 0; r < W; r++) memcpy(to + i * to_ld + r, from + r * from_ld + i, sizeof *to);
}

static float k_quantise(float *x, size_t n)
{
    const V zero = v_set1(0.0f);
    V vmax = zero, spoilt = zero; /* a value that is not finite times 0 is NaN */
    FOR_VECTORS(n, (vmax = v_max(vmax, v_abs(v_load(x + i))), spoilt = v_fma(v_load(x + i), zero, spoilt)),
                (vmax = v_max(vmax, v_abs(v_load_n(x + i, left))),
                 spoilt = v_fma(v_load_n(x + i, left), zero, spoilt)));
    float top = v_hmax(vmax), factor = top > 0.0f ? 127.0f / top : 0.0f;
    const V vf = v_set1(factor);
    FOR_VECTORS(n, v_store(x + i, v_round(v_load(x + i) * vf)),
                v_store_n(x + i, v_round(v_load_n(x + i, left) * vf), left));
    return top / 127.0f + v_sum(spoilt);
}

static void k_to_int8(int8_t *y, fc_in x, size_t n)
{
    FOR_VECTORS(n, v_store_int8(y + i, load(x, i)), v_store_int8_n(y + i, load_n(x, i, left), left));
}

#define KERNEL_TABLE(attn, mul)                                                                              \
    {                                                                                                        \
        .copy = k_copy, .unary = k_unary, .geglu = k_geglu, .axpby = k_axpby, .tail = k_tail,                \
        .affine = k_affine, .moments = k_moments, .layer_norm = k_layer_norm, .transpose = k_transpose,      \
        .lanes = W, .quantise = k_quantise, .to_int8 = k_to_int8, .attention = attn, .gemm = mul,            \
    }

#endif
