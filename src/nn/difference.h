/* Differences of weights kept in 8 bits, as Fooocus's inpainting engine comes: for every weight KEY three
 * tensors, KEY.0 (U8, the weight's shape), KEY.1 and KEY.2 (least and greatest value, one for all or one for
 * each row): W += u8 / 255 * (greatest - least) + least Merged while weights are read for packing, like a
 * LoRA. */
#ifndef FC_NN_DIFFERENCE_H
#define FC_NN_DIFFERENCE_H

#include "nn/weights.h"

typedef struct fc_difference fc_difference;

/* A PyTorch file (a dictionary of triples) or a safetensors file with those names. UNSUPPORTED when it holds
 * no such triples, FORMAT when one is damaged. */
fc_status fc_difference_open(fc_difference **out, const char *path, fc_err *err) FC_MUST_USE;
/* Taken off all weights before. NULL is fine. */
void fc_difference_close(fc_difference *d);

typedef struct fc_difference_report {
    int32_t weights;   /* in the file */
    int32_t matched;   /* of this model */
    char example[160]; /* the first one that did nothing; "" */
} fc_difference_report;

/* Adds the differences to the weights called prefix + KEY, behind the patches that are there. One whose shape
 * does not fit is left out. Attached to one model at a time. */
void fc_difference_attach(fc_difference *d, fc_weights *w, const char *prefix, fc_difference_report *report);
void fc_difference_take_off(const fc_difference *d, fc_weights *w);

#endif
