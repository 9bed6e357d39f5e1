/* float32 log, exp and pow as the reference computes them (SLEEF's approximations with 1 ulp of error, fused
 * multiply-adds), the same on every machine. Sigmas and timestep embeddings are built on them: a sigma that
 * is off by its last bit makes the SDE samplers draw other noise, a frequency of the embedding changes it by
 * 1e-4. */
#ifndef FC_BASE_F32_H
#define FC_BASE_F32_H

float f32_log(float v);          /* v > 0, normal */
float f32_exp(float v);          /* |v| < 87 */
float f32_pow(float v, float e); /* v > 0, result normal */
float f32_expm1(float v);        /* correctly rounded */

#endif
