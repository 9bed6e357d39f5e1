/* The Brownian path behind the SDE samplers' noise: torchsde's tree, bit for bit. A path W over sigma is
 * defined by (seed, range, size) alone; the noise of a step depends on the step's two sigmas and not on
 * earlier queries, so that a run that is resumed or previewed draws the same noise. Times are rounded to
 * 1e-6, hence sigmas must match the reference's to the last bit where pictures should. Nodes near the last
 * queries are kept: at most 4 * depth buffers of `count` floats, depth = log2(range / 1e-6), about 25
 * (1024x1024 pixels: 25 MB when all are in use). One thread at a time. */
#ifndef FC_DIFFUSION_BROWNIAN_H
#define FC_DIFFUSION_BROWNIAN_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct fc_brownian fc_brownian;

/* A path of `count` independent values over [sigma_min, sigma_max], 0 <= sigma_min < sigma_max. */
fc_status fc_brownian_new(fc_brownian **out, size_t count, float sigma_min, float sigma_max, uint64_t seed,
                          fc_err *err) FC_MUST_USE;
void fc_brownian_free(fc_brownian *b);

/* out[count] = the standard normal noise of the step from sigma down to sigma_next; zeros for an empty step.
 * Sigmas outside the range are clamped to it. */
fc_status fc_brownian_noise(fc_brownian *b, float sigma, float sigma_next, float *out,
                            fc_err *err) FC_MUST_USE;

/* v rounded to 6 decimals: the double nearest to the exactly rounded decimal number. For |v| < 2^31. */
double fc_brownian_round6(double v);

#endif
