/* Settings that other programs wrote into pictures, as records of ours (app/output/record.h). Which program
 * it was is told by the keys that it alone writes, never by the mere form. */
#ifndef FC_APP_OUTPUT_FOREIGN_H
#define FC_APP_OUTPUT_FOREIGN_H

#include <jansson.h>
#include <stdbool.h>
#include "base/status.h"

/* What a reader could not take along stands in the record under this key: a list of sentences for people. */
#define FC_FOREIGN_NOTES "reader_notes"

/* A JSON object out of a picture: a record of Fooocus or of this program, Fooocus's labels (log page, Fooocus
 * 1, SimpleSDXL, FooocusPlus), SwarmUI, RuinedFooocus, InvokeAI, NovelAI and others with the usual names, or
 * a ComfyUI graph. *record is the caller's. FORMAT: none of these; UNSUPPORTED: known but not to be read,
 * with the reason. */
fc_status fc_foreign_read(const json_t *object, json_t **record, fc_err *err) FC_MUST_USE;
/* Whose it is: "fooocus", "swarmui", "comfyui" or "other". */
const char *fc_foreign_kind(const json_t *object);

/* Of a ComfyUI graph in API form ({"3": {"class_type": ..., "inputs": ...}}): the texts, seed, size and
 * sampler of its one sampler. UNSUPPORTED where there is not one, or where its texts come from other than
 * text nodes. */
bool fc_comfyui_is_graph(const json_t *object);
fc_status fc_comfyui_read(const json_t *graph, json_t **record, fc_err *err) FC_MUST_USE;

/* A label of AUTOMATIC1111's line of settings that Fooocus does not write. */
void fc_foreign_take_label(json_t *record, const char *label, const char *value);
/* After the last label of a line that no Fooocus wrote. */
void fc_foreign_finish_labels(json_t *record);

/* ---- for readers: foreign_put.c ---- */

void fc_foreign_note(json_t *record, const char *format, ...) FC_PRINTF(2, 3);
/* A sampler and a scheduler as others call them ("euler_a", "k_dpmpp_2m", "DPM++ 2M Karras", "SGM Uniform").
 * Unknown names stay, so that the request can warn about them. NULL: none. */
void fc_foreign_put_sampler(json_t *record, const char *sampler, const char *scheduler);
/* "folder\\name" as Windows writes it becomes "folder/name". */
void fc_foreign_put_file(json_t *record, const char *key, const char *name);
void fc_foreign_add_lora(json_t *record, const char *name, double weight);
void fc_foreign_put_size(json_t *record, long long width, long long height);

#endif
