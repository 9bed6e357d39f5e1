/* See recipe.h. */
#include "diffusion/recipe.h"
#include <math.h>

const fc_recipe fc_recipe_1_0 = {
    .name = "1.0", .set = FC_IN_1_0, .rounding = FC_ROUND_ALPHAS, .full_noise_by_denoise = true};

const fc_recipe fc_recipe_2_5 = {
    .name = "2.5", .set = FC_IN_2_5, .rounding = FC_ROUND_SIGMAS, .full_noise_by_denoise = false};

bool fc_recipe_full_noise(const fc_recipe *recipe, const fc_model_sampling *ms, float first_sigma,
                          double denoise)
{
    if (recipe->full_noise_by_denoise) return denoise > 0.9999;
    double top = (double)fc_model_sampling_sigma_max(ms), first = (double)first_sigma;
    return first > top || fabs(top - first) <= 1e-5 * fmax(top, first);
}
