/* Requests: setting by text and by JSON, defaults, and back to JSON. */
#include "app/settings/request.h"

#include "app/common/inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

enum { MAX_ITEMS = 64, MAX_JSON = 1 << 20 };

typedef struct setting {
    char *items[MAX_ITEMS]; /* canonical texts */
    size_t count;
    bool set; /* an empty list can be set too */
} setting;

struct fc_request {
    setting settings[FC_PARAM_COUNT];
    bool from_network;
};

static void clear(setting *s)
{
    for (size_t i = 0; i < s->count; i++) fc_free(s->items[i]);
    s->count = 0;
    s->set = false;
}

fc_request *fc_request_new(void)
{
    return fc_calloc(1, sizeof(fc_request));
}

void fc_request_free(fc_request *request)
{
    if (!request) return;
    for (int i = 0; i < FC_PARAM_COUNT; i++) clear(&request->settings[i]);
    fc_free(request);
}

bool fc_request_is_set(const fc_request *request, fc_param_id id)
{
    return request->settings[id].set;
}

bool fc_request_from_network(const fc_request *request)
{
    return request->from_network;
}

void fc_request_unset(fc_request *request, fc_param_id id)
{
    clear(&request->settings[id]);
}

static size_t item_limit(const fc_param *p)
{
    return p->max_items && p->max_items < MAX_ITEMS ? p->max_items : MAX_ITEMS;
}

static fc_status add_item(setting *s, const fc_param *p, const char *text, fc_err *err)
{
    char *canonical;
    if (fc_param_is_list(p) && s->count >= item_limit(p))
        return fc_fail(err, FC_LIMIT, "%s: more than %zu are too many", p->name, item_limit(p));
    fc_status status = fc_param_canonical(p, text, &canonical, err);
    if (status != FC_OK) return status;
    if (!fc_param_is_list(p)) clear(s);
    s->items[s->count++] = canonical;
    s->set = true;
    return FC_OK;
}

static setting *setting_of(fc_request *request, const fc_param *p)
{
    return &request->settings[p - fc_param_table];
}

/* "none" empties a list: `--style none`. */
static fc_status set_text(fc_request *request, const fc_param *p, const char *text, fc_err *err)
{
    setting *s = setting_of(request, p);
    if (fc_param_is_list(p) && fc_str_eq_nocase(text, "none")) {
        clear(s);
        s->set = true;
        return FC_OK;
    }
    return add_item(s, p, text, err);
}

/* Bytes of the separator at s: 'x' may also be written X, * or as the real multiplication sign. */
static size_t separator_at(const char *s, char separator)
{
    if (separator == 'x' && fc_str_starts(s, "\xc3\x97")) return 2;
    return *s == separator || (separator == 'x' && (*s == 'X' || *s == '*'));
}

/* The text up to the next separator, behind which *at moves, or up to the end. */
static bool next_part(const char **at, char separator, bool is_last, char *part, size_t size)
{
    size_t n = 0;
    while ((*at)[n] && !separator_at(*at + n, separator)) n++;
    if (n == 0 || n >= size) return false;
    memcpy(part, *at, n);
    part[n] = '\0';
    *at += n;
    if (is_last) return **at == '\0';
    *at += separator_at(*at, separator);
    return true;
}

enum { PART_SIZE = 32 };

static fc_status split_composite(const fc_composite *c, const char *text, char parts[][PART_SIZE],
                                 fc_err *err)
{
    const char *at = text;
    bool ok = true;
    for (int32_t i = 0; i < c->part_count && ok; i++)
        ok = next_part(&at, c->separator, i == c->part_count - 1, parts[i], PART_SIZE);
    if (ok) return FC_OK;
    return fc_fail(err, FC_ARG, "%s: '%.60s' is not of the form %s", c->name, text, c->value);
}

