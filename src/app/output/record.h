/* The settings of one finished picture as a JSON object under the key names of Fooocus 2.5 ("guidance_scale",
 * "base_model", "adm_guidance" ...) and some of ours. record.def has them all. It is what embedded metadata,
 * the log page and events show, and what a request can be made from again. Model names are file names. */
#ifndef FC_APP_OUTPUT_RECORD_H
#define FC_APP_OUTPUT_RECORD_H

#include <jansson.h>
#include "app/common/warn.h"
#include "app/plan/plan.h"
#include "app/settings/request.h"

/* ---- the table, see record.def ---- */

typedef enum fc_record_when {
    FC_RECORD_ALWAYS,
    FC_RECORD_CHANGED,
    FC_RECORD_REFINED,
    FC_RECORD_REFINED_CHANGED,
    FC_RECORD_WORKED
} fc_record_when;

typedef enum fc_record_shape {
    FC_SHAPE_VALUE,
    FC_SHAPE_REAL,
    FC_SHAPE_MODEL,
    FC_SHAPE_NUMBERS,
    FC_SHAPE_SIZE,
    FC_SHAPE_SAMPLER,
    FC_SHAPE_STEPS,
    FC_SHAPE_FACTORS,
    FC_SHAPE_LORAS,
    FC_SHAPE_TEXTS
} fc_record_shape;

typedef enum fc_record_id {
#define FC_RECORD(key, ...)      FC_R_##key,
#define FC_RECORD_NOTE(key, ...) FC_R_##key,
#include "app/output/record.def"
#undef FC_RECORD
#undef FC_RECORD_NOTE
    FC_RECORD_COUNT
} fc_record_id;

enum {
    FC_RECORD_PARTS = 3,
    FC_RECORD_MAX_LORAS = 64,
    FC_RECORD_LAST = 100 /* place of those that have none of their own in the plain text */
};

typedef struct fc_record_row {
    const char *key;
    const char *label; /* of the log page; NULL: no row there */
    const char *plain; /* label of the plain text; NULL: not in it */
    const char *nothing;
    int plain_place;
    fc_record_when when;
    fc_record_shape shape;
    int part_count; /* 0: a note, which is not read */
    fc_param_id parts[FC_RECORD_PARTS];
} fc_record_row;

extern const fc_record_row fc_record_table[FC_RECORD_COUNT];
/* The key of a row, so that no key is spelled twice: FC_RECORD_KEY(guidance_scale). */
#define FC_RECORD_KEY(name) (fc_record_table[FC_R_##name].key)

/* ---- records ---- */

/* First ten hex digits of the files' SHA-256; NULL where it is not known. */
typedef struct fc_record_hashes {
    const char *base, *refiner;
    const char *const *loras; /* one per LoRA of the plan, or NULL */
} fc_record_hashes;

/* NULL when out of memory. */
json_t *fc_record_make(const fc_plan *plan, int32_t index, const fc_record_hashes *hashes);

/* Sets the fields of request that the record knows. What cannot be used is warned about and left out. */
fc_status fc_record_apply(const json_t *record, fc_request *request, fc_warn warn, fc_err *err) FC_MUST_USE;

/* A member as plain text: numbers without trailing zeros, texts as they are. False when it is absent, null or
 * no single value. */
bool fc_record_text(const json_t *record, const char *key, fc_buf *out);
/* The key of a row of the LoRA list, 1-based: "lora_combined_1". */
void fc_record_lora_key(int number, char out[32]);
bool fc_record_is_lora_key(const char *key);

/* "Fooocus in C 0.1.0" */
extern const char fc_record_version[];

#endif
