/* What clients of AUTOMATIC1111's web UI speak: making pictures. Lists and options are in
 * a1111_lists.c. */
#include "server/compat/a1111.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/common/json_text.h"
#include "app/output/a1111.h"
#include "app/output/metadata.h"
#include "app/queue/trash.h"
#include "app/settings/params.h"
#include "base/str.h"
#include "server/compat/compat.h"
#include "server/server_impl.h"

enum { MAX_FILE = 512 << 20, DEFAULT_STEPS = 20, MAX_PICTURES = 100 };

/* ---- reading a request ---- */

typedef struct wish {
    fc_http *h;
    const json_t *body, *override;
    json_t *out; /* our parameters */
    fc_err *err;
} wish;

/* Names of theirs that are ours with another spelling. */
static void copy_members(wish *w)
{
    static const struct {
        const char *theirs, *ours;
    } pairs[] = {{"prompt", "prompt"}, {"negative_prompt", "negative_prompt"},
                 {"cfg_scale", "cfg"}, {"width", "width"},
                 {"height", "height"}, {"steps", "steps"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const json_t *value = fc_json_member(w->body, pairs[i].theirs);
        if (value) json_object_set(w->out, pairs[i].ours, (json_t *)(uintptr_t)value);
    }
}

static json_int_t whole(wish *w, const char *name, json_int_t lowest, json_int_t highest,
                        json_int_t otherwise)
{
    const json_t *value = fc_json_member(w->body, name);
    json_int_t number = json_integer_value(value);
    if (!value) return otherwise;
    if (json_is_integer(value) && number >= lowest && number <= highest) return number;
    fc_fail(w->err, FC_ARG, "%s: want a whole number from %lld to %lld", name, (long long)lowest,
            (long long)highest);
    return otherwise;
}

static void read_numbers(wish *w)
{
    json_int_t count = whole(w, "batch_size", 1, MAX_PICTURES, 1) * whole(w, "n_iter", 1, MAX_PICTURES, 1);
    json_int_t seed = whole(w, "seed", -1, INT64_MAX, -1);
    if (count > MAX_PICTURES) fc_fail(w->err, FC_ARG, "n_iter: more than %d pictures at once", MAX_PICTURES);
    json_object_set_new(w->out, "count", json_integer(count));
    if (seed >= 0) json_object_set_new(w->out, "seed", json_integer(seed));
    if (!fc_json_member(w->body, "steps")) json_object_set_new(w->out, "steps", json_integer(DEFAULT_STEPS));
    if (!fc_json_member(w->body, "cfg_scale")) json_object_set_new(w->out, "cfg", json_integer(7));
}

static void read_sampler(wish *w)
{
    const char *from_name;
    const json_t *name = fc_json_member(w->body, "sampler_name"),
                 *scheduler = fc_json_member(w->body, "scheduler");
    if (!name) name = fc_json_member(w->body, "sampler_index");
    const char *shown = name ? json_string_value(name) : "Euler";
    const char *id = shown ? fc_a1111_sampler_id(*shown ? shown : "Euler", &from_name) : NULL;
    if (!id) {
        fc_fail(w->err, FC_NOT_FOUND, "sampler_name: there is no sampler '%.60s'", shown ? shown : "?");
        return;
    }
    const char *wanted = scheduler ? json_string_value(scheduler) : "Automatic";
    const char *scheduler_id = wanted ? fc_a1111_scheduler_id(wanted, id) : NULL;
    if (!scheduler_id) {
        fc_fail(w->err, FC_NOT_FOUND, "scheduler: there is no scheduler '%.60s'", wanted ? wanted : "?");
        return;
    }
    bool automatic = fc_str_eq_nocase(wanted, "Automatic");
    json_object_set_new(w->out, "sampler", json_string(id));
    json_object_set_new(w->out, "scheduler", json_string(automatic && from_name ? from_name : scheduler_id));
}

/* Styles that are chosen by name; none is the default here. */
static void read_styles(wish *w)
{
    const json_t *styles = fc_json_member(w->body, "styles");
    json_object_set_new(w->out, "styles", styles ? json_copy((json_t *)(uintptr_t)styles) : json_array());
}

static void set_model(wish *w, const char *field, const char *title)
{
    const char *name = fc_a1111_find_model(w->h, title);
    if (name)
        json_object_set_new(w->out, field, fc_json_text(name));
    else
        fc_fail(w->err, FC_NOT_FOUND, "%s: there is no checkpoint '%.100s'",
                strcmp(field, "model") == 0 ? "sd_model_checkpoint" : "refiner_checkpoint", title);
}

static void read_models(wish *w)
{
    fc_server *s = w->h->server;
    char model[sizeof s->chosen_model], vae[sizeof s->chosen_vae];
    pthread_mutex_lock(&s->report_lock);
    memcpy(model, s->chosen_model, sizeof model);
    memcpy(vae, s->chosen_vae, sizeof vae);
    pthread_mutex_unlock(&s->report_lock);
    const char *checkpoint = json_string_value(fc_json_member(w->override, "sd_model_checkpoint"));
    const char *own_vae = json_string_value(fc_json_member(w->override, "sd_vae"));
    const char *refiner = json_string_value(fc_json_member(w->body, "refiner_checkpoint"));
    const json_t *at = fc_json_member(w->body, "refiner_switch_at");
    if (!checkpoint && *model) checkpoint = model;
    if (checkpoint && *checkpoint) set_model(w, "model", checkpoint);
    if (!own_vae) own_vae = vae;
    if (*own_vae && !fc_str_eq_nocase(own_vae, "None") && !fc_str_eq_nocase(own_vae, "Automatic"))
        json_object_set_new(w->out, "vae", fc_json_text(own_vae));
    if (!refiner || !*refiner || fc_str_eq_nocase(refiner, "None")) return;
    set_model(w, "refiner", refiner);
    if (json_is_number(at)) json_object_set_new(w->out, "refiner_switch", json_real(json_number_value(at)));
}

/* What would change the picture and is not offered is refused rather than left out silently. */
static void refuse_unsupported(wish *w)
{
    static const char *const switches[] = {"enable_hr", "restore_faces", "tiling"};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (json_is_true(json_object_get(w->body, switches[i])))
            fc_fail(w->err, FC_UNSUPPORTED, "%s: this is not offered here", switches[i]);
    const char *script = json_string_value(fc_json_member(w->body, "script_name"));
    if (script && *script) fc_fail(w->err, FC_UNSUPPORTED, "script_name: there are no scripts here");
}

static json_t *make_parameters(fc_http *h, fc_err *err)
{
    fc_err why = {0};
    json_t *body;
    *err = (fc_err){0};
    fc_status status = fc_json_read(h->body.data, h->body.len, FC_JSON_ANY, &body, &why);
    if (!json_is_object(body)) {
        fc_fail(err, FC_ARG, "the body is no JSON object: %s",
                status == FC_OK ? "another type" : why.message);
        json_decref(body);
        return NULL;
    }
    wish w = {h, body, fc_json_member(body, "override_settings"), json_object(), err};
    copy_members(&w);
    read_numbers(&w);
    read_sampler(&w);
    read_styles(&w);
    read_models(&w);
    refuse_unsupported(&w);
    const json_t *skip = fc_json_member(w.override, "CLIP_stop_at_last_layers");
    if (json_integer_value(skip) > 2) json_object_set(w.out, "clip_skip", (json_t *)(uintptr_t)skip);
    json_decref(body);
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}

/* ---- the answer ---- */

/* The text that would stand in the picture's file. */
static json_t *info_text(fc_server *s, const fc_picture_row *row)
{
    char path[FC_PATH_SIZE];
    json_t *record;
    fc_buf text;
    fc_buf_init(&text, 4 << 20);
    if (fc_picture_path(s->outputs, row, path, sizeof path, NULL) == FC_OK &&
        fc_metadata_read_file(path, &record, NULL) == FC_OK) {
        fc_metadata_write(record, "a1111", &text);
        json_decref(record);
    } else {
        fc_buf_printf(&text, "%s\nNegative prompt: %s\nSeed: %llu, Size: %dx%d", row->prompt,
                      row->negative_prompt, (unsigned long long)row->seed, (int)row->width, (int)row->height);
    }
    json_t *value = fc_json_text(fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return value;
}

static void job_timestamp(int64_t millis, char out[20])
{
    time_t seconds = (time_t)(millis / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    strftime(out, 20, "%Y%m%d%H%M%S", &t);
}

/* The string "info": JSON inside JSON, as clients expect it. */
static json_t *info_string(fc_http *h, const fc_job_row *job, const fc_picture_row *rows, int32_t count)
{
    char when[20];
    json_t *seeds = json_array(), *texts = json_array(), *prompts = json_array(), *negatives = json_array();
    for (int32_t i = 0; i < count; i++) {
        json_array_append_new(seeds, json_integer((json_int_t)rows[i].seed));
        json_array_append_new(texts, info_text(h->server, &rows[i]));
        json_array_append_new(prompts, fc_json_text(rows[i].prompt));
        json_array_append_new(negatives, fc_json_text(rows[i].negative_prompt));
    }
    job_timestamp(job->created, when);
    json_t *info = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:o, s:i, s:i, s:o, s:i, s:o, s:s, s:i}", "prompt",
        fc_json_text(job->prompt), "all_prompts", prompts, "negative_prompt",
        fc_json_text(count ? rows[0].negative_prompt : ""), "all_negative_prompts", negatives, "seed",
        count ? (json_int_t)rows[0].seed : -1, "all_seeds", seeds, "width", count ? rows[0].width : 0,
        "height", count ? rows[0].height : 0, "sd_model_name", fc_json_text(count ? rows[0].model : ""),
        "batch_size", job->images, "infotexts", texts, "job_timestamp", when, "index_of_first_image", 0);
    fc_buf text;
    fc_buf_init(&text, 16 << 20);
    fc_json_write(info, JSON_COMPACT, &text);
    json_decref(info);
    json_t *value = json_string(fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return value;
}

static void answer_job(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    fc_picture_row *rows;
    int32_t count;
    json_t *images = json_array();
    json_t *body = json_loadb(fc_buf_cstr(&h->body), h->body.len, 0, NULL);
    bool send = !json_is_false(json_object_get(body, "send_images"));
    fc_status status = fc_job_pictures(h, job->id, &rows, &count, &err);
    for (int32_t i = 0; i < count && status == FC_OK && send; i++) {
        fc_buf file;
        fc_buf_init(&file, MAX_FILE);
        status = fc_picture_bytes(h->server, &rows[i], &file, &err);
        if (status == FC_OK) json_array_append_new(images, fc_base64_json("", file.data, file.len));
        fc_buf_fini(&file);
    }
    if (status == FC_OK && job->state == FC_JOB_FAILED)
        status = fc_fail(&err, job->error, "%s", job->error_text);
    if (status == FC_OK)
        fc_http_json(h, 200,
                     json_pack("{s:O, s:O, s:o}", "images", images, "parameters", body, "info",
                               info_string(h, job, rows, count)));
    else
        fc_a1111_error(h, 0, &err);
    json_decref(images);
    json_decref(body);
}

void fc_a1111_txt2img(fc_http *h)
{
    fc_job_row job;
    fc_err err;
    unsigned http;
    fc_run_result result = fc_run_job(h, make_parameters, &job, &http, &err);
    if (result == FC_RUN_OVER) answer_job(h, &job);
    if (result == FC_RUN_FAILED) fc_a1111_error(h, http, &err);
}

void fc_a1111_img2img(fc_http *h)
{
    fc_err err;
    fc_fail(&err, FC_UNSUPPORTED, "pictures cannot be made from pictures yet");
    fc_a1111_error(h, 501, &err);
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
    const char *skip = fc_http_query(h, "skip_current_image");
    fc_jobs_get_state(h->server->jobs, &queue);
    bool runs = *queue.running && fc_jobs_progress(h->server->jobs, queue.running, &p);
    bool with_image = runs && !(skip && strcmp(skip, "true") == 0);
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

static void on_running(fc_http *h, fc_status (*change)(fc_jobs *, const char *, fc_err *))
{
    fc_jobs_state queue;
    fc_err err;
    fc_jobs_get_state(h->server->jobs, &queue);
    if (*queue.running)
        (void)!change(h->server->jobs, queue.running, &err); /* over meanwhile: nothing to do */
    fc_http_json(h, 200, json_object());
}

void fc_a1111_interrupt(fc_http *h)
{
    on_running(h, fc_jobs_cancel);
}

void fc_a1111_skip(fc_http *h)
{
    on_running(h, fc_jobs_skip);
}