static fc_status set_composite(fc_request *request, const fc_composite *c, const char *text, fc_err *err)
{
    char parts[FC_COMPOSITE_PARTS][PART_SIZE], *canonical[FC_COMPOSITE_PARTS] = {NULL};
    fc_status status = split_composite(c, text, parts, err);
    for (int32_t i = 0; i < c->part_count && status == FC_OK; i++)
        status = fc_param_canonical(&fc_param_table[c->parts[i]], parts[i], &canonical[i], err);
    for (int32_t i = 0; i < c->part_count; i++) { /* all or nothing */
        fc_param_id id = c->parts[i];
        if (status == FC_OK)
            status = add_item(&request->settings[id], &fc_param_table[id], canonical[i], err);
        fc_free(canonical[i]);
    }
    return status;
}

static fc_status unknown_field(const char *name, fc_err *err)
{
    const char *near = fc_param_closest(name);
    if (near) return fc_fail(err, FC_ARG, "there is no field '%.60s', did you mean %s?", name, near);
    return fc_fail(err, FC_ARG, "there is no field '%.60s', see fooocus generate --help all", name);
}

fc_status fc_request_set(fc_request *request, const char *name, const char *value, fc_err *err)
{
    if (!request || !name || !value)
        return fc_fail(err, FC_ARG, "fc_request_set: request, name and value must not be NULL");
    const fc_param *p = fc_param_find(name);
    if (p) return set_text(request, p, value, err);
    const fc_composite *c = fc_composite_find(name);
    return c ? set_composite(request, c, value, err) : unknown_field(name, err);
}

fc_status fc_request_get(const fc_request *request, const char *name, size_t index, char *text, size_t size,
                         fc_err *err)
{
    const char *items[MAX_ITEMS];
    char scratch[256];
    if (!request || !name || !text)
        return fc_fail(err, FC_ARG, "fc_request_get: request, name and text must not be NULL");
    const fc_param *p = fc_param_find(name);
    if (!p) return unknown_field(name, err);
    const setting *s = &request->settings[p - fc_param_table], *recipe = &request->settings[FC_P_recipe];
    fc_recipe_id id =
        fc_recipe_from_name(recipe->set ? recipe->items[0] : fc_param_table[FC_P_recipe].defaults[0]);
    size_t count =
        s->set ? s->count : fc_param_default_items(p, id, items, MAX_ITEMS, scratch, sizeof scratch);
    if (index >= count) return fc_fail(err, FC_NOT_FOUND, "%s has no value %zu", p->name, index);
    const char *value = s->set ? s->items[index] : items[index];
    int n = snprintf(text, size, "%s", value);
    if (n >= 0 && (size_t)n < size) return FC_OK;
    return fc_fail(err, FC_LIMIT, "%s: its value needs room for %d bytes", p->name, n + 1);
}

/* ---- JSON in ---- */

static const char *json_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static fc_status wrong_type(const char *name, const char *wanted, const json_t *value, fc_err *err)
{
    return fc_fail(err, FC_ARG, "%s: want %s, got %s", name, wanted, json_kind(value));
}

static fc_status set_lora_json(setting *s, const fc_param *p, const json_t *value, fc_err *err)
{
    if (json_is_string(value)) return add_item(s, p, json_string_value(value), err);
    const json_t *file = json_object_get(value, "file"), *weight = json_object_get(value, "weight");
    size_t known = (file ? 1u : 0u) + (weight ? 1u : 0u);
    if (!json_is_string(file) || (weight && !json_is_number(weight)) || json_object_size(value) != known)
        return fc_fail(err, FC_ARG,
                       "%s: an item must be \"FILE:WEIGHT\" or {\"file\": text, \"weight\": number}",
                       p->name);
    char digits[FC_NUMTEXT_SIZE];
    fc_number_text(weight ? json_number_value(weight) : 1, digits);
    size_t n = json_string_length(file);
    fc_buf text;
    fc_buf_init(&text, n + sizeof digits + 1);
    fc_buf_printf(&text, "%s:%s", json_string_value(file), digits);
    fc_status status = n ? add_item(s, p, fc_buf_cstr(&text), err)
                         : fc_fail(err, FC_ARG, "%s: the file has no name", p->name);
    fc_buf_fini(&text);
    return status;
}

