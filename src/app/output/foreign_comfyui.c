/* ComfyUI keeps its whole graph of nodes in a picture. Read is what the standard nodes say: one sampler, the
 * text nodes at its two inputs, the empty latent, the chain of LoRAs up to the checkpoint. */
#include <string.h>
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "base/str.h"

enum { MAX_HOPS = 32 };

static const json_t *node_at(const json_t *graph, const json_t *link)
{
    const char *id = json_string_value(json_array_get(link, 0));
    return json_array_size(link) == 2 && id ? json_object_get(graph, id) : NULL;
}

static const char *class_of(const json_t *node)
{
    const char *name = json_string_value(json_object_get(node, "class_type"));
    return name ? name : "";
}

static const json_t *input(const json_t *node, const char *name)
{
    return json_object_get(json_object_get(node, "inputs"), name);
}

bool fc_comfyui_is_graph(const json_t *object)
{
    const char *id;
    json_t *node;
    if (json_is_array(json_object_get(object, "nodes")) && json_object_get(object, "links")) return true;
    json_object_foreach((json_t *)(uintptr_t)object, id,
                        node) if (!*class_of(node) || !json_object_get(node, "inputs")) return false;
    return json_object_size(object) > 0;
}

static bool is_sampler(const json_t *node)
{
    return fc_str_starts(class_of(node), "KSampler") && input(node, "positive") && input(node, "negative");
}

/* The only sampler; NULL when there are none or several. */
static const json_t *find_sampler(const json_t *graph)
{
    const char *id;
    json_t *node;
    const json_t *found = NULL;
    int count = 0;
    json_object_foreach((json_t *)(uintptr_t)graph, id, node)
    {
        if (!is_sampler(node)) continue;
        found = node;
        count++;
    }
    return count == 1 ? found : NULL;
}

/* A value that stands in the node, or in the one-value node that the input leads to. */
static const json_t *value_of(const json_t *graph, const json_t *value)
{
    static const char *const names[] = {"value", "text", "string", "seed", "int", "float", "STRING", "INT"};
    for (int hop = 0; hop < MAX_HOPS && json_is_array(value); hop++) {
        const json_t *node = node_at(graph, value), *next = NULL;
        for (size_t i = 0; node && i < sizeof names / sizeof names[0] && !next; i++)
            next = input(node, names[i]);
        value = next;
    }
    return json_is_array(value) ? NULL : value;
}

/* The text at a conditioning input; NULL where it is not one plain text. */
static const char *text_at(const json_t *graph, const json_t *link)
{
    const json_t *node = node_at(graph, link);
    if (!fc_str_starts(class_of(node), "CLIPTextEncode")) return NULL;
    const json_t *text = input(node, "text") ? input(node, "text") : input(node, "text_g");
    return json_string_value(value_of(graph, text));
}

static void take_value(const json_t *graph, const json_t *node, const char *name, json_t *record,
                       const char *key)
{
    const json_t *value = value_of(graph, input(node, name));
    if (json_is_number(value)) json_object_set(record, key, (json_t *)(uintptr_t)value);
}

/* LoRAs nearest to the sampler last, as they are applied. */
static void take_models(const json_t *graph, const json_t *sampler, json_t *record)
{
    const json_t *node = node_at(graph, input(sampler, "model"));
    json_t *loras = json_array();
    for (int hop = 0; hop < MAX_HOPS && node; hop++) {
        const char *lora = json_string_value(input(node, "lora_name"));
        const char *model = json_string_value(input(node, "ckpt_name"));
        const json_t *weight = input(node, "strength_model");
        if (lora && json_is_number(weight))
            json_array_insert_new(loras, 0, json_pack("[s, f]", lora, json_number_value(weight)));
        else if (!model && !lora && fc_str_starts(class_of(node), "ModelSampling"))
            fc_foreign_note(record, "its node %.60s was left out", class_of(node));
        if (model) fc_foreign_put_file(record, FC_RECORD_KEY(base_model), model);
        node = model ? NULL : node_at(graph, input(node, "model"));
    }
    for (size_t i = 0; i < json_array_size(loras); i++) {
        const json_t *pair = json_array_get(loras, i);
        fc_foreign_add_lora(record, json_string_value(json_array_get(pair, 0)),
                            json_number_value(json_array_get(pair, 1)));
    }
    json_decref(loras);
}

static void take_size(const json_t *graph, const json_t *sampler, json_t *record)
{
    const json_t *latent = node_at(graph, input(sampler, "latent_image"));
    const json_t *width = value_of(graph, input(latent, "width")),
                 *height = value_of(graph, input(latent, "height"));
    if (json_is_integer(width) && json_is_integer(height))
        fc_foreign_put_size(record, json_integer_value(width), json_integer_value(height));
    else
        fc_foreign_note(record, "its picture did not begin as an empty one, which was left out");
}

static fc_status not_read(fc_err *err, const char *why)
{
    return fc_fail(err, FC_UNSUPPORTED,
                   "a ComfyUI workflow is in the picture, and it is not read: %s; write the prompt yourself",
                   why);
}

fc_status fc_comfyui_read(const json_t *graph, json_t **record, fc_err *err)
{
    *record = NULL;
    if (json_is_array(json_object_get(graph, "nodes")))
        return not_read(err, "only the editor's form of it is there");
    const json_t *sampler = find_sampler(graph);
    if (!sampler) return not_read(err, "it has not exactly one KSampler");
    const char *positive = text_at(graph, input(sampler, "positive"));
    const char *negative = text_at(graph, input(sampler, "negative"));
    if (!positive) return not_read(err, "its prompt does not come from a text node");
    json_t *r = json_pack("{s:s, s:s, s:s}", FC_RECORD_KEY(prompt), positive, FC_RECORD_KEY(negative_prompt),
                          negative ? negative : "", FC_RECORD_KEY(styles), "[]");
    if (!r) return fc_fail(err, FC_NOMEM, "out of memory for the settings of the picture");
    if (!negative) fc_foreign_note(r, "its negative prompt does not come from a text node and was left out");
    take_value(graph, sampler, input(sampler, "noise_seed") ? "noise_seed" : "seed", r, FC_RECORD_KEY(seed));
    take_value(graph, sampler, "steps", r, FC_RECORD_KEY(steps));
    take_value(graph, sampler, "cfg", r, FC_RECORD_KEY(guidance_scale));
    fc_foreign_put_sampler(r, json_string_value(value_of(graph, input(sampler, "sampler_name"))),
                           json_string_value(value_of(graph, input(sampler, "scheduler"))));
    take_size(graph, sampler, r);
    take_models(graph, sampler, r);
    *record = r;
    return FC_OK;
}
