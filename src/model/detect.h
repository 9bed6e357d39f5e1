/* What a model file holds: recognised from names and shapes of tensors and from what is written beside them,
 * before anything is bound, so that a file that cannot be used is refused with what it is and what to do. */
#ifndef FC_MODEL_DETECT_H
#define FC_MODEL_DETECT_H

#include "base/buf.h"
#include "model/prediction.h"
#include "nn/weights.h"

typedef enum fc_model_kind {
    FC_MODEL_UNKNOWN,
    FC_MODEL_SDXL_BASE,
    FC_MODEL_SDXL_REFINER,
    FC_MODEL_SDXL_UNET, /* without text encoders */
    FC_MODEL_SDXL_INPAINT,
    FC_MODEL_SD1,
    FC_MODEL_SD2,
    FC_MODEL_SD3,
    FC_MODEL_FLUX,
    FC_MODEL_CASCADE,
    FC_MODEL_PIXART,
    FC_MODEL_OTHER_DIFFUSERS,
    FC_MODEL_QUANTISED,
    FC_MODEL_LORA,
    FC_MODEL_EMBEDDING,
    FC_MODEL_CONTROLNET,
    FC_MODEL_CONTROL_LORA,
    FC_MODEL_IP_ADAPTER,
    FC_MODEL_VAE,
    FC_MODEL_VAE_16, /* 16 latent channels: Flux, SD3 */
    FC_MODEL_TAESD,
    FC_MODEL_TAESD_OTHER, /* its encoder, or another layout */
    FC_MODEL_TEXT_ENCODER,
    FC_MODEL_CLIP_VISION,
    FC_MODEL_IMAGE_NEGATIVE, /* what image prompts are to the negative prompt */
    FC_MODEL_GPT2,
    FC_MODEL_UPSCALER,
    FC_MODEL_INPAINT_HEAD,
    FC_MODEL_INPAINT_PATCH, /* differences of weights: nn/difference.h */
    FC_MODEL_KIND_COUNT
} fc_model_kind;

typedef struct fc_model_info {
    fc_model_kind kind;
    fc_prediction prediction;
    fc_dtype dtype;                    /* of most elements */
    int64_t unet, clip_l, clip_g, vae; /* elements; 0: not in the file */
    int64_t elements;                  /* of all tensors */
    char line[200]; /* "SDXL base: UNet 2.57 G, CLIP-L 123 M, CLIP-G 695 M, VAE 84 M; F16; eps" */
} fc_model_info;

void fc_model_describe(fc_weights *w, fc_model_info *out);
const char *fc_model_kind_name(fc_model_kind kind); /* "a LoRA" */

/* What a file is wanted for. */
typedef enum fc_model_use {
    FC_USE_BASE,
    FC_USE_REFINER,
    FC_USE_VAE,
    FC_USE_PREVIEW,
    FC_USE_TEXT, /* its text encoders alone */
    FC_USE_UPSCALER,
    FC_USE_INPAINT_HEAD,
    FC_USE_VISION,
    FC_USE_IMAGE_NEGATIVE,
    FC_USE_CONTROL,
    FC_USE_ADAPTER,
    FC_USE_GPT2,
    FC_USE_COUNT
} fc_model_use;

/* FC_OK when the file can be used so; else UNSUPPORTED with one sentence that says what it is and what to do.
 */
fc_status fc_model_require(fc_weights *w, fc_model_use use, fc_model_info *info, fc_err *err) FC_MUST_USE;

/* Whether the UNet can be sampled: 4 channels in (or 9: an inpainting model) and 4 out, no input that nobody
 * feeds, a known prediction. UNSUPPORTED says what is different. */
fc_status fc_model_check_unet(fc_weights *w, fc_err *err) FC_MUST_USE;

/* For `fooocus doctor FILE`: what it is, tensors by type, what is missing from it and which tensors nothing
 * uses. Appends lines to out; fails only when the file cannot be opened or memory runs out. */
fc_status fc_model_report(const char *path, fc_buf *out, fc_err *err) FC_MUST_USE;

#endif
