/* The CPU backend: oneDNN for products and convolutions (prim.c), own SIMD kernels for the rest. */
#ifndef FC_BACKEND_CPU_H
#define FC_BACKEND_CPU_H

#include "nn/backend.h"

extern const fc_backend fc_backend_cpu;

#endif
