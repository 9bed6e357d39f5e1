/* The loop of peak.h in float32, over the vector types of vec_*.h. Enough chains to hide the latency of a
 * multiply-add on two ports. */

static double multiply_adds(void)
{
    enum { CHAINS = 12, LOOPS = 4000000 };
    V a[CHAINS];
    const V x = v_set1(1e-9f), one = v_set1(1.0f);
    for (int i = 0; i < CHAINS; i++) a[i] = v_set1((float)i);
    for (long n = 0; n < LOOPS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) a[i] = v_fma(a[i], x, one);
    }
    float sum = 0.0f; /* what is not used would not be computed */
    for (int i = 0; i < CHAINS; i++) sum += v_sum(a[i]);
    return sum > 0.0f ? 2.0 * CHAINS * W * LOOPS : 0.0;
}