static fc_status set_guide_json(setting *s, const fc_param *p, const json_t *value, fc_err *err)
{
    char text[6000];
    fc_guide g;
    if (json_is_string(value)) return add_item(s, p, json_string_value(value), err);
    const json_t *image = json_object_get(value, "image"), *model = json_object_get(value, "model"),
                 *weight = json_object_get(value, "weight"), *stop = json_object_get(value, "stop");
    size_t known = (image ? 1u : 0u) + (model ? 1u : 0u) + (weight ? 1u : 0u) + (stop ? 1u : 0u);
    bool sane = json_is_string(image) && json_string_length(image) > 0 && (!model || json_is_string(model)) &&
                (!weight || json_is_number(weight)) && (!stop || json_is_number(stop));
    if (!sane || json_object_size(value) != known)
        return fc_fail(err, FC_ARG,
                       "%s: an item must be \"%s\" or {\"image\": text, \"weight\": number, "
                       "\"stop\": number, \"model\": text}",
                       p->name, p->value);
    fc_guide_usual(p, &g.weight, &g.stop);
    g.image = json_string_value(image);
    g.model = model ? json_string_value(model) : "";
    if (weight) g.weight = json_number_value(weight);
    if (stop) g.stop = json_number_value(stop);
    if (fc_guide_print(&g, text, sizeof text) != FC_OK)
        return fc_fail(err, FC_LIMIT, "%s: the text is too long", p->name);
    return add_item(s, p, text, err);
}

static fc_status set_list_json(setting *s, const fc_param *p, const json_t *value, fc_err *err)
{
    if (!json_is_array(value)) return wrong_type(p->name, "a list", value, err);
    clear(s);
    s->set = true;
    fc_status status = FC_OK;
    for (size_t i = 0; i < json_array_size(value) && status == FC_OK; i++) {
        const json_t *item = json_array_get(value, i);
        if (p->kind == FC_KIND_LORAS)
            status = set_lora_json(s, p, item, err);
        else if (p->kind == FC_KIND_GUIDES)
            status = set_guide_json(s, p, item, err);
        else if (!json_is_string(item))
            status = wrong_type(p->name, "a list of texts", item, err);
        else
            status = add_item(s, p, json_string_value(item), err);
    }
    return status;
}

static fc_status set_number_json(setting *s, const fc_param *p, const json_t *value, fc_err *err)
{
    char digits[FC_NUMTEXT_SIZE];
    if (json_is_integer(value))
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        fc_number_text(json_real_value(value), digits);
    return add_item(s, p, digits, err);
}

static fc_status set_field_json(fc_request *request, const fc_param *p, const json_t *value, fc_err *err)
{
    setting *s = setting_of(request, p);
    if (json_is_null(value)) {
        clear(s);
        return FC_OK;
    }
    switch (p->kind) {
    case FC_KIND_BOOL:
        if (!json_is_boolean(value)) return wrong_type(p->name, "true or false", value, err);
        return add_item(s, p, json_is_true(value) ? "on" : "off", err);
    case FC_KIND_INT:
        if (!json_is_integer(value)) return wrong_type(p->name, "a whole number", value, err);
        return set_number_json(s, p, value, err);
    case FC_KIND_NUM:
        if (!json_is_number(value)) return wrong_type(p->name, "a number", value, err);
        return set_number_json(s, p, value, err);
    case FC_KIND_SEED:
        if (json_is_integer(value)) return set_number_json(s, p, value, err);
        if (!json_is_string(value)) return wrong_type(p->name, "a text or a whole number", value, err);
        return add_item(s, p, json_string_value(value), err);
    case FC_KIND_LIST:
    case FC_KIND_LORAS:
    case FC_KIND_GUIDES:
        return set_list_json(s, p, value, err);
    default:
        if (!json_is_string(value)) return wrong_type(p->name, "a text", value, err);
        return add_item(s, p, json_string_value(value), err);
    }
}

