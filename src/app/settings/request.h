/* fc_request (fooocus.h): which settings were given, each as canonical text, so that defaults can follow the
 * recipe in the end. Used by one thread at a time. */
#ifndef FC_APP_SETTINGS_REQUEST_H
#define FC_APP_SETTINGS_REQUEST_H

#include <jansson.h>
#include "app/settings/params.h"

/* Where a request comes from decides what it may name. */
typedef enum fc_origin { FC_ORIGIN_LOCAL, FC_ORIGIN_NETWORK } fc_origin;

/* Whether any of it came over the network: then it may name model files, but no paths. */
bool fc_request_from_network(const fc_request *request);
bool fc_request_is_set(const fc_request *request, fc_param_id id);
/* fc_request_set_json for a request from `origin`: a field marked private is refused (DENIED) over the
 * network. */
fc_status fc_request_set_json_from(fc_request *request, const char *json, size_t size, fc_origin origin,
                                   fc_err *err) FC_MUST_USE;
/* Forgets a field, so that its default counts again. */
void fc_request_unset(fc_request *request, fc_param_id id);
/* Replaces all fields of `request` that are set in `from`. */
fc_status fc_request_merge(fc_request *request, const fc_request *from, fc_err *err) FC_MUST_USE;
/* Sets the fields that are set in `from` and not in `request`. */
fc_status fc_request_fill(fc_request *request, const fc_request *from, fc_err *err) FC_MUST_USE;
/* Every field, defaults filled in by the recipe. Texts live in the arena. */
fc_status fc_request_resolve(const fc_request *request, fc_arena *arena, fc_params *params,
                             fc_err *err) FC_MUST_USE;

/* All fields as JSON object that fc_request_set_json reads back; NULL when out of memory. */
json_t *fc_params_to_json(const fc_params *params);

/* The fields of a request that were given, as fc_request_set_json reads them, without those that name things
 * of this machine. params: the request resolved. */
json_t *fc_request_to_json(const fc_request *request, const fc_params *params);

#endif
