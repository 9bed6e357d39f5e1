/* The own matrix product and convolution: for machines and shapes for which oneDNN has no kernels that give
 * the same result with every number of threads. */
#ifndef FC_BACKEND_CPU_GEMM_H
#define FC_BACKEND_CPU_GEMM_H

#include "backend/cpu/kernels.h"

fc_status fc_cpu_gemm_run(fc_dev *dev, const fc_gemm_kernels *kernels, const fc_gemm *g);

#endif
