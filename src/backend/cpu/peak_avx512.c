/* The peak of float32 with AVX-512. */
#include "backend/cpu/peak.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/peak_impl.h"

double fc_peak_avx512(void)
{
    return multiply_adds();
}
#endif
