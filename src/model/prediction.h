/* What a UNet's output means and at which noise levels it was trained, from every sign that files carry:
 * tensors of one number beside the weights, the metadata of safetensors, the scheduler of a model folder. */
#ifndef FC_MODEL_PREDICTION_H
#define FC_MODEL_PREDICTION_H

#include "nn/weights.h"

typedef enum fc_prediction_kind {
    FC_PREDICTS_EPS, /* the noise: SDXL and nearly all models made from it */
    FC_PREDICTS_V,   /* velocity, at SDXL's 1000 levels */
    FC_PREDICTS_EDM, /* Playground v2.5: scaled clean latent, continuous levels, a latent format of its own */
    FC_PREDICTS_EDM_V /* velocity at continuous levels: CosXL */
} fc_prediction_kind;

typedef struct fc_prediction {
    fc_prediction_kind kind;
    bool zero_snr;               /* the noise table was rescaled to zero terminal SNR */
    double sigma_min, sigma_max; /* EDM_V; 0: not told */
} fc_prediction;

/* UNSUPPORTED: the files tell something that cannot be sampled (flow matching, ...); FORMAT: numbers that
 * make no sense, a scheduler file that cannot be read. */
fc_status fc_prediction_read(fc_weights *w, fc_prediction *out, fc_err *err) FC_MUST_USE;
const char *fc_prediction_name(const fc_prediction *p); /* "v, zero terminal SNR" */

#endif
