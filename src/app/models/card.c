/* See card.h. */
#include "app/models/card.h"

#include <string.h>
#include "app/common/json_text.h"
#include "base/file.h"
#include "base/text.h"
#include "format/json.h"

enum { MAX_CARD = 1 << 20 };

/* "dir/x.safetensors" -> "dir/x.json"; false: too long. */
static bool card_path(const char *model, char *path, size_t size)
{
    size_t stem_size;
    const char *stem = fc_path_stem(model, &stem_size);
    size_t n = (size_t)(stem - model) + stem_size;
    if (n + sizeof ".json" > size) return false;
    memcpy(path, model, n);
    memcpy(path + n, ".json", sizeof ".json");
    return true;
}

/* Sizes reach clients as they are: [[width, height], ...]. */
static bool are_sizes(const json_t *sizes)
{
    size_t i;
    json_t *pair;
    if (!sizes) return true;
    json_array_foreach((json_t *)(uintptr_t)sizes, i, pair)
    {
        if (json_array_size(pair) != 2 || !json_is_integer(json_array_get(pair, 0)) ||
            !json_is_integer(json_array_get(pair, 1)))
            return false;
    }
    return json_is_array(sizes);
}

static bool are_texts(const json_t *texts)
{
    size_t i;
    json_t *text;
    if (!texts) return true;
    json_array_foreach((json_t *)(uintptr_t)texts, i, text)
    {
        if (!json_is_string(text)) return false;
    }
    return json_is_array(texts);
}

static fc_status check(const fc_model_card *card, fc_err *err)
{
    const json_t *root = card->root, *defaults = json_object_get(root, "defaults");
    if (!json_is_object(root))
        return fc_fail(err, FC_FORMAT, "%s: a model card is a JSON object", card->path);
    if (defaults && !json_is_object(defaults))
        return fc_fail(err, FC_FORMAT, "%s: defaults must be a JSON object of settings", card->path);
    if (!are_sizes(json_object_get(root, "sizes")))
        return fc_fail(err, FC_FORMAT, "%s: sizes must be a list of [width, height]", card->path);
    if (!are_texts(json_object_get(root, "prompts")))
        return fc_fail(err, FC_FORMAT, "%s: prompts must be a list of texts", card->path);
    return FC_OK;
}

fc_status fc_model_card_open(fc_model_card *card, const char *model, fc_err *err)
{
    fc_buf text;
    *card = (fc_model_card){0};
    if (fc_path_is_dir(model) || !card_path(model, card->path, sizeof card->path) ||
        !fc_path_exists(card->path))
        return FC_OK;
    fc_buf_init(&text, MAX_CARD);
    fc_status status = fc_text_read_file(card->path, &text, NULL);
    bool is_card = status == FC_OK && strstr(fc_buf_cstr(&text), "\"fooocus_card\"");
    status = FC_OK; /* what cannot be read, or is another program's, is no card */
    if (is_card) {
        status = fc_json_read(fc_buf_cstr(&text), text.len, FC_JSON_ANY, &card->root, err);
        if (status != FC_OK) fc_fail_prefix(err, "%s is no valid JSON", card->path);
        if (status == FC_OK) status = check(card, err);
    }
    fc_buf_fini(&text);
    if (status != FC_OK) fc_model_card_close(card);
    return status;
}

void fc_model_card_close(fc_model_card *card)
{
    json_decref(card->root);
    card->root = NULL;
}

/* The defaults are read into a request of their own: what the user set is laid over them. */
fc_status fc_model_card_apply(const fc_model_card *card, fc_request *request, fc_err *err)
{
    const json_t *defaults = json_object_get(card->root, "defaults");
    fc_buf text;
    if (!defaults) return FC_OK;
    fc_request *own = fc_request_new();
    if (!own) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_buf_init(&text, MAX_CARD);
    fc_json_write(defaults, JSON_COMPACT, &text);
    fc_status status = text.status == FC_OK ? fc_request_set_json_from(own, fc_buf_cstr(&text), text.len,
                                                                       FC_ORIGIN_NETWORK, err)
                                            : fc_fail(err, text.status, "too long");
    if (status != FC_OK) fc_fail_prefix(err, "%s: defaults", card->path);
    if (status != FC_OK) goto out;
    status = fc_request_fill(request, own, err);
out:
    fc_buf_fini(&text);
    fc_request_free(own);
    return status;
}

const char *fc_model_card_text(const fc_model_card *card, const char *key)
{
    return json_string_value(json_object_get(card->root, key));
}
