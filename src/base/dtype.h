/* Element types of tensors in files and in memory, and conversions between them. */
#ifndef FC_BASE_DTYPE_H
#define FC_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fc_dtype {
    FC_F32,
    FC_BF16,
    FC_F16,
    FC_F64,
    FC_F8_E4M3,
    FC_F8_E5M2,
    FC_I64,
    FC_I32,
    FC_I16,
    FC_I8,
    FC_U8,
    FC_BOOL,
    FC_DTYPE_COUNT
} fc_dtype;

size_t fc_dtype_size(fc_dtype t);      /* bytes per element */
const char *fc_dtype_name(fc_dtype t); /* safetensors spelling: "F32", "BF16", "F8_E4M3" ... */
bool fc_dtype_from_name(const char *name, size_t len, fc_dtype *out);
bool fc_dtype_is_float(fc_dtype t);

float fc_f16_to_f32(uint16_t h);
uint16_t fc_f32_to_f16(float f); /* round to nearest even, overflow to infinity */
static inline float fc_bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)h << 16};
    return v.f;
}
static inline uint16_t fc_f32_to_bf16(float f) /* round to nearest even; NaN stays NaN */
{
    union {
        float f;
        uint32_t u;
    } v = {.f = f};
    if ((v.u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((v.u >> 16) | 0x40u);
    return (uint16_t)((v.u + 0x7fffu + ((v.u >> 16) & 1u)) >> 16);
}
/* count elements of type t at src -> float32. Any alignment of src. Vectorised for F16 and BF16 where the
 * machine can. */
void fc_to_f32(float *dst, const void *src, fc_dtype t, size_t count);
/* float32 -> F16, BF16, F32 or F64. Any alignment of dst. */
void fc_from_f32(void *dst, fc_dtype t, const float *src, size_t count);

#endif
