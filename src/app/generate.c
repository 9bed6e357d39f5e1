/* fc_generate: request -> plan -> engine -> files. Everything that can be wrong with the request is found
 * before a model is loaded. */
#include "app/generate.h"

#include <stdio.h>
#include <string.h>
#include "app/common/home.h"
#include "app/guide_input.h"
#include "app/common/json_text.h"
#include "app/models/card.h"
#include "app/models/file_hash.h"
#include "app/output/record.h"
#include "app/output/save.h"
#include "app/picture_input.h"
#include "app/prompt_words.h"
#include "app/progress.h"
#include "app/queue/history.h"
#include "app/settings/config.h"
#include "app/translation.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/str.h"
#include "engine/engine.h"

enum { JOB_MEMORY = 256 << 20, MAX_RECORD = 8 << 20 };

typedef struct job {
    const fc_config *config;
    fc_engine *engine;
    fc_request *request; /* the given one, with what the model's card adds */
    const fc_hooks *hooks;
    fc_arena arena;
    fc_params params;
    fc_out out;
    fc_model_files files;
    fc_styles *styles;
    fc_wildcards *wildcards;
    fc_picture_input picture;
    fc_translation translation;
    fc_prompt_words words;
    fc_guide_input guides;
    fc_plan plan;
    fc_progress progress;
    fc_record_hashes hashes;
    int32_t saved;     /* pictures of this call */
    bool warns_notice; /* of the model's card */
} job;

static void on_warning(void *user, const char *text)
{
    fc_progress_warn(&((job *)user)->progress, text);
}

static fc_warn job_warn(job *j)
{
    return (fc_warn){on_warning, j};
}

static fc_status make_plan(job *j, fc_err *err)
{
    uint64_t random_seed;
    fc_status status = fc_random_bytes(&random_seed, sizeof random_seed, err);
    if (status != FC_OK) return status;
    const fc_plan_input input = {&j->params,
                                 j->request,
                                 j->styles,
                                 j->wildcards,
                                 &j->files,
                                 random_seed,
                                 fc_engine_lora_brings,
                                 &j->translation.translator,
                                 &j->words.added,
                                 fc_picture_input_size(&j->picture)};
    status = fc_plan_make(&input, &j->arena, &j->plan, err);
    for (int32_t i = 0; i < j->plan.count && status == FC_OK; i++) {
        j->plan.images[i].task.inputs = j->picture.inputs;
        j->plan.images[i].task.input_count = j->picture.count;
        j->plan.images[i].task.guides = &j->guides.task;
    }
    if (status != FC_OK) return status;
    status = fc_guide_input_open(&j->guides, j->config, j->request, &j->plan.params, &j->arena,
                                 &j->plan.models, err);
    if (status != FC_OK || !j->picture.count) return status;
    return fc_picture_files_find(&j->params, j->config, &j->plan.images[0].task.work, &j->arena, job_warn(j),
                                 &j->plan.models, err);
}

