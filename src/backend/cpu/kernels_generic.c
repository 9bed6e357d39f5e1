/* The kernels for any machine. */
#include "backend/cpu/kernels.h"

#include "backend/cpu/vec_generic.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/kernels_impl.h"

#include "backend/cpu/products_f32.h"

static const fc_attn_kernels attention = ATTENTION_TABLE;
static const fc_gemm_kernels gemm = GEMM_TABLE;
const fc_kernels fc_kernels_generic = KERNEL_TABLE(&attention, &gemm);
