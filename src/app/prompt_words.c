/* See prompt_words.h. */
#include "app/prompt_words.h"

#include <stdio.h>
#include <string.h>

#include "app/common/lines.h"
#include "app/prompt/expansion.h"
#include "base/file.h"

enum { MAX_LIST = 1 << 20, MAX_TEXT = 1 << 20, PATH_SIZE = 4096 };

static bool in_folder(const fc_lines *dirs, const char *name, char path[PATH_SIZE])
{
    for (size_t i = 0; i < dirs->count; i++)
        if (fc_path_join(path, PATH_SIZE, dirs->items[i], name) == FC_OK && fc_path_exists(path)) return true;
    return false;
}

static fc_status find(const fc_prompt_words *w, char model[PATH_SIZE], char list[PATH_SIZE], fc_err *err)
{
    fc_lines dirs;
    fc_lines_init(&dirs, w->arena);
    fc_config_folders(w->config, "fooocus_expansion", &dirs);
    const char *folder = dirs.count ? dirs.items[0] : "models/prompt_expansion/fooocus_expansion";
    if (!in_folder(&dirs, "model.safetensors", model) && !in_folder(&dirs, "pytorch_model.bin", model))
        return fc_fail(err, FC_NOT_FOUND,
                       "its language model is not in %s (pytorch_model.bin of Fooocus, whose author allows "
                       "non-commercial use only)",
                       folder);
    if (in_folder(&dirs, "positive.txt", list)) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND,
                   "its list of words is not in %s: copy positive.txt from Fooocus's folder of that name",
                   folder);
}

static fc_status read_list(fc_prompt_words *w, const char *path, fc_err *err)
{
    fc_buf list;
    fc_buf_init(&list, MAX_LIST);
    fc_status status = fc_file_read(path, &list, err);
    if (status != FC_OK) goto out;
    status = fc_expansion_words(&w->bpe, list.data, list.len, w->allowed, fc_expander_words(w->model), err);
out:
    fc_buf_fini(&list);
    return status;
}

static fc_status open_all(fc_prompt_words *w, fc_err *err)
{
    char model[PATH_SIZE], list[PATH_SIZE];
    fc_status status = find(w, model, list, err);
    if (status != FC_OK) return status;
    status = fc_expander_open(&w->model, model, err);
    if (status != FC_OK) return status;
    status = fc_byte_bpe_init(&w->bpe, &fc_gpt2_vocab_builtin, err);
    if (status != FC_OK) return status;
    w->allowed = fc_arena_array(w->arena, (size_t)fc_expander_words(w->model), sizeof *w->allowed);
    return w->allowed ? read_list(w, list, err) : fc_fail(err, FC_NOMEM, "out of memory");
}

static fc_status read_tokens(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err)
{
    const fc_prompt_words *w = user;
    return fc_expander_read(w->model, ids, n, w->cancel, logits, err);
}

static fc_status expand(fc_prompt_words *w, const char *prompt, uint64_t seed, fc_arena *arena,
                        const char **out, fc_err *err)
{
    fc_buf text;
    const fc_expansion_model model = {w, fc_expander_words(w->model), fc_expander_context(w->model),
                                      read_tokens};
    fc_buf_init(&text, MAX_TEXT);
    fc_expander_begin(w->model);
    fc_status status = fc_expansion_run(&w->bpe, &model, w->allowed, prompt, seed, &text, err);
    if (status != FC_OK) goto out;
    *out = fc_arena_strdup(arena, fc_buf_cstr(&text));
    if (!*out) status = fc_fail(err, FC_NOMEM, "out of memory while expanding the prompt");
out:
    fc_buf_fini(&text);
    return status;
}

/* A prompt that is too long, or files that are not there or are no such model, are told, and the prompt is
 * drawn as it is. */
static fc_status run(void *user, const char *prompt, uint64_t seed, fc_arena *arena, const char **out,
                     fc_err *err)
{
    fc_prompt_words *w = user;
    fc_err why = {0};
    *out = NULL;
    if (w->dry || w->failed) return FC_OK;
    fc_status status = w->model && w->allowed ? FC_OK : open_all(w, &why);
    w->failed = status != FC_OK;
    if (!w->failed) status = expand(w, prompt, seed, arena, out, &why);
    if (status == FC_OK) return FC_OK;
    if (status == FC_NOMEM || status == FC_CANCELLED) return fc_fail(err, status, "%s", why.message);
    fc_warn_emit(w->warn, "the style Fooocus V2 adds no words: %s", why.message);
    *out = NULL;
    return FC_OK;
}

void fc_prompt_words_init(fc_prompt_words *w, const fc_config *config, bool dry, const int *cancel,
                          fc_warn warn, fc_arena *arena)
{
    *w = (fc_prompt_words){.config = config, .warn = warn, .cancel = cancel, .arena = arena, .dry = dry};
    w->added = (fc_added_words){w, run};
}

void fc_prompt_words_fini(fc_prompt_words *w)
{
    fc_expander_close(w->model);
    if (w->bpe.pairs) fc_byte_bpe_fini(&w->bpe);
    w->model = NULL;
}
