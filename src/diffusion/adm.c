/* See adm.h. */
#include "diffusion/adm.h"
#include <math.h>
#include <string.h>
#include "model/timestep.h"

/* Ties go to the even multiple. */
static float nearest_64(int size)
{
    return 64.0f * (float)rint(size / 64.0);
}

static int base_numbers(const fc_adm_request *r, float *numbers)
{
    double scale = r->negative ? r->negative_scale : r->positive_scale;
    bool whole = r->recipe->adm_whole_numbers;
    float target_height = whole ? nearest_64(r->height) : (float)r->height;
    float target_width = whole ? nearest_64(r->width) : (float)r->width;
    double height = r->height * scale, width = r->width * scale;
    bool consistent = r->kind == FC_ADM_BASE_CONSISTENT;
    numbers[0] = consistent ? target_height : (float)(whole ? trunc(height) : height);
    numbers[1] = consistent ? target_width : (float)(whole ? trunc(width) : width);
    numbers[2] = numbers[3] = 0.0f;
    numbers[4] = target_height;
    numbers[5] = target_width;
    return 6;
}

int fc_adm_numbers(const fc_adm_request *request, float numbers[FC_ADM_MAX_NUMBERS])
{
    if (request->kind != FC_ADM_REFINER) return base_numbers(request, numbers);
    numbers[0] = (float)request->height;
    numbers[1] = (float)request->width;
    numbers[2] = numbers[3] = 0.0f;
    numbers[4] = request->negative ? 2.5f : 6.0f; /* aesthetic score */
    return 5;
}

void fc_adm_vector(const fc_adm_request *request, const float *pooled, int pooled_count, float *out)
{
    float numbers[FC_ADM_MAX_NUMBERS];
    int count = fc_adm_numbers(request, numbers);
    memcpy(out, pooled, (size_t)pooled_count * sizeof *out);
    out += pooled_count;
    for (int i = 0; i < count; i++) fc_timestep_embedding(numbers[i], FC_ADM_WIDTH, out + i * FC_ADM_WIDTH);
}

bool fc_adm_emphasised(const fc_recipe *recipe, double adm_end, float timestep)
{
    return !recipe->adm_switches || (double)timestep > 999.0 * (1.0 - adm_end);
}
