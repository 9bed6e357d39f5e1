/* Inside a1111*.c. */
#ifndef FC_SERVER_COMPAT_A1111_H
#define FC_SERVER_COMPAT_A1111_H

#include "server/api/api.h"
#include "server/compat/compat.h"

/* ---- a1111_names.c ---- */

/* The sampler that any of their spellings means, and the scheduler its name speaks of, NULL: none. NULL:
 * unknown. A sampler that another one stands in for is told as a warning of h. */
const char *fc_a1111_read_sampler(fc_http *h, const char *shown, const char **scheduler);
/* The scheduler that a name of that family means, with the sampler's usual one for "Automatic"; NULL:
 * unknown. */
const char *fc_a1111_scheduler_id(const char *shown, const char *sampler);
const char *fc_a1111_scheduler_label(const char *id);

/* ---- a1111_options.c ---- */

/* The options that all clients share, with those that a request overrides; a new reference. */
json_t *fc_a1111_options(fc_http *h, const json_t *override);

/* ---- a1111_lists.c ---- */

/* "sub/name.safetensors [0123456789]" -> the file, or NULL when no checkpoint is called so. In h's arena. */
const char *fc_a1111_find_model(fc_http *h, const char *title);
/* Whether a VAE of this name can be used: a file, "Automatic", "None" or "". */
bool fc_a1111_has_vae(fc_http *h, const char *name);

/* ---- a1111_controlnet.c ---- */

/* The units of a request's script "controlnet" as our parameters. */
fc_status fc_a1111_controlnet(fc_http *h, const json_t *body, const json_t *script, json_t *out,
                              fc_err *err) FC_MUST_USE;

/* ---- a1111_request.c ---- */

/* The body of txt2img or img2img as our parameters; NULL: err tells why, with their names. */
json_t *fc_a1111_parameters(fc_http *h, fc_err *err);

/* A number of the body, as text or boolean too; `otherwise` when it is none. */
double fc_a1111_number(const json_t *body, const char *name, double otherwise);

/* ---- a1111.c ---- */

/* Submits what `make` gives, waits, and answers; errors name their fields. */
void fc_a1111_run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err),
                  void (*answer)(fc_http *h, const fc_job_row *job));

/* ---- a1111_answer.c ---- */

/* {"images", "parameters", "info"} of a job that is over. */
void fc_a1111_answer(fc_http *h, const fc_job_row *job);

#endif
