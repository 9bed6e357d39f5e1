/* Image prompts (IP-Adapter "plus"): a resampler turns what CLIP's picture encoder sees into a few tokens as
 * wide as a text's, and every cross attention of the UNet gets keys and values of them. The published formula
 * is used: attention to text plus weight times attention to picture, each with a softmax of its own
 * (fc_unet_picture). Widths and depth are read from the file; heads are 64 wide. */
#ifndef FC_MODEL_IP_ADAPTER_H
#define FC_MODEL_IP_ADAPTER_H

#include "model/unet.h"

typedef struct fc_ip_adapter fc_ip_adapter;

/* For a UNet of this layout. w must outlive the adapter. UNSUPPORTED when the file holds no such adapter or
 * one for other models. */
fc_status fc_ip_adapter_open(fc_ip_adapter **out, fc_weights *w, const fc_unet_layout *layout,
                             fc_err *err) FC_MUST_USE;
void fc_ip_adapter_close(fc_ip_adapter *a); /* NULL is fine */
/* Gives its packed weights back to their cache; the next picture packs them again. NULL is fine. */
void fc_ip_adapter_rest(fc_ip_adapter *a);

int32_t fc_ip_adapter_tokens(const fc_ip_adapter *a);        /* that a picture becomes: 16 */
int32_t fc_ip_adapter_width(const fc_ip_adapter *a);         /* of each: as a text's */
int32_t fc_ip_adapter_picture_width(const fc_ip_adapter *a); /* of what it reads (fc_clip_vision_width) */

/* state [1,1,T,picture_width] -> [1,1,tokens,width] */
fc_tensor fc_ip_adapter_resample(fc_cx *cx, const fc_ip_adapter *a, fc_tensor state);
/* tokens [n,1,tokens,width] -> kv[cross_count of the layout], each [n,1,tokens,2c], on cx's stack, as
 * fc_unet_picture wants them with n sides */
void fc_ip_adapter_keys(fc_cx *cx, const fc_ip_adapter *a, fc_tensor tokens, fc_tensor *kv);

/* The tokens that stand for "no picture" on the negative side, as Fooocus keeps them in a file of one tensor
 * (fooocus_ip_negative.safetensors): out [tokens][width]. UNSUPPORTED when they do not fit the adapter.
 * Without that file a picture of zeros, encoded and resampled, serves (fc_clip_vision_encode). */
fc_status fc_ip_adapter_negative(const fc_ip_adapter *a, fc_weights *w, float *out, fc_err *err) FC_MUST_USE;

#endif
