/* See translator.h. */
#include "engine/translator.h"

#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/side_device.h"
#include "format/json.h"
#include "model/marian.h"
#include "text/spm.h"

enum { MAX_CONFIG = 1 << 20, MAX_VOCABULARY = 64 << 20, MAX_BANNED = 16, PATH_SIZE = 4096 };
#define ARENA_CAP ((size_t)128 << 20)

struct fc_translator {
    const char *folder;
    fc_arena arena;
    fc_side_device device;
    fc_weights *weights;
    fc_marian *net;
    fc_spm *pieces;
    fc_strmap ids;      /* of pieces */
    const char **words; /* [count]: pieces of ids */
    size_t count;
    uint32_t unknown; /* id */
    fc_marian_config config;
    fc_beam_opts search;
    int32_t banned[MAX_BANNED];
};

/* ---- files ---- */

static fc_status in_folder(const fc_translator *t, const char *name, char path[PATH_SIZE], fc_err *err)
{
    if (fc_path_join(path, PATH_SIZE, t->folder, name) != FC_OK)
        return fc_fail(err, FC_LIMIT, "the folder's path is too long: %.200s", t->folder);
    if (fc_path_exists(path)) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND, "%s is missing in %.300s; fetch the translation model again", name,
                   t->folder);
}

static int32_t whole(const json_t *object, const char *name, int32_t otherwise)
{
    const json_t *v = fc_json_member(object, name);
    json_int_t n = v && json_is_integer(v) ? json_integer_value(v) : otherwise;
    return n < INT32_MIN || n > INT32_MAX ? otherwise : (int32_t)n;
}

static bool is_set(const json_t *object, const char *name, bool otherwise)
{
    const json_t *v = fc_json_member(object, name);
    return v && json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static fc_status read_activation(fc_translator *t, const json_t *c, fc_err *err)
{
    static const struct {
        const char *name;
        fc_act act;
    } acts[] = {{"swish", FC_ACT_SILU}, {"silu", FC_ACT_SILU}, {"relu", FC_ACT_RELU}, {"gelu", FC_ACT_GELU}};
    const json_t *v = fc_json_member(c, "activation_function");
    const char *name = v && json_is_string(v) ? json_string_value(v) : "gelu";
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0) {
            t->config.act = acts[i].act;
            return FC_OK;
        }
    return fc_fail(err, FC_UNSUPPORTED, "config.json: the activation %.40s is not known", name);
}

/* What config.json says about the network. */
static fc_status read_network(fc_translator *t, const json_t *c, fc_err *err)
{
    const json_t *type = fc_json_member(c, "model_type");
    if (!type || !json_is_string(type) || strcmp(json_string_value(type), "marian") != 0)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "%.300s: the model is not a Marian translation network; fetch one of Helsinki-NLP's opus-mt "
            "models",
            t->folder);
    if (is_set(c, "normalize_before", false) || is_set(c, "normalize_embedding", false) ||
        !is_set(c, "share_encoder_decoder_embeddings", true))
        return fc_fail(
            err, FC_UNSUPPORTED,
            "%.300s: this kind of Marian network (norms before the layers, or two word tables) is not "
            "supported",
            t->folder);
    t->config.reader_heads = whole(c, "encoder_attention_heads", 8);
    t->config.writer_heads = whole(c, "decoder_attention_heads", 8);
    t->config.context = whole(c, "max_position_embeddings", 512);
    t->config.scale = is_set(c, "scale_embedding", false);
    t->config.pad = whole(c, "pad_token_id", -1);
    t->config.end = whole(c, "eos_token_id", 0);
    t->config.start = whole(c, "decoder_start_token_id", t->config.pad);
    return read_activation(t, c, err);
}

static void read_banned(fc_translator *t, const json_t *c)
{
    const json_t *list = fc_json_member(c, "bad_words_ids"), *word;
    size_t i;
    if (!list || !json_is_array(list)) return;
    t->search.banned_count = 0;
    json_array_foreach((json_t *)list, i, word)
    {
        bool single =
            json_is_array(word) && json_array_size(word) == 1 && json_is_integer(json_array_get(word, 0));
        if (!single || t->search.banned_count == MAX_BANNED) continue;
        json_int_t id = json_integer_value(json_array_get(word, 0));
        t->banned[t->search.banned_count++] = id < 0 || id > INT32_MAX ? -1 : (int32_t)id;
    }
}

