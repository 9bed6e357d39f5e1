/* Predictor: one UNet with the two sides of a prompt, ready to be asked at any noise level. Batches both
 * sides into one run of the network where their lengths allow it, as the reference does. Latents are host
 * float32 [channels][h][w]. */
#ifndef FC_DIFFUSION_PREDICT_H
#define FC_DIFFUSION_PREDICT_H

#include "model/controlnet.h"

/* One side of the prompt. label: pooled text and sizes (fc_unet_layout.label_width values). */
typedef struct fc_prompt_side {
    const float *context; /* [tokens][context_width] */
    int32_t tokens;
    const float *label;       /* used first */
    const float *label_later; /* used when eval is asked for it; NULL: the same as label */
} fc_prompt_side;

/* A control network at work beside the UNet. */
typedef struct fc_predictor_control {
    const fc_controlnet *net;
    fc_tensor hint;         /* of fc_controlnet_hint */
    float weight, softness; /* as in fc_control_run */
    bool on;                /* may be changed between evaluations */
} fc_predictor_control;

enum { FC_PREDICT_CALLS = 2 };

typedef struct fc_predictor {
    fc_cx *cx;
    const fc_unet *unet;
    int32_t h, w, channels; /* of the latent */
    int32_t inputs; /* channels that the network reads: more than those of a latent in inpainting models */
    const float *fixed;         /* [inputs - channels][h][w]: what goes in behind every latent */
    const fc_unet_extra *extra; /* NULL: nothing; may be exchanged between evaluations */
    const fc_predictor_control *controls;
    int32_t control_count;
    bool guided;
    int32_t calls;                          /* runs of the network per evaluation */
    int32_t batch[FC_PREDICT_CALLS];        /* images per run */
    int32_t side[FC_PREDICT_CALLS];         /* of the run's first image: 0 negative, 1 positive */
    fc_unet_cond cond[FC_PREDICT_CALLS][2]; /* [run][label, label_later] */
    fc_unet_cond *control_cond;             /* [run][control][label, label_later] */
    float *input, *output;                  /* host [2][h][w][inputs], [2][h][w][channels] */
} fc_predictor;

/* What a picture adds to every run of the network; all zero: nothing. */
typedef struct fc_predictor_extra {
    const float
        *fixed; /* needed by networks that read more than a latent (fc_predictor_fixed values of a pixel) */
    const fc_unet_extra *unet; /* its pictures have two sides, negative and positive */
    const fc_predictor_control *controls;
    int32_t control_count;
    bool apart; /* both sides of guidance in runs of their own: half of the memory, the same numbers */
} fc_predictor_extra;
/* How many channels a network reads beside the latent: 0, or 5 (mask and masked picture) in inpainting
 * models. */
static inline int32_t fc_predictor_fixed(const fc_unet *unet)
{
    const fc_unet_layout *l = fc_unet_layout_get(unet);
    return l->in_channels - l->out_channels;
}

/* Prepares keys, values and labels on cx's stack; they live until the caller leaves its scope. negative NULL:
 * no guidance. extra may be NULL; what it points to must stay. Host buffers come from arena. Failures are in
 * cx or returned. */
fc_status fc_predictor_init(fc_predictor *p, fc_cx *cx, const fc_unet *unet, int32_t h, int32_t w,
                            const fc_prompt_side *positive, const fc_prompt_side *negative,
                            const fc_predictor_extra *extra, fc_arena *arena, fc_err *err) FC_MUST_USE;

/* x: the network's input (scaled). positive and negative receive the raw outputs; negative may be NULL when
 * not guided. */
fc_status fc_predictor_eval(fc_predictor *p, const float *x, float timestep, bool later_label,
                            float *positive, float *negative, fc_err *err) FC_MUST_USE;

#endif
