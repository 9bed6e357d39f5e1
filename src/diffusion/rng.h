/* The generator behind a picture's noise: bit for bit the CPU generator of PyTorch (MT19937, float32 rand and
 * randn). Long normal draws (16 values or more) use the same polynomial approximations as its AVX2 path, so
 * that the same seed gives the same noise to the last bit on every machine. A plain value; one per image,
 * never shared between threads. */
#ifndef FC_DIFFUSION_RNG_H
#define FC_DIFFUSION_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mt19937.h"

typedef struct fc_rng {
    fc_mt19937 mt;
    bool has_spare; /* a short normal draw left its second value behind */
    double spare;
} fc_rng;

void fc_rng_seed(fc_rng *rng, uint64_t seed); /* only the low 32 bits count, as in the reference */
void fc_rng_uniform(fc_rng *rng, float *out, size_t count); /* [0, 1) */
void fc_rng_normal(fc_rng *rng, float *out, size_t count);  /* mean 0, deviation 1 */

#endif