/* The request with the defaults of the model that it chooses. */
static fc_status complete(job *j, const fc_request *given, fc_err *err)
{
    fc_model_card card;
    j->request = fc_request_new();
    if (!j->request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = fc_request_merge(j->request, given, err);
    if (status != FC_OK) return status;
    status = fc_history_keep_local(j->config, j->request, err);
    if (status != FC_OK) return status;
    status = fc_request_resolve(j->request, &j->arena, &j->params, err);
    if (status != FC_OK) return status;
    status = fc_model_files_find(j->config, &j->params, j->request, &j->arena, &j->files, err);
    if (status != FC_OK) return status;
    status = fc_model_card_open(&card, j->files.base, err);
    if (status == FC_OK && card.root) {
        status = fc_model_card_apply(&card, j->request, err);
        if (status == FC_OK) status = fc_request_resolve(j->request, &j->arena, &j->params, err);
    }
    fc_model_card_close(&card);
    return status;
}

static fc_status prepare(job *j, const fc_request *given, fc_err *err)
{
    fc_status status = complete(j, given, err);
    if (status != FC_OK) return status;
    fc_lines wildcards;
    fc_lines_init(&wildcards, &j->arena);
    fc_config_folders(j->config, "wildcards", &wildcards);
    if (!j->hooks || !j->hooks->memory_only) status = fc_out_open(&j->out, &j->params, j->config, err);
    if (status != FC_OK) goto out;
    status = fc_styles_open_home(fc_config_home(j->config), job_warn(j), &j->styles, err);
    if (status != FC_OK) goto out;
    status = fc_wildcards_open(wildcards.items, wildcards.count, job_warn(j), &j->wildcards, err);
    if (status != FC_OK) goto out;
    status =
        fc_picture_input_open(&j->picture, fc_config_home(j->config), j->request, &j->params, &j->arena, err);
    if (status != FC_OK) goto out;
    status =
        fc_translation_init(&j->translation, j->config, j->params.translator, !j->engine,
                            j->engine ? fc_engine_cancel_flag(j->engine) : NULL, job_warn(j), &j->arena, err);
    if (status != FC_OK) goto out;
    fc_prompt_words_init(&j->words, j->config, !j->engine,
                         j->engine ? fc_engine_cancel_flag(j->engine) : NULL, job_warn(j), &j->arena);
    status = make_plan(j, err);
    if (status == FC_OK && j->warns_notice && j->files.notice) on_warning(j, j->files.notice);
out:
    for (int32_t i = 0; status == FC_OK && i < j->plan.warnings.count; i++)
        on_warning(j, j->plan.warnings.items[i]);
    return status;
}

static fc_status hash_one(job *j, const char *path, const char **hash, fc_err *err)
{
    char cache[FC_PATH_SIZE], text[FC_FILEHASH_SIZE];
    *hash = NULL;
    if (!path) return FC_OK;
    const char *home = fc_config_home(j->config);
    bool known = fc_path_join(cache, sizeof cache, home, "hash_cache.txt") == FC_OK &&
                 fc_filehash_of_fooocus(path, cache, text);
    bool fits = fc_path_join(cache, sizeof cache, home, "models/.hashes") == FC_OK;
    int *cancel = fc_engine_cancel_flag(j->engine);
    fc_status status = known ? FC_OK : fc_filehash(path, fits ? cache : NULL, cancel, text, err);
    if (status != FC_OK) return status;
    *hash = fc_arena_strdup(&j->arena, text);
    return *hash ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

/* Only embedded settings need them. */
static fc_status hash_models(job *j, fc_err *err)
{
    const fc_model_choice *models = &j->plan.models;
    if (strcmp(j->plan.params.metadata, "none") == 0) return FC_OK;
    fc_progress_phase(&j->progress, "Checking the model files");
    const char **loras = fc_arena_array(&j->arena, (size_t)models->lora_count, sizeof *loras);
    if (!loras) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = hash_one(j, models->base, &j->hashes.base, err);
    if (status != FC_OK) goto out;
    status = hash_one(j, models->refiner, &j->hashes.refiner, err);
    for (int32_t i = 0; i < models->lora_count && status == FC_OK; i++)
        status = hash_one(j, models->loras[i].path, &loras[i], err);
out:
    j->hashes.loras = loras;
    return status;
}

static void announce(job *j, const fc_plan_image *image, const fc_picture *picture, const char *path,
                     const json_t *record)
{
    fc_buf json;
    fc_buf_init(&json, MAX_RECORD);
    fc_json_write(record, JSON_SORT_KEYS, &json);
    int32_t done = image->task.steps_before + image->task.steps;
    fc_progress_emit(&j->progress, &(fc_event){.kind = FC_EVENT_IMAGE,
                                               .image = image->task.image,
                                               .images = image->task.images,
                                               .fraction = (double)done / image->task.steps_total,
                                               .seconds_left = -1,
                                               .rgb = picture->rgb,
                                               .width = picture->width,
                                               .height = picture->height,
                                               .path = path,
                                               .seed = image->task.seed,
                                               .metadata = json.status == FC_OK ? fc_buf_cstr(&json) : NULL});
    fc_buf_fini(&json);
}

static fc_status save(job *j, int32_t index, const fc_picture *picture, fc_err *err)
{
    char path[FC_PATH_SIZE];
    bool keeps = !j->hooks || !j->hooks->memory_only;
    json_t *record = fc_record_make(&j->plan, index, &j->hashes);
    if (!record) return fc_fail(err, FC_NOMEM, "out of memory for the settings of the picture");
    const fc_save s = {&j->out, &j->plan, index, record, picture, job_warn(j)};
    fc_status status = keeps ? fc_save_picture(&s, path, err) : FC_OK;
    fc_progress_finish_image(&j->progress);
    if (status == FC_OK) j->saved++;
    if (status == FC_OK) announce(j, &j->plan.images[index], picture, keeps ? path : NULL, record);
    json_decref(record);
    return status;
}

static fc_status stopped(const job *j, fc_err *err)
{
    if (j->saved == 0) return fc_fail(err, FC_CANCELLED, "stopped before a picture was finished");
    return fc_fail(err, FC_CANCELLED, "stopped; %d of %d pictures are finished and kept", j->saved,
                   j->plan.count);
}

/* A skipped image is no failure: the engine has put the caller's flag back, and the next one follows. */
static fc_status run_image(job *j, int32_t index, fc_err *err)
{
    const fc_plan_image *image = &j->plan.images[index];
    fc_hooks hooks = fc_progress_hooks(&j->progress);
    fc_picture picture = {0};
    fc_err own = {0};
    if (fc_progress_stopped(&j->progress)) return stopped(j, err);
    fc_progress_start_image(&j->progress, image->task.image, image->task.steps_before);
    fc_status status = fc_engine_run(j->engine, &image->task, &hooks, &picture, &own);
    if (status == FC_CANCELLED)
        status = fc_progress_stopped(&j->progress) ? stopped(j, err) : FC_OK;
    else if (status == FC_OK)
        status = save(j, index, &picture, err);
    else
        fc_fail(err, status, "%s", own.message);
    fc_picture_fini(&picture);
    return status;
}

/* Without a chosen model the first one counts that can be used; each that cannot is told. */
static fc_status load_models(job *j, const fc_hooks *hooks, fc_err *err)
{
    fc_err why = {0};
    fc_model_choice *models = &j->plan.models;
    const char *first = models->base;
    fc_status status = fc_engine_load(j->engine, models, hooks, &why), original = status;
    if (status != FC_OK) fc_fail(err, status, "%s", why.message);
    for (int32_t i = 0; i < j->files.other_bases.count; i++) {
        if (status != FC_FORMAT && status != FC_UNSUPPORTED) break;
        if (!fc_str_starts(why.message, models->base)) break; /* another file's fault, a LoRA's say */
        char text[sizeof why.message + 100];
        models->base = j->files.other_bases.items[i];
        if (models->refiner && strcmp(models->refiner, models->base) == 0) continue;
        snprintf(text, sizeof text, "%s; %s is tried instead", why.message, fc_path_basename(models->base));
        on_warning(j, text);
        status = fc_engine_load(j->engine, models, hooks, &why);
    }
    if (status == FC_OK || status == original) {
        if (status != FC_OK) models->base = first;
        return status;
    }
    return fc_fail(err, status, "%s", why.message);
}

static fc_status run(job *j, int32_t skip, fc_err *err)
{
    int32_t total = j->plan.images[0].task.steps_total;
    fc_progress_init(&j->progress, j->hooks, fc_engine_cancel_flag(j->engine), j->plan.count, total, fc_now);
    fc_hooks hooks = fc_progress_hooks(&j->progress);
    fc_status status = load_models(j, &hooks, err);
    if (status != FC_OK) return status;
    status = hash_models(j, err);
    for (int32_t i = skip; i < j->plan.count && status == FC_OK; i++) status = run_image(j, i, err);
    return status;
}

static void open_job(job *j, fc_engine *engine, const fc_config *config, const fc_hooks *hooks)
{
    *j = (job){.config = config, .engine = engine, .hooks = hooks};
    fc_arena_init(&j->arena, JOB_MEMORY);
    fc_progress_init(&j->progress, hooks, NULL, 0, 0, fc_now);
}

static void close_job(job *j)
{
    fc_translation_fini(&j->translation);
    fc_prompt_words_fini(&j->words);
    fc_picture_input_close(&j->picture);
    fc_guide_input_close(&j->guides);
    fc_wildcards_close(j->wildcards);
    fc_styles_close(j->styles);
    fc_request_free(j->request);
    fc_arena_fini(&j->arena);
}

static fc_status generate(fc_engine *engine, const fc_config *config, const fc_request *request, int32_t skip,
                          bool warns_notice, const fc_hooks *hooks, fc_err *err)
{
    job j;
    open_job(&j, engine, config, hooks);
    j.warns_notice = warns_notice;
    fc_status status = prepare(&j, request, err);
    if (status != FC_OK) goto out;
    status = run(&j, skip, err);
out:
    close_job(&j);
    return status;
}

fc_status fc_generate_from(fc_engine *engine, const fc_config *config, const fc_request *request,
                           int32_t skip, const fc_hooks *hooks, fc_err *err)
{
    return generate(engine, config, request, skip, false, hooks, err);
}

fc_status fc_generate_check(const fc_config *config, const fc_request *request, fc_err *err)
{
    job j;
    open_job(&j, NULL, config, NULL);
    fc_status status = prepare(&j, request, err);
    close_job(&j);
    return status;
}

fc_status fc_generate_with(fc_engine *engine, const fc_config *config, const fc_request *request,
                           const fc_hooks *hooks, fc_err *err)
{
    return generate(engine, config, request, 0, true, hooks, err);
}

/* The configuration of the home folder that the request names. */
static fc_status open_config(const fc_request *request, fc_config **config, fc_err *err)
{
    fc_arena arena;
    fc_params params;
    *config = NULL;
    fc_arena_init(&arena, JOB_MEMORY);
    fc_status status = fc_request_resolve(request, &arena, &params, err);
    if (status != FC_OK) goto out;
    status = fc_config_open(config, params.home, NULL, (fc_warn){0}, err);
out:
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_generate(fc_engine *engine, const fc_request *request, const fc_hooks *hooks, fc_err *err)
{
    fc_hooks own = {0};
    fc_config *config;
    size_t size = hooks && hooks->size ? hooks->size : sizeof own; /* 0: that of version 0.1 */
    if (!engine || !request) return fc_fail(err, FC_ARG, "fc_generate: engine and request must not be NULL");
    if (hooks) memcpy(&own, hooks, size < sizeof own ? size : sizeof own);
    __atomic_store_n(fc_engine_cancel_flag(engine), FC_RUN, __ATOMIC_RELAXED);
    fc_status status = open_config(request, &config, err);
    if (status != FC_OK) return status;
    status = fc_generate_with(engine, config, request, &own, err);
    fc_config_close(config);
    return status;
}
