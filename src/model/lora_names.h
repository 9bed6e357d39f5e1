/* Which weight a LoRA module's name means, in the spellings of kohya, diffusers, LyCORIS and PEFT:
 * lora_unet_..., lora_te1_..., unet.down_blocks..., text_encoder.text_model... The names are made from the
 * model that is loaded: any SDXL-like width and depth. */
#ifndef FC_MODEL_LORA_NAMES_H
#define FC_MODEL_LORA_NAMES_H

#include "nn/lora.h"

typedef struct fc_lora_names fc_lora_names;

/* All spellings of all weights of a base or refiner checkpoint; w must outlive it. */
fc_status fc_lora_names_new(fc_lora_names **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_lora_names_free(fc_lora_names *n); /* NULL is fine */
/* For fc_lora_attach: user is the fc_lora_names. */
bool fc_lora_names_resolve(void *user, const char *module, size_t length, fc_lora_target *out);

#endif
