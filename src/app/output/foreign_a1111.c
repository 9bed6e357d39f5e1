/* Labels that AUTOMATIC1111, Forge and civitai.com put into the line of settings and Fooocus does not. */
#include <string.h>
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "base/str.h"
#include "format/json.h"

/* They change nothing, or describe what other labels say. */
static bool is_description(const char *label)
{
    static const char *const labels[] = {"Version",
                                         "Lora hashes",
                                         "TI hashes",
                                         "Hashes",
                                         "VAE hash",
                                         "Created Date",
                                         "RNG",
                                         "Civitai metadata",
                                         "Emphasis",
                                         "App",
                                         "Size-1",
                                         "Size-2",
                                         "Parser",
                                         "Pipeline",
                                         "Backend",
                                         "Eta",
                                         "ENSD",
                                         "Discard penultimate sigma",
                                         "User",
                                         "Model hash",
                                         "Metadata Scheme",
                                         "metadata_scheme",
                                         "Fooocus V2 Expansion"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (strcmp(labels[i], label) == 0) return true;
    return fc_str_ends(label, " hash");
}

/* civitai.com names models by title, not by file. */
static void take_resources(json_t *record, const char *value)
{
    size_t i;
    json_t *list, *item;
    if (fc_json_read(value, strlen(value), FC_JSON_ARRAY, &list, NULL) != FC_OK) return;
    json_array_foreach(list, i, item)
    {
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *name = json_string_value(json_object_get(item, "modelName"));
        const json_t *weight = json_object_get(item, "weight");
        if (!type || !name) continue;
        if (json_is_number(weight))
            fc_foreign_note(
                record,
                "it was made with the %.40s \"%.120s\" at %g of civitai.com; choose it if you have it", type,
                name, json_number_value(weight));
        else
            fc_foreign_note(record,
                            "it was made with the %.40s \"%.120s\" of civitai.com; choose it if you have it",
                            type, name);
    }
    json_decref(list);
}

void fc_foreign_take_label(json_t *record, const char *label, const char *value)
{
    if (strcmp(label, "Schedule type") == 0)
        fc_foreign_put_sampler(record, json_string_value(json_object_get(record, FC_RECORD_KEY(sampler))),
                               value);
    else if (strcmp(label, "Civitai resources") == 0)
        take_resources(record, value);
    else if (!is_description(label))
        fc_foreign_note(record, "its %.60s was left out", label);
}

/* Their sampler without a schedule in its name has even timesteps. */
void fc_foreign_finish_labels(json_t *record)
{
    const char *name = json_string_value(json_object_get(record, FC_RECORD_KEY(base_model)));
    if (name) fc_foreign_put_file(record, FC_RECORD_KEY(base_model), name);
    if (!json_object_get(record, FC_RECORD_KEY(scheduler)) &&
        !json_object_get(record, FC_RECORD_KEY(performance)))
        json_object_set_new(record, FC_RECORD_KEY(scheduler), json_string("normal"));
}
