/* Control networks: a copy of a UNet's input and middle blocks that sees a drawing (edges, depth) beside the
 * latent and adds to what these blocks give to the output blocks.
 *
 * Two kinds of files: Control-LoRA (factors added to the model's own weights, LoRAs included, and packed
 * weights shared where the file changes nothing) and whole ControlNets for SDXL under sgm's or diffusers'
 * names. Must match cldm's ControlNet and ComfyUI's ControlLora. */
#ifndef FC_MODEL_CONTROLNET_H
#define FC_MODEL_CONTROLNET_H

#include "model/unet.h"

enum { FC_CONTROL_RGB = 3, FC_CONTROL_SCALE = 8 }; /* pixels of the drawing along a latent cell */

typedef struct fc_controlnet fc_controlnet;

/* file: the control network's; base, unet: of the model that it is to guide. All must outlive it. UNSUPPORTED
 * when the file holds none, or one for other models. */
fc_status fc_controlnet_open(fc_controlnet **out, fc_weights *file, fc_weights *base, const fc_unet *unet,
                             fc_err *err) FC_MUST_USE;
void fc_controlnet_close(fc_controlnet *c); /* NULL is fine */
/* For fc_unet_set_context and fc_unet_set_label: its texts and labels are the UNet's, through its own
 * weights. */
const fc_unet *fc_controlnet_encoder(const fc_controlnet *c);

/* How many weights it has that are not the base's own. */
uint64_t fc_controlnet_values(const fc_controlnet *c);

/* rgb: host [8h][8w][3], the drawing; h, w: the latent's size -> [1,h,w,channels], the same for all steps */
fc_tensor fc_controlnet_hint(fc_cx *cx, const fc_controlnet *c, const uint8_t *rgb, int32_t h, int32_t w);

typedef struct fc_control_run {
    fc_tensor hint;           /* of fc_controlnet_hint */
    const fc_unet_cond *cond; /* of fc_controlnet_encoder */
    float weight;             /* of all it adds; not 0 */
    float softness; /* 0..1: by how much the result of the first block is weakened; less and less with the
                       depth, the middle's not at all */
} fc_control_run;

/* Runs it on what the UNet gets (x [n,h,w,in_channels], timesteps: host, n values) and adds to
 * residual[inputs + middles] (fc_unet_extra.residual), which is all absent before the first control network;
 * what is missing is made on cx's stack. */
void fc_controlnet_run(fc_cx *cx, const fc_controlnet *c, const fc_control_run *run, fc_tensor x,
                       const float *timesteps, fc_tensor *residual);

#endif
