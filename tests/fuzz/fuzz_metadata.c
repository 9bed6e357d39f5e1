/* The settings that a stranger's picture carries -> record -> request. */
#include <stdint.h>
#include <string.h>
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fc_strndup((const char *)data, size);
    json_t *record = NULL;
    fc_err err = {0};
    if (text && fc_metadata_parse(text, &record, &err) == FC_OK) {
        fc_request *request = fc_request_new();
        fc_arena arena;
        fc_params params;
        fc_arena_init(&arena, 8 << 20);
        if (fc_record_apply(record, request, (fc_warn){0}, &err) == FC_OK &&
            fc_request_resolve(request, &arena, &params, &err) == FC_OK)
            json_decref(fc_params_to_json(&params));
        fc_request_free(request);
        fc_arena_fini(&arena);
    }
    json_decref(record);
    fc_free(text);
    return 0;
}
