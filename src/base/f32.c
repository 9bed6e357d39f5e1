/* See f32.h. Where one float32 is not enough, a value is an unevaluated sum high + low; each helper states
 * what it keeps of the error. The orders of operations are part of the contract: tests compare bits. */
#include "base/f32.h"
#include <math.h>

typedef struct pair {
    float high, low;
} pair;

static const pair ln2 = {0.69314718246459960938f, -1.904654323148236017e-09f};

/* a + b with its whole error, for any order of magnitudes */
static float sum_error(float a, float b, float sum)
{
    float v = sum - a;
    return (a - (sum - v)) + (b - v);
}

static pair exact_sum(float a, float b)
{
    float sum = a + b;
    return (pair){sum, sum_error(a, b, sum)};
}

static pair add_exact(pair a, float b)
{
    float sum = a.high + b;
    return (pair){sum, sum_error(a.high, b, sum) + a.low};
}

/* |a| >= |b| */
static pair add_smaller(pair a, pair b)
{
    float sum = a.high + b.high;
    return (pair){sum, a.high - sum + b.high + a.low + b.low};
}

static pair multiply(pair a, pair b)
{
    float product = a.high * b.high;
    float error = fmaf(a.high, b.high, -product);
    return (pair){product, fmaf(a.high, b.low, fmaf(a.low, b.high, error))};
}

static pair scale(pair a, float b)
{
    float product = a.high * b;
    return (pair){product, fmaf(a.low, b, fmaf(a.high, b, -product))};
}

static pair square(pair a)
{
    float product = a.high * a.high;
    return (pair){product, fmaf(a.high + a.high, a.low, fmaf(a.high, a.high, -product))};
}

static pair divide(pair a, pair b)
{
    float inverse = 1.0f / b.high;
    float quotient = a.high * inverse;
    float error = fmaf(inverse, a.high, -quotient);
    float rest = fmaf(-b.low, inverse, fmaf(-b.high, inverse, 1.0f));
    return (pair){quotient, fmaf(quotient, rest, fmaf(a.low, inverse, error))};
}

/* v = m * 2^e with m in [0.75, 1.5); returns (m - 1) / (m + 1), whose inverse hyperbolic tangent is half of
 * ln m. */
static pair reduce_log(float v, float *e)
{
    int exponent;
    float m = frexpf(v, &exponent); /* [0.5, 1) */
    if (m < 0.75f) {
        m *= 2.0f;
        exponent--;
    }
    *e = (float)exponent;
    return divide(exact_sum(-1.0f, m), exact_sum(1.0f, m));
}

static pair twice(pair a)
{
    return (pair){2.0f * a.high, 2.0f * a.low};
}

float f32_log(float v)
{
    float e;
    pair x = reduce_log(v, &e);
    float x2 = x.high * x.high;
    float t = fmaf(fmaf(0.3027294874f, x2, 0.3996108174f), x2, 0.6666694880f);
    pair sum = add_smaller(scale(ln2, e), twice(x));
    sum = add_smaller(sum, (pair){x2 * x.high * t, 0.0f});
    return sum.high + sum.low;
}

/* ln v to about 45 bits */
static pair log_pair(float v)
{
    const pair third = {0.66666662693023681640625f, 3.69183861259614332084311e-09f};
    float e;
    pair x = reduce_log(v, &e), x2 = square(x);
    float t = fmaf(0.240320354700088500976562f, x2.high, 0.285112679004669189453125f);
    t = fmaf(t, x2.high, 0.400007992982864379882812f);
    pair sum = add_smaller(scale(ln2, e), twice(x));
    pair tail = scale(x2, t);
    float head = tail.high + third.high;
    tail = (pair){head, sum_error(tail.high, third.high, head) + (tail.low + third.low)};
    return add_smaller(sum, multiply(multiply(x2, x), tail));
}

static const float log2_e = 1.4426950408889634f, ln2_upper = 0.693145751953125f,
                   ln2_lower = 1.428606765330187045e-06f;

float f32_exp(float v)
{
    float q = rintf(v * log2_e);
    float s = fmaf(q, -ln2_lower, fmaf(q, -ln2_upper, v));
    float u = fmaf(0.000198527617612853646278381f, s, 0.00139304355252534151077271f);
    u = fmaf(u, s, 0.00833336077630519866943359f);
    u = fmaf(u, s, 0.0416664853692054748535156f);
    u = fmaf(u, s, 0.166666671633720397949219f);
    u = fmaf(u, s, 0.5f);
    return ldexpf(fmaf(s * s, u, s) + 1.0f, (int)q);
}

static float exp_of_pair(pair v)
{
    float q = rintf((v.high + v.low) * log2_e);
    pair s = add_exact(add_exact(v, q * -ln2_upper), q * -ln2_lower);
    float high = s.high + s.low;
    s = (pair){high, s.high - high + s.low};
    float u = fmaf(0.00136324646882712841033936f, s.high, 0.00836596917361021041870117f);
    u = fmaf(u, s.high, 0.0416710823774337768554688f);
    u = fmaf(u, s.high, 0.166665524244308471679688f);
    u = fmaf(u, s.high, 0.499999850988388061523438f);
    pair t = add_smaller(s, scale(square(s), u));
    t = add_smaller((pair){1.0f, 0.0f}, t);
    return ldexpf(t.high + t.low, (int)q);
}

float f32_pow(float v, float e)
{
    return exp_of_pair(scale(log_pair(v), e));
}

float f32_expm1(float v)
{
    return (float)expm1((double)v);
}
