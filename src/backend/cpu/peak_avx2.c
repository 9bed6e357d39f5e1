/* The peak of float32 with AVX2. */
#include "backend/cpu/peak.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx2.h"

#include "backend/cpu/peak_impl.h"

double fc_peak_avx2(void)
{
    return multiply_adds();
}
#endif
