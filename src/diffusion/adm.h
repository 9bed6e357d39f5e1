/* SDXL's micro-conditioning: the vector behind the pooled text that tells a model which sizes to imagine.
 * base:    pooled, then 256-wide embeddings of original height, width, crop top, left, target height, width
 * refiner: pooled, then height, width, crop top, left, aesthetic score
 * Fooocus exaggerates the original size of the positive side and shrinks that of the negative one. Recipe 2.5
 * has a second, consistent form for the later part of a run. Pure functions. */
#ifndef FC_DIFFUSION_ADM_H
#define FC_DIFFUSION_ADM_H

#include <stdbool.h>
#include "diffusion/recipe.h"

enum { FC_ADM_MAX_NUMBERS = 6, FC_ADM_WIDTH = 256 };

typedef enum fc_adm_kind {
    FC_ADM_BASE,            /* emphasised */
    FC_ADM_BASE_CONSISTENT, /* recipe 2.5, where fc_adm_emphasised says no */
    FC_ADM_REFINER
} fc_adm_kind;

typedef struct fc_adm_request {
    const fc_recipe *recipe;
    fc_adm_kind kind;
    bool negative;
    int width, height;                     /* pixels */
    double positive_scale, negative_scale; /* Fooocus: 1.5 and 0.8 */
} fc_adm_request;

/* The numbers to embed, in order; returns how many. */
int fc_adm_numbers(const fc_adm_request *request, float numbers[FC_ADM_MAX_NUMBERS]);
/* out[pooled_count + FC_ADM_WIDTH * number of numbers] */
void fc_adm_vector(const fc_adm_request *request, const float *pooled, int pooled_count, float *out);

/* Whether a model call at `timestep` takes the emphasised form; adm_end is the part of the timesteps that
 * does. */
bool fc_adm_emphasised(const fc_recipe *recipe, double adm_end, float timestep);

#endif