/* Of a picture that is named over the network: kept or in the history, but no path. */
static bool may_come_in(const char *text)
{
    int64_t number;
    return !*text || fc_input_id_valid(text) || fc_input_history_id(text, &number);
}

static bool guides_may_come_in(const setting *s, const fc_param *p)
{
    for (size_t i = 0; i < s->count; i++) {
        fc_guide_text t;
        char id[FC_INPUT_ID_SIZE] = "/";
        fc_guide_text_split(p, s->items[i], &t);
        if (t.image_len < sizeof id) snprintf(id, sizeof id, "%.*s", (int)t.image_len, t.image);
        if (!may_come_in(id)) return false;
    }
    return true;
}

static fc_status set_member_json(fc_request *request, const char *name, const json_t *value, fc_origin origin,
                                 fc_err *err)
{
    const fc_param *p = fc_param_find(name);
    if (p && (p->marks & FC_MARK_PRIVATE) && origin == FC_ORIGIN_NETWORK)
        return fc_fail(err, FC_DENIED, "%s: cannot be set over the network", p->name);
    if (p) {
        fc_status status = set_field_json(request, p, value, err);
        const char *text = p->kind == FC_KIND_IMAGE ? json_string_value(value) : NULL;
        bool guides = p->kind == FC_KIND_GUIDES;
        if (status != FC_OK || origin != FC_ORIGIN_NETWORK) return status;
        if (guides ? guides_may_come_in(setting_of(request, p), p) : !text || may_come_in(text)) return FC_OK;
        return fc_fail(
            err, FC_ARG,
            "%s: give the id that an upload of the picture got, or picture: and the number that it "
            "has in the history",
            p->name);
    }
    const fc_composite *c = fc_composite_find(name);
    if (!c) return unknown_field(name, err);
    if (!json_is_string(value)) return wrong_type(c->name, "a text", value, err);
    return set_composite(request, c, json_string_value(value), err);
}

static fc_status load_json(const char *json, size_t size, json_t **root, fc_err *err)
{
    fc_err why = {0};
    *root = NULL;
    if (size > MAX_JSON)
        return fc_fail(err, FC_LIMIT, "the request has %zu bytes, at most %d are allowed", size, MAX_JSON);
    fc_status status = fc_json_read(json, size, FC_JSON_ANY, root, &why);
    if (status == FC_NOMEM) return fc_fail(err, FC_NOMEM, "%s", why.message);
    if (status != FC_OK) return fc_fail(err, FC_ARG, "the request is no valid JSON: %s", why.message);
    if (json_is_object(*root)) return FC_OK;
    return fc_fail(err, FC_ARG, "the request must be a JSON object, it is %s", json_kind(*root));
}

