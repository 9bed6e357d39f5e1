/* normal16.h compiled for AVX2 and FMA; rng.c calls it where the machine has both. */
#include "diffusion/normal16.h"

#ifdef __AVX2__
void fc_normal16_avx2(float *data, size_t blocks)
{
    normal16_transform(data, blocks);
}
#endif
