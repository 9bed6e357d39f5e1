/* Softmax weights as bf16: for attention_impl.h over tiles whose products are of bf16 values. The weights are
 * rounded before they meet the values, and their sum is the sum of what was rounded. Included after vmath.h.
 */
#define SOFTEXP(x)            v_exp2_falling(x)
#define UNIT                  1.44269504f
#define PUT_P(p, a, b, total) put_weights(p, a, b, total)

static inline V put_weights(uint16_t *p, V a, V b, V total)
{
    const __m512i ones = _mm512_set1_epi16(0x3f80);
    __m512bh both = _mm512_cvtne2ps_pbh(b, a);
    _mm512_storeu_si512(p, (__m512i)both);
    return _mm512_dpbf16_ps(total, both, (__m512bh)ones);
}