static fc_status copy_setting(setting *to, const setting *source, const fc_param *p, fc_err *err)
{
    clear(to);
    to->set = true;
    for (size_t k = 0; k < source->count; k++) {
        fc_status status = add_item(to, p, source->items[k], err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

fc_status fc_request_merge(fc_request *request, const fc_request *from, fc_err *err)
{
    if (from->from_network) request->from_network = true;
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        if (!from->settings[i].set) continue;
        fc_status status = copy_setting(&request->settings[i], &from->settings[i], &fc_param_table[i], err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

fc_status fc_request_fill(fc_request *request, const fc_request *from, fc_err *err)
{
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        if (!from->settings[i].set || request->settings[i].set) continue;
        fc_status status = copy_setting(&request->settings[i], &from->settings[i], &fc_param_table[i], err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

fc_status fc_request_set_json_from(fc_request *request, const char *json, size_t size, fc_origin origin,
                                   fc_err *err)
{
    const char *name;
    json_t *root, *value;
    fc_status status = load_json(json, size, &root, err);
    fc_request *copy = fc_request_new(); /* so that nothing changes when a later field is wrong */
    if (status != FC_OK) goto out;
    if (!copy) status = fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_request_merge(copy, request, err);
out:
    json_object_foreach(root, name, value)
    {
        if (status == FC_OK) status = set_member_json(copy, name, value, origin, err);
    }
    if (status == FC_OK) {
        copy->from_network = request->from_network || origin == FC_ORIGIN_NETWORK;
        fc_request former = *request;
        *request = *copy;
        *copy = former;
    }
    fc_request_free(copy);
    json_decref(root);
    return status;
}

fc_status fc_request_set_json(fc_request *request, const char *json, size_t size, fc_err *err)
{
    if (!request || !json)
        return fc_fail(err, FC_ARG, "fc_request_set_json: request and json must not be NULL");
    return fc_request_set_json_from(request, json, size, FC_ORIGIN_LOCAL, err);
}

/* ---- out ---- */

fc_status fc_request_resolve(const fc_request *request, fc_arena *arena, fc_params *params, fc_err *err)
{
    const setting *chosen = &request->settings[FC_P_recipe];
    fc_recipe_id recipe =
        fc_recipe_from_name(chosen->set ? chosen->items[0] : fc_param_table[FC_P_recipe].defaults[0]);
    *params = (fc_params){0};
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        const setting *s = &request->settings[i];
        const char *items[MAX_ITEMS];
        char scratch[256];
        size_t count =
            s->set ? s->count : fc_param_default_items(p, recipe, items, MAX_ITEMS, scratch, sizeof scratch);
        for (size_t k = 0; s->set && k < count; k++) items[k] = s->items[k];
        fc_status status = fc_param_store(p, items, count, params, arena, err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

static json_t *strings_to_json(const fc_string_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static json_t *loras_to_json(const fc_lora_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++)
        json_array_append_new(
            array, json_pack("{s:s, s:f}", "file", list->items[i].path, "weight", list->items[i].weight));
    return array;
}

static json_t *guides_to_json(const fc_guide_list *list)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < list->count; i++) {
        const fc_guide *g = &list->items[i];
        json_t *item = json_pack("{s:s, s:f, s:f}", "image", g->image, "weight", g->weight, "stop", g->stop);
        if (*g->model) json_object_set_new(item, "model", json_string(g->model));
        json_array_append_new(array, item);
    }
    return array;
}

static json_t *field_to_json(const fc_param *p, const void *field)
{
    char digits[24];
    switch (p->kind) {
    case FC_KIND_BOOL:
        return json_boolean(*(const bool *)field);
    case FC_KIND_INT:
        if ((p->marks & FC_MARK_AUTO) && *(const int32_t *)field == FC_PARAM_AUTO) return json_null();
        return json_integer(*(const int32_t *)field);
    case FC_KIND_NUM:
        return json_real(*(const double *)field);
    case FC_KIND_SEED: /* as text: JavaScript loses digits beyond 2^53 */
        snprintf(digits, sizeof digits, "%" PRId64, *(const int64_t *)field);
        return *(const int64_t *)field < 0 ? json_string("random") : json_string(digits);
    case FC_KIND_LIST:
        return strings_to_json(field);
    case FC_KIND_LORAS:
        return loras_to_json(field);
    case FC_KIND_GUIDES:
        return guides_to_json(field);
    default:
        return json_string(*(const char *const *)field);
    }
}

json_t *fc_params_to_json(const fc_params *params)
{
    json_t *root = json_object();
    for (int i = 0; root && i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        if (json_object_set_new(root, p->name, field_to_json(p, (const char *)params + p->offset)) != 0) {
            json_decref(root);
            return NULL;
        }
    }
    return root;
}

json_t *fc_request_to_json(const fc_request *request, const fc_params *params)
{
    json_t *all = fc_params_to_json(params);
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        if (!fc_request_is_set(request, (fc_param_id)i) || (p->marks & FC_MARK_PRIVATE))
            json_object_del(all, p->name);
    }
    return all;
}
