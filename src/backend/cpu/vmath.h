/* Elementary functions on vectors. To be included after a vec_*.h. The polynomials were fitted with weighted
 * least squares towards equal ripples; errors are stated per function and checked in
 * tests/unit/test_ops_norm.c. */
#ifndef FC_BACKEND_CPU_VMATH_H
#define FC_BACKEND_CPU_VMATH_H

#include "nn/backend.h"

/* x = n ln 2 + r, |r| <= ln 2 / 2. ln 2 in two parts: the first has few enough bits that n times it is exact.
 */
static inline V v_exp_reduce(V x, V *n)
{
    *n = v_round(x * v_set1(1.44269504f));
    V r = v_fnma(*n, v_set1(0.693359375f), x);
    return v_fnma(*n, v_set1(-2.12194440e-4f), r);
}

/* Outside of this range results are 0 and infinity anyway. A NaN passes. */
static inline V v_exp_clamp(V x)
{
    return v_min(v_set1(90.0f), v_max(v_set1(-105.0f), x));
}

/* e^x, 1 ulp for results that are normal numbers. */
static inline V v_exp(V x)
{
    V n, r = v_exp_reduce(v_exp_clamp(x), &n);
    V q = v_fma(v_set1(1.3950590706e-3f), r, v_set1(8.3689546460e-3f));
    q = v_fma(q, r, v_set1(4.1666204298e-2f));
    q = v_fma(q, r, v_set1(1.6666518294e-1f));
    q = v_fma(q, r, v_set1(5.0000000957e-1f));
    V p = v_fma(r * r, q, r) + v_set1(1.0f);
    return v_scale2(p, n);
}

/* 2^x for x <= 0 with a relative error of 8e-5: enough for what is rounded to bf16. How far x may fall is
 * v_scale2's matter: with AVX-512 to any finite number. */
static inline V v_exp2_falling(V x)
{
    V n = v_round(x), f = x - n;
    V p = v_fma(v_set1(5.5171413763e-2f), f, v_set1(2.4261110257e-1f));
    p = v_fma(p, f, v_set1(6.9326103258e-1f));
    p = v_fma(p, f, v_set1(9.9992807596e-1f));
    return v_scale2(p, n);
}

static inline V v_exp2_rough(V x)
{
    return v_exp2_falling(v_max(v_set1(-200.0f), x));
}

/* (1 + erf(x / sqrt 2)) / 2 * x. With t = |x| / sqrt 2: a polynomial in t^2 for t < 1; beyond, erfc(t) =
 * exp(-t^2 + R(t)), which keeps the left tail exact where 1 + erf would cancel. */
static inline V v_gelu(V x)
{
    const V one = v_set1(1.0f), half = v_set1(0.5f);
    V z = x * v_set1(0.70710678f), t = v_abs(z), s = half * x * x;
    V p = v_fma(v_set1(7.853798424e-5f), s, v_set1(-8.010174562e-4f));
    p = v_fma(p, s, v_set1(5.188325515e-3f));
    p = v_fma(p, s, v_set1(-2.685381079e-2f));
    p = v_fma(p, s, v_set1(1.128358512e-1f));
    p = v_fma(p, s, v_set1(-3.761262582e-1f));
    p = v_fma(p, s, v_set1(1.128379166f));
    V near = v_fma(z, p, one);

    V u = v_min(v_set1(9.3f), t);
    V r = v_fma(v_set1(-5.2342386206e-08f), u, v_set1(2.4402930490e-06f));
    r = v_fma(r, u, v_set1(-4.9914270146e-05f));
    r = v_fma(r, u, v_set1(5.9593352310e-04f));
    r = v_fma(r, u, v_set1(-4.6850333292e-03f));
    r = v_fma(r, u, v_set1(2.6115686916e-02f));
    r = v_fma(r, u, v_set1(-1.0947532831e-01f));
    r = v_fma(r, u, v_set1(3.6751621222e-01f));
    r = v_fma(r, u, v_set1(-1.1298566251e+00f));
    r = v_fma(r, u, v_set1(2.3116818545e-04f));
    V e = v_exp(v_fnma(half * x, x, r)); /* x^2 / 2, not t^2: t is rounded */
    V far = v_sel_lt(x, v_set1(0.0f), e, v_set1(2.0f) - e);
    return half * x * v_sel_lt(t, one, near, far);
}

static inline V v_sigmoid(V x)
{
    const V one = v_set1(1.0f);
    return one / (one + v_exp(v_set1(0.0f) - x));
}

/* 1 / (1 + 2^x) with a relative error of 1e-4 where it is a normal number. */
static inline V v_logistic2_rough(V x)
{
    return v_recip(v_set1(1.0f) + v_exp2_rough(v_min(v_set1(100.0f), x)));
}

/* SiLU and GELU for results that are rounded to bf16: relative errors of 1e-4, GELU's 2e-4 in |x| < 4.5, and
 * 4e-7 absolute to the left of that. GELU's factor is taken as 1 / (1 + e^(x p(x^2))), p fitted. */
static inline V v_silu_rough(V x)
{
    return x * v_logistic2_rough(x * v_set1(-1.44269504f));
}

static inline V v_gelu_rough(V x)
{
    V s = v_min(v_set1(20.25f), x * x);
    V p = v_fma(v_set1(5.8309249e-8f), s, v_set1(-3.6496495e-6f));
    p = v_fma(p, s, v_set1(7.0576739e-5f));
    p = v_fma(p, s, v_set1(5.8465369e-4f));
    p = v_fma(p, s, v_set1(-1.0598893e-1f));
    p = v_fma(p, s, v_set1(-2.3014358f));
    return x * v_logistic2_rough(x * p);
}

/* 3 tanh(x / 3) */
static inline V v_tanh3(V x)
{
    const V one = v_set1(1.0f), three = v_set1(3.0f);
    V u = x / three, a = v_abs(u), s = u * u;
    V p = v_fma(v_set1(-5.905761130e-3f), s, v_set1(2.080528769e-2f));
    p = v_fma(p, s, v_set1(-5.378665305e-2f));
    p = v_fma(p, s, v_set1(1.333195786e-1f));
    p = v_fma(p, s, v_set1(-3.333329926e-1f));
    V near = v_fma(u * s, p, u);
    V e = v_exp(v_set1(-2.0f) * a), far = (one - e) / (one + e);
    far = v_sel_lt(u, v_set1(0.0f), v_set1(0.0f) - far, far);
    return three * v_sel_lt(a, v_set1(0.6f), near, far);
}

static inline V v_act(fc_act act, V x)
{
    switch (act) {
    case FC_ACT_SILU:
        return x * v_sigmoid(x);
    case FC_ACT_GELU:
        return v_gelu(x);
    case FC_ACT_QUICK_GELU:
        return x * v_sigmoid(x * v_set1(1.702f));
    case FC_ACT_RELU:
        return v_max(v_set1(0.0f), x);
    case FC_ACT_TANH3:
        return v_tanh3(x);
    case FC_ACT_LRELU:
        return v_max(x * v_set1(FC_LRELU_SLOPE), x);
    default:
        return x;
    }
}

/* For a result that is stored as `to`. */
static inline V v_act_for(fc_dtype to, fc_act act, V x)
{
    if (to == FC_BF16 && act == FC_ACT_SILU) return v_silu_rough(x);
    if (to == FC_BF16 && act == FC_ACT_GELU) return v_gelu_rough(x);
    return v_act(act, x);
}

#endif
