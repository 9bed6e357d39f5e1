/* base/dtype: every 16-bit pattern, rounding, and the vector paths against the scalar ones. */
#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/hash.h"
#include "support/support.h"

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static void names_round_trip(void **state)
{
    (void)state;
    for (int t = 0; t < FC_DTYPE_COUNT; t++) {
        fc_dtype back = FC_DTYPE_COUNT;
        const char *name = fc_dtype_name((fc_dtype)t);
        assert_true(fc_dtype_from_name(name, strlen(name), &back));
        assert_int_equal(back, t);
        assert_true(fc_dtype_size((fc_dtype)t) >= 1 && fc_dtype_size((fc_dtype)t) <= 8);
    }
    fc_dtype t;
    assert_false(fc_dtype_from_name("F3", 2, &t) || fc_dtype_from_name("F322", 4, &t) ||
                 fc_dtype_from_name("", 0, &t));
    assert_string_equal(fc_dtype_name((fc_dtype)99), "?");
    assert_true(fc_dtype_is_float(FC_F8_E4M3) && !fc_dtype_is_float(FC_U8));
}

/* What the bits mean, from the definition of the format rather than from bit tricks. */
static double small_float(unsigned sign, unsigned exponent, unsigned mantissa, int exponent_bias,
                          int mantissa_bits)
{
    double m = (double)mantissa / (1 << mantissa_bits);
    double v = exponent ? ldexp(1.0 + m, (int)exponent - exponent_bias) : ldexp(m, 1 - exponent_bias);
    return sign ? -v : v;
}

static void every_f16_converts_exactly_and_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = fc_f16_to_f32((uint16_t)h);
        unsigned exponent = h >> 10 & 31, mantissa = h & 1023;
        if (exponent == 31) {
            assert_true(mantissa ? isnan(f) : isinf(f));
            assert_int_equal(fc_f32_to_f16(f), mantissa ? h | 0x200 : h);
        } else {
            if ((double)f != small_float(h >> 15, exponent, mantissa, 15, 10)) fail_msg("%04x", h);
            assert_int_equal(fc_f32_to_f16(f), h);
        }
        assert_int_equal(bits(f) >> 31, h >> 15);
    }
}

static void f16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) { /* between two neighbours: below, at and above the middle */
        float low = fc_f16_to_f32((uint16_t)h), high = fc_f16_to_f32((uint16_t)(h + 1));
        float middle = (low + high) / 2;
        uint32_t even = h & 1 ? h + 1 : h;
        if (fc_f32_to_f16(middle) != even || fc_f32_to_f16(nextafterf(middle, 0.0f)) != h ||
            fc_f32_to_f16(nextafterf(middle, 1e9f)) != h + 1 || fc_f32_to_f16(-middle) != (even | 0x8000))
            fail_msg("between %04x and its successor", h);
    }
    assert_int_equal(fc_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(fc_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(fc_f32_to_f16(-1e30f), 0xfc00);
    assert_int_equal(fc_f32_to_f16(1e-30f), 0);
    assert_int_equal(fc_f32_to_f16(-0x1p-25f), 0x8000);
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7f7f; h++) {
        uint32_t middle = h << 16 | 0x8000, even = h & 1 ? h + 1 : h;
        assert_int_equal(fc_f32_to_bf16(from_bits(middle)), even);
        assert_int_equal(fc_f32_to_bf16(from_bits(middle - 1)), h);
        assert_int_equal(fc_f32_to_bf16(from_bits(middle + 1)), h + 1);
    }
    assert_true(isnan(fc_bf16_to_f32(fc_f32_to_bf16(from_bits(0x7f800001))))); /* not infinity */
    assert_int_equal(fc_f32_to_bf16(INFINITY), 0x7f80);
}

static void every_f8_means_what_it_should(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b;
        float e4m3, e5m2;
        fc_to_f32(&e4m3, &byte, FC_F8_E4M3, 1);
        fc_to_f32(&e5m2, &byte, FC_F8_E5M2, 1);
        if ((b & 0x7f) == 0x7f)
            assert_true(isnan(e4m3));
        else
            assert_true((double)e4m3 == small_float(b >> 7, b >> 3 & 15, b & 7, 7, 3));
        if ((b >> 2 & 31) == 31)
            assert_true(b & 3 ? isnan(e5m2) : isinf(e5m2));
        else
            assert_true((double)e5m2 == small_float(b >> 7, b >> 2 & 31, b & 3, 15, 2));
    }
}

