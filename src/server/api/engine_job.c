/* A job of the queue -> the engine. Requests come over the network and name model files; here the names
 * become paths below models/, so the engine never looks anywhere else for them. */
#include <stdio.h>
#include <string.h>
#include "app/common/number_text.h"
#include "app/generate.h"
#include "app/models/files.h"
#include "app/settings/request.h"
#include "base/file.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { REQUEST_MEMORY = 16 << 20 };

static const struct {
    fc_param_id id;
    const char *kind;
} model_fields[] = {
    {FC_P_model, "checkpoints"},
    {FC_P_refiner, "checkpoints"},
    {FC_P_vae, "vae"},
    {FC_P_preview_decoder, "vae_approx"},
};

/* The value of a field that is a text. */
static const char *text_of(const fc_params *params, fc_param_id id)
{
    const void *field = (const char *)params + fc_param_table[id].offset;
    return *(const char *const *)field;
}

/* The checkpoint given with --model may lie anywhere; requests know it by its file name. */
static bool is_server_model(const fc_server *s, const char *name)
{
    return s->config.model && (!*name || strcmp(name, fc_path_basename(s->config.model)) == 0);
}

static fc_status find_model(const fc_server *s, const fc_config *config, fc_param_id id, const char *kind,
                            const char *name, fc_arena *arena, fc_request *request, fc_err *err)
{
    fc_model_folder folder;
    const char *path = s->config.model;
    fc_status status = FC_OK;
    if (id != FC_P_model || !is_server_model(s, name)) {
        if (!*name) return FC_OK;
        status = fc_model_folder_open(config, kind, arena, &folder, err);
        if (status == FC_OK)
            status = fc_model_folder_find(&folder, fc_param_table[id].name, name, &path, err);
    }
    return status == FC_OK ? fc_request_set(request, fc_param_table[id].name, path, err) : status;
}

static fc_status find_loras(const fc_config *config, const fc_params *params, fc_arena *arena,
                            fc_request *request, fc_err *err)
{
    fc_model_folder folder;
    if (params->loras.count == 0) return FC_OK;
    fc_request_unset(request, FC_P_loras);
    fc_status status = fc_model_folder_open(config, "loras", arena, &folder, err);
    for (int32_t i = 0; i < params->loras.count && status == FC_OK; i++) {
        const char *path;
        char weight[FC_NUMTEXT_SIZE];
        status = fc_model_folder_find(&folder, "loras", params->loras.items[i].path, &path, err);
        if (status != FC_OK) return status;
        fc_number_text(params->loras.items[i].weight, weight);
        const char *text = fc_arena_printf(arena, "%s:%s", path, weight);
        status = text ? fc_request_set(request, "loras", text, err) : fc_fail(err, FC_NOMEM, "out of memory");
    }
    return status;
}

static fc_status make_request(const fc_server *s, const fc_config *config, const char *parameters,
                              fc_request *request, fc_err *err)
{
    fc_arena arena;
    fc_params params;
    fc_arena_init(&arena, REQUEST_MEMORY);
    fc_status status = fc_request_set_json(request, parameters, strlen(parameters), err);
    if (status != FC_OK) goto out;
    status = fc_request_set(request, "home", s->home, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, &arena, &params, err);
    for (size_t i = 0; i < sizeof model_fields / sizeof model_fields[0] && status == FC_OK; i++)
        status = find_model(s, config, model_fields[i].id, model_fields[i].kind,
                            text_of(&params, model_fields[i].id), &arena, request, err);
    if (status != FC_OK) goto out;
    status = find_loras(config, &params, &arena, request, err);
out:
    fc_arena_fini(&arena);
    return status;
}

static void keep_report(fc_server *s)
{
    fc_engine_report report;
    fc_engine_describe(s->engine, &report);
    pthread_mutex_lock(&s->report_lock);
    s->report = report;
    pthread_mutex_unlock(&s->report_lock);
}

/* What the engine says goes to clients, which need not know the folders of this machine. */
typedef struct listener {
    const fc_server *server;
    const fc_hooks *hooks;
} listener;

static void on_event(void *user, const fc_event *event)
{
    listener *l = user;
    char text[sizeof((fc_err *)0)->message];
    fc_event copy = *event;
    if (event->kind == FC_EVENT_WARNING && event->text) {
        snprintf(text, sizeof text, "%s", event->text);
        fc_server_hide_paths(l->server, text);
        copy.text = text;
    }
    l->hooks->on_event(l->hooks->user, &copy);
}

fc_status fc_engine_job(void *server, const fc_job_work *work, const fc_hooks *hooks, fc_err *err)
{
    fc_server *s = server;
    listener l = {s, hooks};
    const fc_hooks own = {
        .user = &l, .on_event = on_event, .want_preview = hooks->want_preview, .finish = hooks->finish};
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_config *config = fc_live_config_take(s->settings);
    fc_status status = make_request(s, config, work->parameters, request, err);
    if (status != FC_OK) goto out;
    fc_engine_lend_cancel_flag(s->engine, work->cancel);
    status = fc_generate_from(s->engine, config, request, work->first_image, &own, err);
    fc_engine_lend_cancel_flag(s->engine, NULL);
out:
    if (status != FC_OK) fc_server_hide_paths(s, err->message);
    keep_report(s);
    fc_config_close(config);
    fc_request_free(request);
    return status;
}

fc_status fc_engine_job_check(fc_server *s, const char *parameters, fc_err *err)
{
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_config *config = fc_live_config_take(s->settings);
    fc_status status = make_request(s, config, parameters, request, err);
    if (status != FC_OK) goto out;
    status = fc_generate_check(config, request, err);
out:
    if (status != FC_OK) fc_server_hide_paths(s, err->message);
    fc_config_close(config);
    fc_request_free(request);
    return status;
}
