/* The settings of one finished picture as a JSON object under the key names of Fooocus 2.5 ("guidance_scale",
 * "base_model", "adm_guidance" ...), plus "recipe", and "raw" and "fast_vae" when they are on. It is what
 * embedded metadata, the log page and events show, and what a request can be made from again. Model names are
 * file names. */
#ifndef FC_APP_OUTPUT_RECORD_H
#define FC_APP_OUTPUT_RECORD_H

#include <jansson.h>
#include "app/common/warn.h"
#include "app/plan/plan.h"
#include "app/settings/request.h"

/* First ten hex digits of the files' SHA-256; NULL where it is not known. */
typedef struct fc_record_hashes {
    const char *base, *refiner;
    const char *const *loras; /* one per LoRA of the plan, or NULL */
} fc_record_hashes;

/* NULL when out of memory. */
json_t *fc_record_make(const fc_plan *plan, int32_t index, const fc_record_hashes *hashes);

/* Sets the fields of request that the record knows. What cannot be used is warned about and left out. */
fc_status fc_record_apply(const json_t *record, fc_request *request, fc_warn warn, fc_err *err) FC_MUST_USE;

/* The rows of the log page in order: label and key. NULL behind the last. LoRAs come after them. */
typedef struct fc_record_row {
    const char *key, *label;
} fc_record_row;
const fc_record_row *fc_record_row_at(size_t index);
/* A member as plain text: numbers without trailing zeros, texts as they are. False when it is absent or null.
 */
bool fc_record_text(const json_t *record, const char *key, fc_buf *out);

enum { FC_RECORD_MAX_LORAS = 64 };

/* "Fooocus in C 0.1.0" */
extern const char fc_record_version[];

#endif
