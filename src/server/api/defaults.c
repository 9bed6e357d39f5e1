/* What counts where a request says nothing: the server's preset, config.txt, the environment, then the card
 * of the model. */
#include "app/models/card.h"
#include "app/models/files.h"
#include "app/settings/config.h"
#include "server/api/api.h"
#include "server/server_impl.h"

fc_status fc_server_fill(const fc_server *s, fc_request *request, fc_err *err)
{
    bool chosen = fc_request_is_set(request, FC_P_model);
    fc_config *config = fc_live_config_take_preset(s->settings);
    fc_status status = fc_config_apply(config, request, (fc_warn){0}, err);
    fc_config_close(config);
    if (!chosen && s->config.model) fc_request_unset(request, FC_P_model); /* --model beats config.txt */
    return status;
}

/* The model of a request without a choice; NULL: there is none. */
static const char *usual_model(fc_http *h, const fc_request *request, const fc_params *params)
{
    fc_model_files files = {0};
    if (h->server->config.model) return h->server->config.model;
    return fc_model_files_find(fc_http_settings(h), params, request, &h->arena, &files, NULL) == FC_OK
               ? files.base
               : NULL;
}

static json_t *member_or_empty(const fc_model_card *card, const char *key)
{
    const json_t *value = json_object_get(card->root, key);
    return value ? json_deep_copy(value) : json_array();
}

fc_status fc_server_describe_defaults(fc_http *h, json_t **defaults, json_t **sizes, json_t **prompts,
                                      fc_err *err)
{
    fc_params params;
    fc_model_card card = {0};
    const fc_server *s = h->server;
    *defaults = *sizes = *prompts = NULL;
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = fc_server_fill(s, request, err);
    if (status != FC_OK) goto out;
    status = fc_request_set(request, "home", s->home, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, &h->arena, &params, err);
    if (status != FC_OK) goto out;
    const char *model = usual_model(h, request, &params);
    /* a broken card is told by the job that uses the model: the page must come up all the same */
    bool has_card = model && fc_model_card_open(&card, model, NULL) == FC_OK && card.root;
    if (has_card && fc_model_card_apply(&card, request, NULL) == FC_OK)
        status = fc_request_resolve(request, &h->arena, &params, err);
    if (status != FC_OK) goto out;
    *defaults = fc_request_to_json(request, &params);
    *sizes = member_or_empty(&card, "sizes");
    *prompts = member_or_empty(&card, "prompts");
out:
    fc_model_card_close(&card);
    fc_request_free(request);
    return status;
}