/* How the translation is searched; generation_config.json says it anew. */
static void read_search(fc_translator *t, const json_t *c)
{
    fc_beam_opts *s = &t->search;
    const json_t *penalty = fc_json_member(c, "length_penalty");
    s->beams = whole(c, "num_beams", s->beams);
    if (s->beams < 1) s->beams = 1;
    if (s->beams > FC_BEAM_MAX) s->beams = FC_BEAM_MAX;
    s->max_length = whole(c, "max_length", s->max_length);
    s->renormalise = is_set(c, "renormalize_logits", s->renormalise);
    s->forced_end = whole(c, "forced_eos_token_id", s->forced_end ? t->config.end : -1) == t->config.end;
    if (penalty && json_is_number(penalty)) s->length_penalty = (float)json_number_value(penalty);
    read_banned(t, c);
}

static fc_status read_json(const fc_translator *t, const char *name, size_t max, json_t **root, fc_err *err)
{
    char path[PATH_SIZE];
    fc_status status = in_folder(t, name, path, err);
    return status ? status : fc_json_read_file(path, max, FC_JSON_OBJECT, root, err);
}

static fc_status read_config(fc_translator *t, fc_err *err)
{
    json_t *config = NULL, *search = NULL;
    fc_status status = read_json(t, "config.json", MAX_CONFIG, &config, err);
    if (status != FC_OK) return status;
    t->search = (fc_beam_opts){.beams = 4, .max_length = 512, .length_penalty = 1, .banned = t->banned};
    status = read_network(t, config, err);
    if (status != FC_OK) goto out;
    t->search.end = t->config.end;
    read_search(t, config);
    status = read_json(t, "generation_config.json", MAX_CONFIG, &search, NULL);
    if (status == FC_OK) read_search(t, search);
    status = status == FC_NOT_FOUND ? FC_OK : status; /* older folders have none */
    if (status) status = fc_fail(err, status, "generation_config.json in %.300s is damaged", t->folder);
out:
    json_decref(config);
    json_decref(search);
    return status;
}

static fc_status add_word(fc_translator *t, const char *piece, const json_t *id, fc_err *err)
{
    json_int_t n = json_is_integer(id) ? json_integer_value(id) : -1;
    if (n < 0 || (size_t)n >= t->count)
        return fc_fail(err, FC_FORMAT, "vocab.json in %.300s does not fit the network", t->folder);
    const char *own = fc_arena_strdup(&t->arena, piece);
    t->words[n] = own;
    fc_status status = own ? fc_strmap_put(&t->ids, own, strlen(own), (uint32_t)n, NULL) : FC_NOMEM;
    return status ? fc_fail(err, status, "out of memory while opening a translation model") : FC_OK;
}

static fc_status read_vocabulary(fc_translator *t, fc_err *err)
{
    json_t *root, *id;
    const char *piece;
    fc_status status = read_json(t, "vocab.json", MAX_VOCABULARY, &root, err);
    if (status != FC_OK) return status;
    t->count = (size_t)fc_marian_words(t->net);
    t->words = fc_arena_array(&t->arena, t->count, sizeof *t->words);
    status = t->words ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while opening a translation model");
    if (status != FC_OK) goto out;
    json_object_foreach(root, piece, id)
    {
        status = add_word(t, piece, id, err);
        if (status != FC_OK) goto out;
    }
    if (!fc_strmap_get(&t->ids, "<unk>", 5, &t->unknown))
        status = fc_fail(err, FC_FORMAT, "vocab.json in %.300s has no <unk>; download it again", t->folder);
out:
    json_decref(root);
    return status;
}

/* ---- opening ---- */

static fc_status open_network(fc_translator *t, fc_err *err)
{
    char path[PATH_SIZE];
    fc_status status = in_folder(t, "model.safetensors", path, NULL);
    if (status == FC_NOT_FOUND) status = in_folder(t, "pytorch_model.bin", path, NULL);
    if (status)
        return fc_fail(err, status,
                       "%.300s has neither model.safetensors nor pytorch_model.bin; fetch it again",
                       t->folder);
    status = fc_weights_open(&t->weights, path, err);
    return status ? status : fc_marian_open(&t->net, t->weights, &t->config, err);
}

