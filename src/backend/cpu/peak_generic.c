/* The peak of float32 on any machine. */
#include "backend/cpu/peak.h"

#include "backend/cpu/vec_generic.h"

#include "backend/cpu/peak_impl.h"

double fc_peak_generic(void)
{
    return multiply_adds();
}
