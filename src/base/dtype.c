/* Names, sizes and conversions of element types. */
#include "base/dtype.h"

#include <assert.h>
#include <string.h>
#include "base/dtype_simd.h"

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} types[FC_DTYPE_COUNT] = {
    [FC_F32] = {"F32", 4, true},  [FC_BF16] = {"BF16", 2, true},       [FC_F16] = {"F16", 2, true},
    [FC_F64] = {"F64", 8, true},  [FC_F8_E4M3] = {"F8_E4M3", 1, true}, [FC_F8_E5M2] = {"F8_E5M2", 1, true},
    [FC_I64] = {"I64", 8, false}, [FC_I32] = {"I32", 4, false},        [FC_I16] = {"I16", 2, false},
    [FC_I8] = {"I8", 1, false},   [FC_U8] = {"U8", 1, false},          [FC_BOOL] = {"BOOL", 1, false},
};

size_t fc_dtype_size(fc_dtype t)
{
    assert((unsigned)t < FC_DTYPE_COUNT);
    return types[t].size;
}

const char *fc_dtype_name(fc_dtype t)
{
    return (unsigned)t < FC_DTYPE_COUNT ? types[t].name : "?";
}

bool fc_dtype_from_name(const char *name, size_t len, fc_dtype *out)
{
    for (int t = 0; t < FC_DTYPE_COUNT; t++) {
        if (strlen(types[t].name) != len || memcmp(types[t].name, name, len) != 0) continue;
        *out = (fc_dtype)t;
        return true;
    }
    return false;
}

bool fc_dtype_is_float(fc_dtype t)
{
    return (unsigned)t < FC_DTYPE_COUNT && types[t].is_float;
}

static float float_of_bits(uint32_t bits)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = bits};
    return v.f;
}

static uint32_t bits_of_float(float f)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = f};
    return v.u;
}

/* NaNs come out quiet with their payload kept, as VCVTPH2PS does. */
float fc_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 0x1fu, mantissa = h & 0x3ffu;
    if (exponent == 0x1f)
        return float_of_bits(sign | 0x7f800000u | mantissa << 13 | (mantissa ? 0x400000u : 0));
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24, exact */
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

/* NaNs come out quiet with the upper payload bits kept, as VCVTPS2PH does. */
uint16_t fc_f32_to_f16(float f)
{
    uint32_t bits = bits_of_float(f), magnitude = bits & 0x7fffffffu;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more round to infinity */
    if (magnitude < 0x38800000u) {                                   /* below 2^-14: a multiple of 2^-24 */
        float shifted = float_of_bits(magnitude) + 0.5f; /* the sum's last bit is 2^-24: rounds for us */
        return (uint16_t)(sign | (bits_of_float(shifted) - bits_of_float(0.5f)));
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23);
    return (uint16_t)(sign | rounded >> 13);
}

/* The "fn" variant: bias 7, no infinities, only 0x7f and 0xff are NaN. */
static float f8_e4m3_to_f32(uint8_t b)
{
    uint32_t sign = (uint32_t)(b & 0x80u) << 24, exponent = b >> 3 & 0xfu, mantissa = b & 7u;
    if ((b & 0x7f) == 0x7f) return float_of_bits(sign | 0x7fc00000u);
    if (exponent == 0) {
        float magnitude = (float)mantissa * 0x1p-9f;
        return sign ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 120) << 23 | mantissa << 20);
}

static void f16_to_f32(float *dst, const unsigned char *src, size_t count)
{
#ifdef FC_DTYPE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        fc_f16_to_f32_avx2(dst, src, count);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, src + 2 * i, sizeof h);
        dst[i] = fc_f16_to_f32(h);
    }
}

static void bf16_to_f32(float *dst, const unsigned char *src, size_t count)
{
#ifdef FC_DTYPE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        fc_bf16_to_f32_avx2(dst, src, count);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, src + 2 * i, sizeof h);
        dst[i] = fc_bf16_to_f32(h);
    }
}

#define CONVERT(type)                                                                                        \
    for (size_t i = 0; i < count; i++) {                                                                     \
        type value;                                                                                          \
        memcpy(&value, bytes + i * sizeof value, sizeof value);                                              \
        dst[i] = (float)value;                                                                               \
    }                                                                                                        \
    break

void fc_to_f32(float *dst, const void *src, fc_dtype t, size_t count)
{
    const unsigned char *bytes = src;
    switch (t) {
    case FC_F32:
        if (count) memcpy(dst, src, count * sizeof *dst);
        break;
    case FC_F16:
        f16_to_f32(dst, bytes, count);
        break;
    case FC_BF16:
        bf16_to_f32(dst, bytes, count);
        break;
    case FC_F8_E4M3:
        for (size_t i = 0; i < count; i++) dst[i] = f8_e4m3_to_f32(bytes[i]);
        break;
    case FC_F8_E5M2: /* the upper half of an F16 */
        for (size_t i = 0; i < count; i++) dst[i] = fc_f16_to_f32((uint16_t)(bytes[i] << 8));
        break;
    case FC_BOOL:
        for (size_t i = 0; i < count; i++) dst[i] = bytes[i] ? 1.0f : 0.0f;
        break;
    case FC_F64:
        CONVERT(double);
    case FC_I64:
        CONVERT(int64_t);
    case FC_I32:
        CONVERT(int32_t);
    case FC_I16:
        CONVERT(int16_t);
    case FC_I8:
        CONVERT(int8_t);
    case FC_U8:
        CONVERT(uint8_t);
    case FC_DTYPE_COUNT:
        assert(!"not a type");
        break;
    }
}

static void f32_to_f16(unsigned char *dst, const float *src, size_t count)
{
#ifdef FC_DTYPE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        fc_f32_to_f16_avx2(dst, src, count);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) {
        uint16_t h = fc_f32_to_f16(src[i]);
        memcpy(dst + 2 * i, &h, sizeof h);
    }
}

static void f32_to_bf16(unsigned char *dst, const float *src, size_t count)
{
#ifdef FC_DTYPE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        fc_f32_to_bf16_avx2(dst, src, count);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) {
        uint16_t h = fc_f32_to_bf16(src[i]);
        memcpy(dst + 2 * i, &h, sizeof h);
    }
}

void fc_from_f32(void *dst, fc_dtype t, const float *src, size_t count)
{
    switch (t) {
    case FC_F32:
        if (count) memcpy(dst, src, count * sizeof *src);
        break;
    case FC_F16:
        f32_to_f16(dst, src, count);
        break;
    case FC_BF16:
        f32_to_bf16(dst, src, count);
        break;
    case FC_F64:
        for (size_t i = 0; i < count; i++) {
            double d = (double)src[i];
            memcpy((char *)dst + i * sizeof d, &d, sizeof d);
        }
        break;
    default:
        assert(!"fc_from_f32 makes F64, F32, F16 and BF16 only");
        break;
    }
}