static fc_status open_all(fc_translator *t, fc_err *err)
{
    char path[PATH_SIZE];
    fc_status status = read_config(t, err);
    if (status) return status;
    status = in_folder(t, "source.spm", path, err);
    if (status) return status;
    status = fc_spm_open_file(&t->pieces, path, err);
    if (status) return status;
    status = open_network(t, err);
    if (status) return status;
    status = read_vocabulary(t, err);
    return status ? status : fc_side_device_open(&t->device, err);
}

fc_status fc_translator_open(fc_translator **out, const char *folder, fc_err *err)
{
    *out = NULL;
    fc_translator *t = fc_calloc(1, sizeof *t);
    if (!t) return fc_fail(err, FC_NOMEM, "out of memory while opening a translation model");
    fc_arena_init(&t->arena, ARENA_CAP);
    fc_strmap_init(&t->ids);
    t->folder = fc_arena_strdup(&t->arena, folder);
    fc_status status = t->folder ? open_all(t, err) : fc_fail(err, FC_NOMEM, "out of memory");
    if (status) {
        fc_translator_close(t);
        return status;
    }
    *out = t;
    return FC_OK;
}

void fc_translator_close(fc_translator *t)
{
    if (!t) return;
    fc_marian_close(t->net);
    fc_side_device_close(&t->device);
    fc_weights_close(t->weights);
    fc_spm_close(t->pieces);
    fc_strmap_fini(&t->ids);
    fc_arena_fini(&t->arena);
    fc_free(t);
}

/* ---- sentences ---- */

/* The ids of a sentence, the end token behind them. */
static fc_status read_ids(const fc_translator *t, const char *sentence, fc_arena *arena, int32_t **ids,
                          int32_t *count, fc_err *err)
{
    fc_spm_pieces pieces;
    fc_status status = fc_spm_encode(t->pieces, sentence, arena, &pieces, err);
    if (status) return status;
    int32_t *list = fc_arena_array(arena, pieces.count + 1, sizeof *list);
    if (!list) return fc_fail(err, FC_NOMEM, "out of memory while a sentence is translated");
    for (size_t i = 0; i < pieces.count; i++) {
        uint32_t id = t->unknown;
        fc_strmap_get(&t->ids, pieces.items[i], strlen(pieces.items[i]), &id);
        list[i] = (int32_t)id;
    }
    list[pieces.count] = t->config.end;
    *ids = list;
    *count = (int32_t)pieces.count + 1;
    return FC_OK;
}

static const char *text_of(const fc_translator *t, const int32_t *tokens, int32_t count, fc_arena *arena)
{
    fc_buf text;
    fc_buf_init(&text, FC_SPM_MAX_TEXT);
    for (int32_t i = 0; i < count; i++) {
        const char *piece = t->words[tokens[i]];
        if (piece && strcmp(piece, "<unk>") != 0 && strcmp(piece, "<pad>") != 0) fc_spm_decode(piece, &text);
    }
    const char *out = text.status ? NULL : fc_arena_strdup(arena, fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return out;
}

fc_status fc_translator_run(fc_translator *t, const char *sentence, const int *cancel, fc_arena *arena,
                            const char **out, fc_err *err)
{
    int32_t *ids = NULL, count = 0, tokens[FC_BEAM_MAX_LENGTH], written = 0;
    fc_beam_opts search = t->search;
    fc_status status = read_ids(t, sentence, arena, &ids, &count, err);
    if (status) return status;
    /* A translation is never many times as long; a network that begins to repeat itself is stopped early. */
    if (search.max_length > 3 * count + 32) search.max_length = 3 * count + 32;
    if (search.max_length > FC_BEAM_MAX_LENGTH) search.max_length = FC_BEAM_MAX_LENGTH;
    fc_cx_watch(&t->device.cx, cancel);
    status = fc_marian_translate(&t->device.cx, t->net, ids, count, &search, tokens, &written, err);
    fc_cx_watch(&t->device.cx, NULL);
    fc_cx_reset(&t->device.cx);
    if (status) return status;
    *out = text_of(t, tokens, written, arena);
    return *out ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while a sentence is translated");
}
