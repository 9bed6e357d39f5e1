/* The handlers of /api/v1, and what those of other APIs share with them. */
#ifndef FC_SERVER_API_API_H
#define FC_SERVER_API_API_H

#include "app/models/files.h"
#include "app/prompt/styles.h"
#include "app/queue/jobs.h"
#include "server/http/http.h"

void fc_api_system(fc_http *h);
void fc_api_openapi(fc_http *h);
void fc_api_parameters(fc_http *h);
void fc_api_styles(fc_http *h);
void fc_api_models(fc_http *h);
void fc_api_presets(fc_http *h);
void fc_api_metadata(fc_http *h);
void fc_api_catalog(fc_http *h);
void fc_api_downloads_list(fc_http *h);
void fc_api_downloads_start(fc_http *h);
void fc_api_download_stop(fc_http *h);
void fc_api_events(fc_http *h);

void fc_api_upload(fc_http *h);
void fc_api_upload_file(fc_http *h);
void fc_api_describe(fc_http *h);
/* What the picture file shows, in the arena; for every API that describes. */
fc_status fc_server_describe(fc_http *h, const char *data, size_t size, fc_arena *arena, const char **text,
                             fc_err *err) FC_MUST_USE;

void fc_api_jobs_submit(fc_http *h);
void fc_api_jobs_list(fc_http *h);
void fc_api_job_get(fc_http *h);
void fc_api_job_cancel(fc_http *h);
void fc_api_job_move(fc_http *h);
void fc_api_job_delete(fc_http *h);
void fc_api_job_preview(fc_http *h);

void fc_api_pictures_list(fc_http *h);
void fc_api_pictures_terms(fc_http *h);
void fc_api_picture_get(fc_http *h);
void fc_api_picture_file(fc_http *h);
void fc_api_picture_thumbnail(fc_http *h);
void fc_api_picture_favourite(fc_http *h);
void fc_api_picture_delete(fc_http *h);
void fc_api_picture_restore(fc_http *h);

/* ---- defaults.c ---- */

/* Sets the fields of request that the server's preset, config.txt or the environment speak of and that are
 * not set yet. */
fc_status fc_server_fill(const fc_server *s, fc_request *request, fc_err *err) FC_MUST_USE;
/* For clients that draw a form: the fields of a request that is filled so and by the card of its model, as an
 * object; the sizes [[width, height], ...] and example prompts of that card, empty when it has none. */
fc_status fc_server_describe_defaults(fc_http *h, json_t **defaults, json_t **sizes, json_t **prompts,
                                      fc_err *err) FC_MUST_USE;

/* ---- catalog.c ---- */

/* A value for each style of 2.5.5's list; with_default: before them the one that recipe 1.0 begins with.
 * NULL: err tells why. */
json_t *fc_styles_to_json(fc_http *h, json_t *(*to_json)(const fc_style *style), bool with_default,
                          fc_err *err);

/* The checkpoints that can be chosen; the one given with --model comes first, under its file name. */
fc_status fc_server_checkpoints(fc_http *h, fc_model_folder *folder, fc_err *err) FC_MUST_USE;

/* ---- submit.c ---- */

typedef struct fc_submission {
    const char *key;         /* idempotency key; NULL: none */
    const char *fingerprint; /* of the request as it came */
    bool preview;
    const char *owner; /* whose turn it is, when machines share the queue; NULL: nobody's in particular */
    /* out */
    char id[FC_JOB_ID_SIZE];
    bool existed;
    const char *field; /* of a failure: one that the message does not begin with; NULL: none */
} fc_submission;

/* Checks the parameters (of a request as params.def names them), draws a seed where none is given, and puts
 * the job into the queue. err names the field first. *http: 0, or the HTTP status that tells more than
 * err->status (429: the queue is full). */
fc_status fc_submit(fc_server *s, const json_t *parameters, fc_submission *out, unsigned *http,
                    fc_err *err) FC_MUST_USE;

/* The same for APIs of others that answer when the job is over: submits once, then waits. FAILED: err and
 * http tell why, and the caller answers in its own way. */
typedef enum fc_run_result { FC_RUN_WAITS, FC_RUN_OVER, FC_RUN_GONE, FC_RUN_FAILED } fc_run_result;
fc_run_result fc_run_job(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err), fc_job_row *job,
                         unsigned *http, fc_err *err);

/* ---- owners.c ---- */

/* The user; without users something that tells clients apart. In h's arena. */
const char *fc_owner_name(fc_http *h);
/* Notes who asked for the job. */
void fc_owner_note(fc_http *h, const char *id);
/* The job that a client means who stops "the" job: its own that runs, else its own that waits longest, else
 * the running one. False: there is none. */
bool fc_owner_job(fc_http *h, char id[FC_JOB_ID_SIZE]);

/* What the job did not do as it was asked for becomes warnings of the request, as fc_run_job does by itself.
 */
void fc_job_warn(fc_http *h, const fc_job_row *job);

/* ---- pictures of a job ---- */

/* The pictures of a job in their order, in h's arena. */
fc_status fc_job_pictures(fc_http *h, const char *id, fc_picture_row **rows, int32_t *count,
                          fc_err *err) FC_MUST_USE;
fc_status fc_picture_bytes(fc_server *s, const fc_picture_row *p, fc_buf *out, fc_err *err) FC_MUST_USE;
const char *fc_picture_mime(const fc_picture_row *p);
/* The whole URL of the file, signed when a login would be needed; in h's arena. */
const char *fc_picture_url(fc_http *h, const fc_picture_row *p);
/* The same as Fooocus-API names it: /files/2024-05-17/name.png. */
const char *fc_picture_files_url(fc_http *h, const fc_picture_row *p);
/* prefix and the data in base64; NULL when out of memory. */
json_t *fc_base64_json(const char *prefix, const void *data, size_t size);

/* ---- fleet.c ---- */

/* The files that a worker must have for the request. */
fc_status fc_server_needs(const fc_server *s, const fc_params *params, fc_lines *needs,
                          fc_err *err) FC_MUST_USE;
/* The files this server has, in the same words. server: an fc_server. */
void fc_server_offers(void *server, fc_lines *files);
/* That the folder of outputs is the one that all share: the first program marks it. */
fc_status fc_server_check_outputs(const fc_server *s, fc_err *err) FC_MUST_USE;

void fc_api_healthz(fc_http *h);
void fc_api_readyz(fc_http *h);
void fc_api_metrics(fc_http *h);

/* ---- engine_job.c ---- */

fc_status fc_engine_job(void *server, const fc_job_work *work, const fc_hooks *hooks, fc_err *err);
/* Whether the request could be run: everything that can be known without a model. */
fc_status fc_engine_job_check(fc_server *s, const char *parameters, fc_err *err) FC_MUST_USE;

#endif
