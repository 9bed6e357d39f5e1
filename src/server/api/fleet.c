/* A server among others: what its jobs need and what it has, in the same words - kind and name of a file,
 * "checkpoints/x.safetensors" - and whether all use one folder of pictures. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/models/files.h"
#include "base/file.h"
#include "base/random.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { MARK_SIZE = 33, MARK_TRIES = 30 };

/* ---- files ---- */

static void add_text(fc_lines *out, const char *before, const char *text)
{
    const char *word = fc_arena_printf(out->arena, "%s%s", before, text);
    if (word) fc_lines_add(out, word, strlen(word));
}

/* A model goes by its place in the folder, by its file's name, and by that without the ending. */
static void offer_file(const char *kind, const char *name, fc_lines *out)
{
    const char *prefix = fc_arena_printf(out->arena, "%s/", kind), *base = fc_path_basename(name);
    size_t stem;
    const char *start = fc_path_stem(base, &stem), *bare = fc_arena_strndup(out->arena, start, stem);
    if (!prefix || !bare) return;
    add_text(out, prefix, name);
    if (strcmp(base, name) != 0) add_text(out, prefix, base);
    if (strcmp(bare, base) != 0) add_text(out, prefix, bare);
}

void fc_server_offers(void *server, fc_lines *files)
{
    static const char *const kinds[] = {"checkpoints", "loras", "vae"};
    const fc_server *s = server;
    fc_config *config = fc_live_config_take(s->settings);
    if (s->config.model) offer_file("checkpoints", fc_path_basename(s->config.model), files);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        fc_model_folder folder;
        if (fc_model_folder_open(config, kinds[i], files->arena, &folder, NULL) != FC_OK) continue;
        for (size_t n = 0; n < folder.names.count; n++) offer_file(kinds[i], folder.names.items[n], files);
    }
    fc_config_close(config);
}

/* A file that is here goes by its whole name, however the request spells it. */
static fc_status need_file(const fc_config *config, const char *kind, const char *name, fc_lines *needs,
                           fc_err *err)
{
    fc_model_folder folder;
    if (!name || !*name) return FC_OK;
    fc_status status = fc_model_folder_open(config, kind, needs->arena, &folder, err);
    if (status != FC_OK) return status;
    const char *path = fc_model_folder_path(&folder, name),
               *prefix = fc_arena_printf(needs->arena, "%s/", kind);
    if (prefix) add_text(needs, prefix, path ? fc_path_basename(path) : name);
    return FC_OK;
}

fc_status fc_server_needs(const fc_server *s, const fc_params *params, fc_lines *needs, fc_err *err)
{
    fc_config *config = fc_live_config_take(s->settings);
    const char *model =
        *params->model || !s->config.model ? params->model : fc_path_basename(s->config.model);
    fc_status status = need_file(config, "checkpoints", model, needs, err);
    if (status != FC_OK) goto out;
    status = need_file(config, "checkpoints", params->refiner, needs, err);
    if (status != FC_OK) goto out;
    status = need_file(config, "vae", params->vae, needs, err);
    for (int32_t i = 0; status == FC_OK && i < params->loras.count; i++)
        status = need_file(config, "loras", params->loras.items[i].path, needs, err);
out:
    fc_config_close(config);
    if (status != FC_OK) return status;
    return needs->arena->status == FC_OK ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

/* ---- the shared folder ---- */

static fc_status read_mark(const char *path, char mark[MARK_SIZE], fc_err *err)
{
    fc_buf text;
    mark[0] = '\0';
    if (!fc_path_exists(path)) return FC_OK;
    fc_buf_init(&text, 4096);
    fc_status status = fc_file_read(path, &text, err);
    if (status == FC_OK)
        snprintf(mark, MARK_SIZE, "%.*s", (int)strcspn(fc_buf_cstr(&text), "\r\n"), fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return status;
}

static fc_status draw_mark(char mark[MARK_SIZE], fc_err *err)
{
    uint64_t bits[2];
    fc_status status = fc_random_bytes(bits, sizeof bits, err);
    snprintf(mark, MARK_SIZE, "%016llx%016llx", (unsigned long long)bits[0], (unsigned long long)bits[1]);
    return status;
}

static fc_status write_mark(const char *path, const char *mark, fc_err *err)
{
    char line[MARK_SIZE + 1];
    int n = snprintf(line, sizeof line, "%s\n", mark);
    return fc_file_write_atomic(path, line, (size_t)n, err);
}

fc_status fc_server_check_outputs(const fc_server *s, fc_err *err)
{
    char path[FC_PATH_SIZE], here[MARK_SIZE], mine[MARK_SIZE], there[MARK_SIZE];
    fc_status status = fc_path_join(path, sizeof path, s->outputs, ".library/shared");
    if (status != FC_OK) return fc_fail(err, status, "the path of the outputs is too long");
    status = read_mark(path, here, err);
    if (status != FC_OK) return status;
    status = draw_mark(mine, err);
    if (status != FC_OK) return status;
    status = fc_library_mark(s->library, *here ? here : mine, there, sizeof there, err);
    if (status != FC_OK) return status;
    if (!*here && strcmp(there, mine) == 0) return write_mark(path, mine, err);
    const struct timespec pause = {0, 100000000};
    for (int i = 0; i < MARK_TRIES && !*here; i++) { /* another program may be about to write it */
        nanosleep(&pause, NULL);
        status = read_mark(path, here, err);
        if (status != FC_OK) return status;
    }
    if (strcmp(here, there) == 0) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND,
                   "%s is not the folder of pictures that this library's other programs use: mount that "
                   "folder on this machine and name it with --outputs",
                   s->outputs);
}

/* ---- health ---- */

void fc_api_healthz(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:s}", "status", "ok"));
}

/* Whether a request would find what it needs now. */
void fc_api_readyz(fc_http *h)
{
    fc_err err = {0};
    fc_library_counts counts;
    if (fc_library_count(h->server->library, &counts, &err) == FC_OK)
        fc_http_json(h, 200, json_pack("{s:s}", "status", "ready"));
    else
        fc_http_problem_as(h, 503, err.status, err.message, NULL);
}
