/* See recipe.h. */
#include "diffusion/recipe.h"
#include <math.h>

const fc_recipe fc_recipe_1_0 = {.name = "1.0",
                                 .set = FC_IN_1_0,
                                 .rounding = FC_ROUND_ALPHAS,
                                 .full_noise_by_denoise = true,
                                 .guides_outputs = true,
                                 .adm_whole_numbers = false,
                                 .adm_switches = false,
                                 .clean_rule = FC_CLEAN_STRIP_ACCENTS,
                                 .weights_restore_mean = false,
                                 .refiner_reads_base = false,
                                 .fresh_mask_noise = false};

const fc_recipe fc_recipe_2_5 = {.name = "2.5",
                                 .set = FC_IN_2_5,
                                 .rounding = FC_ROUND_SIGMAS,
                                 .full_noise_by_denoise = false,
                                 .guides_outputs = false,
                                 .adm_whole_numbers = true,
                                 .adm_switches = true,
                                 .clean_rule = FC_CLEAN_KEEP_ACCENTS,
                                 .weights_restore_mean = true,
                                 .refiner_reads_base = true,
                                 .fresh_mask_noise = true};

bool fc_recipe_full_noise(const fc_recipe *recipe, const fc_model_sampling *ms, float first_sigma,
                          double denoise)
{
    if (recipe->full_noise_by_denoise) return denoise > 0.9999;
    double top = (double)fc_model_sampling_sigma_max(ms), first = (double)first_sigma;
    return first > top || fabs(top - first) <= 1e-5 * fmax(top, first);
}
