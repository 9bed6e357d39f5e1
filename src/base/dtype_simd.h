/* The vectorised conversions behind base/dtype.c; results equal the scalar ones bit for bit. Any alignment.
 */
#ifndef FC_BASE_DTYPE_SIMD_H
#define FC_BASE_DTYPE_SIMD_H

#include <stddef.h>

#if defined(__x86_64__) || defined(__i386__)
#define FC_DTYPE_AVX2 1
void fc_f16_to_f32_avx2(float *dst, const void *src,
                        size_t count); /* F16C: every processor with AVX2 has it */
void fc_f32_to_f16_avx2(void *dst, const float *src,
                        size_t count); /* F16C: every processor with AVX2 has it */
void fc_bf16_to_f32_avx2(float *dst, const void *src, size_t count);
void fc_f32_to_bf16_avx2(void *dst, const float *src, size_t count);
#endif

#endif
