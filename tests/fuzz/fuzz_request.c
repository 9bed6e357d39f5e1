/* JSON -> request -> params -> plan -> record -> metadata, as the server will do it with what strangers send.
 */
#include <stdint.h>
#include <stdlib.h>
#include "app/common/json_text.h"
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "base/mem.h"

static const char *const known_loras[] = {"loras/alpha.safetensors", "loras/sub/beta.safetensors"};

static void plan(const fc_request *request, fc_arena *arena, const fc_params *params)
{
    static fc_styles *styles; /* kept: opening them takes longer than a plan */
    fc_wildcards *wildcards;
    fc_plan made;
    fc_err err = {0};
    if (!styles && fc_styles_open(NULL, 0, (fc_warn){0}, &styles, &err) != FC_OK) abort();
    if (fc_wildcards_open(NULL, 0, (fc_warn){0}, &wildcards, &err) != FC_OK) abort();
    const fc_model_files files = {
        .base = "m.safetensors",
        .refiner = *params->refiner ? "r.safetensors" : NULL,
        .preview_decoder = "t.pth",
        .performance_lora = "loras/fast.safetensors",
        .loras = params->loras,
        .known_loras = {known_loras, 2},
    };
    const fc_plan_input input = {.params = params,
                                 .request = request,
                                 .styles = styles,
                                 .wildcards = wildcards,
                                 .files = &files,
                                 .random_seed = 1};
    if (fc_plan_make(&input, arena, &made, &err) == FC_OK) {
        json_t *record = fc_record_make(&made, made.count - 1, NULL), *read;
        fc_buf text;
        fc_buf_init(&text, 8 << 20);
        fc_metadata_write(record, made.params.cfg > 5 ? "a1111" : "fooocus", &text);
        if (text.status == FC_OK && fc_metadata_parse(fc_buf_cstr(&text), &read, &err) == FC_OK)
            json_decref(read);
        fc_buf_fini(&text);
        json_decref(record);
    } else if (!err.message[0]) {
        abort(); /* a failure without a sentence */
    }
    fc_wildcards_close(wildcards);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_request *request = fc_request_new();
    fc_arena arena;
    fc_params params;
    fc_err err = {0};
    fc_arena_init(&arena, 8 << 20);
    if (fc_request_set_json_from(request, (const char *)data, size, FC_ORIGIN_NETWORK, &err) != FC_OK) {
        if (!err.message[0]) abort();
    } else if (fc_request_resolve(request, &arena, &params, &err) == FC_OK) {
        plan(request, &arena, &params);
    }
    fc_request_free(request);
    fc_arena_fini(&arena);
    return 0;
}
