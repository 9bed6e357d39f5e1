/* The own matrix product and convolution: for machines and shapes for which oneDNN has no kernels that give
 * the same result with every number of threads. */
#ifndef FC_BACKEND_CPU_GEMM_H
#define FC_BACKEND_CPU_GEMM_H

#include "backend/cpu/kernels.h"

/* The packed weight in *data (fc_free it). stored: FC_BF16, or FC_F32 where kernels multiply float32. */
fc_status fc_cpu_gemm_pack(fc_dev *dev, const fc_pack_src *src, const fc_gemm_kernels *kernels,
                           fc_dtype stored, void **data, size_t *bytes, fc_err *err);
fc_status fc_cpu_gemm_run(fc_dev *dev, const fc_gemm_kernels *kernels, const fc_gemm *g);

#endif
