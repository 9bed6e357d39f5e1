/* What clients of AUTOMATIC1111's web UI speak: making pictures, and watching and stopping that. */
#include <string.h>
#include "app/common/inputs.h"
#include "app/common/json_text.h"
#include "base/file.h"
#include "base/str.h"
#include "format/image.h"
#include "server/api/api.h"
#include "server/compat/a1111.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

/* Messages name our fields. */
static const fc_alias names[] = {
    {"cfg_scale", "cfg"},
    {"sampler_name", "sampler"},
    {"n_iter", "count"},
    {"override_settings.sd_vae", "vae"},
    {"sd_model_checkpoint", "model"},
    {"refiner_checkpoint", "refiner"},
    {"refiner_switch_at", "refiner_switch"},
    {"CLIP_stop_at_last_layers", "clip_skip"},
    {"prompt", "loras"},
    {"samples_format", "format"},
    {"denoising_strength", "strength"},
    {"upscaling_resize", "upscale"},
    {"upscaler_1", "upscaler"},
};
static const fc_alias picture_name = {"init_images", "image"}; /* of img2img only */

void fc_a1111_run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err),
                  void (*answer)(fc_http *h, const fc_job_row *job))
{
    fc_job_row job;
    fc_err err = {0};
    unsigned http;
    fc_run_result result = fc_run_job(h, make, &job, &http, &err);
    if (result == FC_RUN_OVER) answer(h, &job);
    if (result != FC_RUN_FAILED) return;
    fc_alias_message(names, sizeof names / sizeof names[0], &err);
    if (!fc_str_starts(h->path, "/sdapi/v1/extra-")) fc_alias_message(&picture_name, 1, &err);
    fc_a1111_error(h, http, &err);
}

void fc_a1111_txt2img(fc_http *h)
{
    fc_a1111_run(h, fc_a1111_parameters, fc_a1111_answer);
}

/* The picture in words. "model" does not matter: there is one captioner. */
static fc_status interrogate(fc_http *h, fc_arena *arena, const char **caption, fc_err *err)
{
    char id[FC_INPUT_ID_SIZE], path[FC_PATH_SIZE];
    const json_t *body = fc_compat_body(h, err);
    if (!body) return err->status;
    fc_status status = fc_compat_picture(h, "image", fc_json_member(body, "image"), id, err);
    if (status) return status;
    status = fc_inputs_path(h->server->home, id, path, sizeof path, err);
    if (status) return status;
    fc_buf file;
    fc_buf_init(&file, FC_IMAGE_MAX_INPUT_BYTES);
    status = fc_file_read(path, &file, err);
    if (status != FC_OK) goto out;
    status = fc_server_describe(h, file.data, file.len, arena, caption, err);
out:
    fc_buf_fini(&file);
    return status;
}

void fc_a1111_interrogate(fc_http *h)
{
    fc_arena arena;
    const char *caption;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    fc_status status = interrogate(h, &arena, &caption, &err);
    if (status)
        fc_a1111_error(h,
                       status == FC_ARG || status == FC_FORMAT ? 422
                       : status == FC_NOT_FOUND                ? 404
                                                               : 500,
                       &err);
    else
        fc_http_json(h, 200, json_pack("{s:s}", "caption", caption));
    fc_arena_fini(&arena);
}

/* ---- progress ---- */

static json_t *preview_of(fc_http *h, const char *job)
{
    fc_buf jpeg;
    json_t *value = json_null();
    fc_buf_init(&jpeg, 8 << 20);
    fc_jobs_watch(h->server->jobs, 0);
    if (fc_jobs_preview(h->server->jobs, job, &jpeg) && jpeg.status == FC_OK)
        value = fc_base64_json("", jpeg.data, jpeg.len);
    fc_buf_fini(&jpeg);
    return value;
}

void fc_a1111_progress(fc_http *h)
{
    fc_jobs_state queue;
    fc_job_progress p = {0};
    fc_jobs_get_state(h->server->jobs, &queue);
    bool runs = *queue.running && fc_jobs_progress(h->server->jobs, queue.running, &p);
    bool with_image = runs && !fc_http_query_flag(h, "skip_current_image");
    json_t *state =
        json_pack("{s:b, s:b, s:b, s:s, s:i, s:s, s:i, s:i, s:i}", "skipped", p.skipped, "interrupted",
                  p.stopping, "stopping_generation", p.stopping, "job", runs ? queue.running : "",
                  "job_count", p.images, "job_timestamp", "0", "job_no", runs && p.image ? p.image - 1 : 0,
                  "sampling_step", p.step, "sampling_steps", p.steps);
    fc_http_json(h, 200,
                 json_pack("{s:f, s:f, s:o, s:o, s:o}", "progress", p.fraction, "eta_relative",
                           runs && p.seconds_left > 0 ? p.seconds_left : 0.0, "state", state, "current_image",
                           with_image ? preview_of(h, queue.running) : json_null(), "textinfo",
                           runs && *p.phase ? fc_json_text(p.phase) : json_null()));
}

static void on_own_job(fc_http *h, fc_status (*change)(fc_jobs *, const char *, fc_err *))
{
    char id[FC_JOB_ID_SIZE];
    fc_err err = {0};
    if (fc_owner_job(h, id)) (void)!change(h->server->jobs, id, &err); /* over meanwhile: nothing to do */
    fc_http_json(h, 200, json_object());
}

void fc_a1111_interrupt(fc_http *h)
{
    on_own_job(h, fc_jobs_finish);
}

void fc_a1111_skip(fc_http *h)
{
    on_own_job(h, fc_jobs_skip);
}
