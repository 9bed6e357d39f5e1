/* Requests to plans without files: what test_plan, test_metadata and others share. */
#ifndef FC_TESTS_PLANNING_H
#define FC_TESTS_PLANNING_H

#include "app/plan/plan.h"
#include "support/support.h"

typedef struct planned {
    fc_arena arena;
    fc_request *request;
    fc_params params;
    fc_model_files files;
    fc_styles *styles;
    fc_wildcards *wildcards;
    fc_plan plan;
} planned;

/* Styles of tests/data/plan_styles come before the built-in ones, wildcards of tests/data/plan_wildcards too.
 * files: object with refiner, vae, preview_decoder, performance_lora, loras (paths of the request's LoRAs),
 * known_loras, embeddings (names, paths are d/NAME), picture ([width, height] of one that comes in); NULL:
 * none. The model is "b.safetensors". Takes request. Call planned_fini whatever comes back. */
fc_status plan_request(planned *p, fc_request *request, const json_t *files, uint64_t random_seed,
                       fc_err *err);
/* request: JSON text that must be right. */
fc_status plan_json_request(planned *p, const char *request, const json_t *files, uint64_t random_seed,
                            fc_err *err);
void planned_fini(planned *p);

/* A plan image as JSON, everything that reaches the engine. */
json_t *planned_image_json(const fc_plan_image *image);
/* { images, loras: [[path, weight]], embeddings: [[name, path]], model, refiner, vae } */
json_t *planned_json(const fc_plan *plan);

#endif
