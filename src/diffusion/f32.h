/* Correctly rounded float32 functions (through double), so that schedules and step coefficients do not depend
 * on the machine's libm: a sigma that is off by its last bit draws other noise. */
#ifndef FC_DIFFUSION_F32_H
#define FC_DIFFUSION_F32_H

#include <math.h>

static inline float f32_log(float v)
{
    return (float)log((double)v);
}

static inline float f32_exp(float v)
{
    return (float)exp((double)v);
}

static inline float f32_expm1(float v)
{
    return (float)expm1((double)v);
}

#endif