enum { ROW = 65536 };

/* Bulk results equal the scalar functions bit for bit, for any length, at odd addresses, without touching
 * neighbours. */
static void bulk_equals_scalar(void **state)
{
    (void)state;
    static unsigned char halves[2 * ROW + 3];
    static float wide[ROW + 8];
    for (int t = 0; t < 2; t++) {
        fc_dtype type = t ? FC_BF16 : FC_F16;
        for (uint32_t i = 0; i < ROW; i++) {
            uint16_t h = (uint16_t)i;
            memcpy(halves + 1 + 2 * i, &h, 2);
        }
        fc_to_f32(wide, halves + 1, type, ROW);
        for (uint32_t i = 0; i < ROW; i++) {
            uint32_t want = bits(t ? fc_bf16_to_f32((uint16_t)i) : fc_f16_to_f32((uint16_t)i));
            if (bits(wide[i]) != want)
                fail_msg("%s %04x: %08x, not %08x", fc_dtype_name(type), i, bits(wide[i]), want);
        }
        for (uint32_t i = 0; i < ROW; i++) wide[i] = from_bits((uint32_t)fc_splitmix64(i * 77777u));
        for (size_t n = ROW; n > ROW - 20; n--) {
            halves[1 + 2 * n] = 0xa5;
            fc_from_f32(halves + 1, type, wide, n);
            assert_int_equal(halves[1 + 2 * n], 0xa5);
        }
        fc_from_f32(halves + 1, type, wide, ROW);
        for (uint32_t i = 0; i < ROW; i++) {
            uint16_t h, want = t ? fc_f32_to_bf16(wide[i]) : fc_f32_to_f16(wide[i]);
            memcpy(&h, halves + 1 + 2 * i, 2);
            if (h != want)
                fail_msg("%s of %08x: %04x, not %04x", fc_dtype_name(type), bits(wide[i]), h, want);
        }
        for (size_t n = 0; n < 20; n++) {
            wide[n] = -1.0f;
            fc_to_f32(wide, halves + 1, type, n);
            assert_true(wide[n] == -1.0f);
        }
    }
}

static void other_types_convert(void **state)
{
    (void)state;
    float out[4];
    const double f64[2] = {0.1, -3.0};
    const int64_t i64[2] = {-5, (int64_t)1 << 40};
    const int32_t i32[2] = {-5, 1 << 30};
    const int16_t i16[2] = {-5, 32767};
    const int8_t i8[2] = {-5, 127};
    const uint8_t u8[2] = {0, 255};
    fc_to_f32(out, f64, FC_F64, 2);
    assert_true(out[0] == 0.1f && out[1] == -3.0f);
    fc_to_f32(out, i64, FC_I64, 2);
    assert_true(out[0] == -5.0f && out[1] == 0x1p40f);
    fc_to_f32(out, i32, FC_I32, 2);
    assert_true(out[0] == -5.0f && out[1] == 0x1p30f);
    fc_to_f32(out, i16, FC_I16, 2);
    assert_true(out[0] == -5.0f && out[1] == 32767.0f);
    fc_to_f32(out, i8, FC_I8, 2);
    assert_true(out[0] == -5.0f && out[1] == 127.0f);
    fc_to_f32(out, u8, FC_U8, 2);
    assert_true(out[0] == 0.0f && out[1] == 255.0f);
    fc_to_f32(out, u8, FC_BOOL, 2);
    assert_true(out[0] == 0.0f && out[1] == 1.0f);
    float same[2];
    fc_from_f32(same, FC_F32, out, 2);
    fc_to_f32(out + 2, same, FC_F32, 2);
    assert_memory_equal(out, out + 2, sizeof same);
    fc_to_f32(NULL, NULL, FC_F32, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(every_f16_converts_exactly_and_back),
        cmocka_unit_test(f16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(every_f8_means_what_it_should),
        cmocka_unit_test(bulk_equals_scalar),
        cmocka_unit_test(other_types_convert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
