/* The kernels for AVX-512 with conversion to bf16 in one instruction. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/kernels_impl.h"

#include "backend/cpu/products_f32.h"

static const fc_attn_kernels attention = ATTENTION_TABLE;
static const fc_gemm_kernels gemm = GEMM_TABLE;
const fc_kernels fc_kernels_avx512bf16 = KERNEL_TABLE(&attention, &gemm);
#endif
