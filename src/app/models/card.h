/* What a model asks for, in a JSON file beside it: x.json beside x.safetensors.
 *   {"fooocus_card": 1, "name": "...", "notice": "...", "refiner": NAME, "preview_decoder": NAME,
 *    "defaults": {fields of a request}, "sizes": [[width, height], ...], "prompts": ["...", ...]}
 * All members but the first are optional; without that one it is some other program's file and ignored. NAMEs
 * are looked up among the model files like those of a request; what is not there is left out. The defaults
 * count where nothing else is set; fields that name files of this machine are refused. */
#ifndef FC_APP_MODELS_CARD_H
#define FC_APP_MODELS_CARD_H

#include <jansson.h>
#include "app/settings/request.h"

typedef struct fc_model_card {
    json_t *root; /* NULL: the model has none */
    char path[4096];
} fc_model_card;

/* No card is no error. FORMAT: it is not a card of this form. */
fc_status fc_model_card_open(fc_model_card *card, const char *model, fc_err *err) FC_MUST_USE;
void fc_model_card_close(fc_model_card *card);

/* Sets the card's defaults that `request` does not set. */
fc_status fc_model_card_apply(const fc_model_card *card, fc_request *request, fc_err *err) FC_MUST_USE;
/* "name", "notice", "refiner", "preview_decoder": NULL when there is none. Lives as long as the card. */
const char *fc_model_card_text(const fc_model_card *card, const char *key);

#endif
