/* Where Fooocus 1.0.43 and 2.5.5 differ in arithmetic, as data. Everything below the engine asks the recipe
 * and never which version it is. */
#ifndef FC_DIFFUSION_RECIPE_H
#define FC_DIFFUSION_RECIPE_H

#include <stdbool.h>
#include "diffusion/model_sampling.h"
#include "text/clean.h"

typedef unsigned fc_recipe_set;
enum { FC_IN_1_0 = 1, FC_IN_2_5 = 2, FC_IN_ALL = 3 };

typedef struct fc_recipe {
    const char *name;
    fc_recipe_set set; /* its own bit */
    fc_table_rounding rounding;
    bool full_noise_by_denoise; /* full start noise when denoise is 1; else when the run starts at the top
                                   sigma */
    bool guides_outputs;        /* guidance and sharpness on the network's outputs; else on x - denoised */
    bool adm_whole_numbers;     /* emphasised sizes are truncated, target sizes are multiples of 64 */
    bool adm_switches;          /* the consistent form of the sizes takes over at the ADM end */
    fc_clean_rule clean_rule;   /* of prompts */
    bool weights_restore_mean;  /* prompt weights other than 1: each chunk keeps its mean; else weights act
                                   on every token, 1 included, and the mean moves */
    bool refiner_reads_base;    /* the refiner gets a part of the base's text condition; else its own */
    bool fresh_mask_noise;      /* the kept part of a masked run gets new noise at every model call */
} fc_recipe;

extern const fc_recipe fc_recipe_1_0, fc_recipe_2_5;

/* Whether the start noise is multiplied by sqrt(1 + sigma^2) instead of sigma. */
bool fc_recipe_full_noise(const fc_recipe *recipe, const fc_model_sampling *ms, float first_sigma,
                          double denoise);

#endif
