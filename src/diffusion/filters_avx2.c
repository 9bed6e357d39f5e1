/* bilateral_row.h compiled for AVX2; filters.c calls it where the machine has it. */
#include "diffusion/bilateral_row.h"

#ifdef __AVX2__
void fc_bilateral_row_avx2(const fc_bilateral *f, int y, float *out)
{
    bilateral_row(f, y, out);
}
#endif
