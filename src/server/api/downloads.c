/* /api/v1/catalog and /api/v1/downloads: the models that could be here, and fetching them. */
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/store.h"
#include "server/api/api.h"
#include "server/server_impl.h"

/* What `fooocus setup` fetches too: base model, refiner and LoRA of this preset. */
#define FIRST_SET "sai"

static void no_warning(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static fc_status open_catalog(fc_server *s, fc_config **config, fc_catalog *catalog, fc_err *err)
{
    const fc_warn warn = {no_warning, NULL};
    *catalog = (fc_catalog){0};
    fc_config *plain = fc_live_config_take(s->settings);
    fc_status status = fc_config_with_preset(config, plain, FIRST_SET, warn, err);
    fc_config_close(plain);
    return status == FC_OK ? fc_catalog_open(catalog, s->home, *config, warn, err) : status;
}

static bool is_there(const fc_config *config, const fc_catalog_model *model)
{
    char path[FC_PATH_SIZE];
    bool there = false;
    return fc_modelstore_path(config, model, path, sizeof path, &there, NULL) == FC_OK && there;
}

void fc_api_catalog(fc_http *h)
{
    fc_catalog catalog;
    fc_config *config;
    fc_err err = {0};
    size_t count = 0, missing;
    const fc_catalog_model *needed[FC_CATALOG_MAX_NEEDED];
    json_t *list = json_array();
    fc_status status = open_catalog(h->server, &config, &catalog, &err);
    if (status == FC_OK) count = fc_catalog_needed(&catalog, config, needed, &missing);
    for (size_t i = 0; i < catalog.count && status == FC_OK; i++) {
        const fc_catalog_model *m = &catalog.models[i];
        bool recommended = false;
        for (size_t k = 0; k < count; k++) recommended |= needed[k] == m;
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o, s:o, s:b, s:b}", "name",
                                              fc_json_text(m->name), "folder", fc_json_text(m->folder),
                                              "bytes", (json_int_t)fc_catalog_bytes(m), "licence",
                                              fc_json_text(m->licence), "note", fc_json_text(m->note),
                                              "installed", is_there(config, m), "recommended", recommended));
    }
    fc_catalog_close(&catalog);
    fc_config_close(config);
    if (status == FC_OK)
        fc_http_json(h, 200, json_pack("{s:O}", "models", list));
    else
        fc_http_fail(h, &err);
    json_decref(list);
}

static void answer_list(fc_http *h, unsigned status)
{
    fc_http_json(h, status, json_pack("{s:o}", "downloads", fc_downloads_to_json(h->server->downloads)));
}

void fc_api_downloads_list(fc_http *h)
{
    answer_list(h, 200);
}

/* All or none: an unknown name starts nothing. */
static fc_status start_all(fc_http *h, const json_t *names, fc_err *err)
{
    fc_catalog catalog;
    fc_config *config;
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    size_t i, count = json_array_size(names);
    json_t *name;
    fc_status status = open_catalog(h->server, &config, &catalog, err);
    json_array_foreach(names, i, name)
    {
        if (status == FC_OK) status = fc_catalog_find(&catalog, json_string_value(name), &models[i], err);
    }
    for (i = 0; i < count && status == FC_OK; i++)
        if (!is_there(config, models[i])) status = fc_downloads_add(h->server->downloads, models[i], err);
    fc_catalog_close(&catalog);
    fc_config_close(config);
    return status;
}

static bool are_names(const json_t *names)
{
    size_t i;
    json_t *name;
    if (!json_is_array(names) || !json_array_size(names) || json_array_size(names) > FC_CATALOG_MAX_NEEDED)
        return false;
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name)) return false;
    }
    return true;
}

void fc_api_downloads_start(fc_http *h)
{
    fc_err err = {0};
    json_t *body = fc_http_body_json(h, false);
    if (!body) return;
    const json_t *names = json_object_get(body, "names");
    if (!are_names(names))
        fc_http_problem_as(h, 0, FC_ARG, "names: want a list of names of the catalogue", "names");
    else if (start_all(h, names, &err) != FC_OK)
        fc_http_problem_as(h, err.status == FC_LIMIT ? 429 : 0, err.status, err.message, "names");
    else
        answer_list(h, 202);
    json_decref(body);
}

void fc_api_download_stop(fc_http *h)
{
    fc_err err = {0};
    if (fc_downloads_stop(h->server->downloads, h->captures[0], &err) == FC_OK)
        answer_list(h, 200);
    else
        fc_http_fail(h, &err);
}
