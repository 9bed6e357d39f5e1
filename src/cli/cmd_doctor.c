/* fooocus doctor: what a model file is and what is wrong with it; without a file, what this machine has and
 * what to expect of it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/common/home.h"
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/settings/config.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"
#include "engine/engine.h"
#include "engine/speed.h"
#include "model/detect.h"

enum { JOB_MEMORY = 64 << 20, MAX_REPORT = 64 << 20, USUAL_STEPS = 30 };

static const char *const kinds[] = {"checkpoints", "loras",      "vae",
                                    "vae_approx",  "embeddings", "upscale_models"};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* Prepared weights of SDXL base, refiner and VAE, and the pictures in work: measured at 1024 x 1024 in bf16
 */
#define COMFORTABLE_MEMORY ((uint64_t)16000000000)
/* What the program needs with --memory low. */
#define LEAST_MEMORY ((uint64_t)4000000000)

/* ---- files ---- */

/* A path, or a name in any of the model folders; the first folder's error when it is in none. */
static fc_status find_file(const fc_config *config, const char *name, fc_arena *arena, const char **path,
                           fc_err *err)
{
    fc_status first = FC_OK;
    *path = name;
    if (fc_path_exists(name)) return FC_OK;
    for (int i = 0; i < KIND_COUNT; i++) {
        fc_model_folder folder;
        fc_err own = {0};
        fc_status status = fc_model_folder_open(config, kinds[i], arena, &folder, &own);
        if (status == FC_OK) status = fc_model_folder_find(&folder, "doctor", name, path, &own);
        if (status == FC_OK) return FC_OK;
        if (first == FC_OK) first = fc_fail(err, status, "%s", own.message);
    }
    return fc_path_basename(name) == name ? first : fc_fail(err, FC_NOT_FOUND, "there is no file %s", name);
}

static fc_status report_file(const fc_config *config, const char *name, fc_err *err)
{
    fc_arena arena;
    fc_buf text;
    const char *path;
    fc_arena_init(&arena, JOB_MEMORY);
    fc_buf_init(&text, MAX_REPORT);
    fc_status status = find_file(config, name, &arena, &path, err);
    if (status != FC_OK) goto out;
    status = fc_model_report(path, &text, err);
    if (status == FC_OK) fputs(fc_buf_cstr(&text), stdout);
out:
    fc_buf_fini(&text);
    fc_arena_fini(&arena);
    return status;
}

/* ---- the machine ---- */

typedef struct report {
    json_t *json; /* everything, under names */
    bool print;
    bool problem;
} report;

static void say(const report *r, const char *title, const char *text)
{
    if (r->print) printf("%-12s %s\n", title, text);
}

/* Tells of a model file that cannot be used, in time and not in the middle of the night. */
static void check_file(report *r, const char *path, json_t *files)
{
    fc_err why = {0};
    bool good = fc_path_is_dir(path) || fc_fetch_check_kind(path, path, &why) == FC_OK;
    json_array_append_new(
        files, json_pack("{s:s, s:b, s:s}", "path", path, "good", good, "problem", good ? "" : why.message));
    if (good) return;
    r->problem = true;
    if (r->print) printf("%-12s %s\n", "", why.message);
}

static fc_status report_models(report *r, const fc_config *config, fc_err *err)
{
    fc_status status = FC_OK;
    char text[4400];
    json_t *all = json_object();
    for (int i = 0; i < KIND_COUNT && status == FC_OK; i++) {
        fc_model_folder folder;
        fc_arena arena;
        fc_arena_init(&arena, JOB_MEMORY);
        status = fc_model_folder_open(config, kinds[i], &arena, &folder, err);
        if (status == FC_OK) {
            json_t *files = json_array();
            snprintf(text, sizeof text, "%s: %zu file%s", folder.dir, folder.own, folder.own == 1 ? "" : "s");
            say(r, i ? "" : "models", text);
            for (size_t k = 0; k < folder.own; k++) check_file(r, folder.paths.items[k], files);
            for (size_t k = folder.box; k < folder.names.count; k++) {
                snprintf(text, sizeof text, "%s comes with the program", folder.names.items[k]);
                say(r, "", text);
                check_file(r, folder.paths.items[k], files);
            }
            json_object_set_new(all, kinds[i], files);
            if (i == 0 && folder.own == 0)
                say(r, "",
                    folder.demo ? "The demo model stands in: fetch real ones with fooocus setup"
                                : "There is no checkpoint: fetch the usual ones with fooocus setup");
        }
        fc_arena_fini(&arena);
    }
    json_object_set_new(r->json, "models", all);
    return status;
}

static void report_memory(report *r)
{
    fc_machine_memory m;
    char total[32], available[32], text[200];
    fc_machine_memory_read(&m);
    models_size(m.total, total);
    models_size(m.available, available);
    const char *verdict = m.available == 0                    ? ""
                          : m.available >= COMFORTABLE_MEMORY ? ": enough for SDXL"
                          : m.available >= LEAST_MEMORY
                              ? ": weights are prepared when they are needed, which is slower"
                              : ": too little for SDXL; close other programs";
    snprintf(text, sizeof text, "%s, %s free%s", total, available, verdict);
    say(r, "memory", m.total ? text : "not known");
    json_object_set_new(
        r->json, "memory",
        json_pack("{s:I, s:I}", "total", (json_int_t)m.total, "available", (json_int_t)m.available));
}

static fc_status report_disk(report *r, const fc_config *config, fc_err *err)
{
    char size[32], text[4400];
    fc_arena arena;
    fc_model_folder folder;
    fc_arena_init(&arena, JOB_MEMORY);
    fc_status status = fc_model_folder_open(config, "checkpoints", &arena, &folder, err);
    if (status == FC_OK) {
        uint64_t room = fc_machine_disk_free(folder.dir);
        models_size(room, size);
        snprintf(text, sizeof text, "%s free for models in %s", size, folder.dir);
        say(r, "disk", text);
        json_object_set_new(r->json, "disk_free", json_integer((json_int_t)room));
    }
    fc_arena_fini(&arena);
    return status;
}

static bool is_busy(void)
{
    double load;
    return getloadavg(&load, 1) == 1 && load > 1;
}

static fc_status report_engine(report *r, fc_err *err)
{
    fc_engine *engine;
    fc_engine_report about;
    fc_speed speed = {0};
    char text[300], step[32], picture[32];
    fc_status status = fc_engine_open(NULL, &engine, err);
    if (status != FC_OK) return status;
    fc_engine_describe(engine, &about);
    snprintf(text, sizeof text, "%s", about.device);
    say(r, "computes on", text);
    if (about.passed_over[0]) say(r, "", about.passed_over);
    if (about.note[0]) say(r, "", about.note);
    snprintf(text, sizeof text, "%s arithmetic", about.precision);
    say(r, "computes in", text);
    status = fc_engine_measure(engine, &speed, err);
    fc_engine_close(engine);
    if (status != FC_OK) return status;
    tty_duration(speed.step_seconds, step);
    tty_duration(speed.step_seconds * USUAL_STEPS, picture);
    snprintf(text, sizeof text,
             "about %s a step, %s for a picture of %d steps with SDXL at 1024x1024 (%.0f GFLOP/s)", step,
             picture, USUAL_STEPS, speed.linear / 1e9);
    say(r, "speed", text);
    if (is_busy()) say(r, "", "Other programs are busy on this machine: without them it is faster");
    json_object_set_new(r->json, "engine",
                        json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f}", "device", about.device,
                                  "passed_over", about.passed_over, "precision", about.precision,
                                  "linear_flops", speed.linear, "conv_flops", speed.conv, "attention_flops",
                                  speed.attention, "step_seconds", speed.step_seconds));
    return FC_OK;
}

static void print_json(const json_t *json)
{
    fc_buf text;
    fc_buf_init(&text, MAX_REPORT);
    fc_json_write(json, JSON_INDENT(2), &text);
    puts(fc_buf_cstr(&text));
    fc_buf_fini(&text);
}

/* Settings are read once more, so that what is wrong in config.txt is told here, too. */
static void report_settings(report *r, const fc_config *config)
{
    const char *file = fc_config_file(config);
    char text[4400];
    snprintf(text, sizeof text, "%s%s", file,
             fc_path_exists(file) ? "" : " (does not exist, none is needed)");
    say(r, "settings", text);
    json_object_set_new(r->json, "config", json_string(file));
}

static fc_status report_machine(const models_args *a, const fc_config *config, fc_err *err)
{
    report r = {.json = json_object(), .print = !a->json};
    say(&r, "fooocus", fc_version());
    json_object_set_new(r.json, "version", json_string(fc_version()));
    report_settings(&r, config);
    report_memory(&r);
    fc_status status = report_disk(&r, config, err);
    if (status != FC_OK) goto out;
    status = report_models(&r, config, err);
    if (status != FC_OK) goto out;
    fflush(stdout);
    status = report_engine(&r, err);
    if (status != FC_OK) goto out;
    if (a->json) print_json(r.json);
    if (r.problem)
        status = fc_fail(err, FC_FORMAT,
                         "some model files cannot be used; fooocus models verify mends what it can");
out:
    fflush(stdout);
    json_decref(r.json);
    return status;
}

int cli_doctor(int argc, char **argv)
{
    models_args a;
    fc_err err = {0};
    int code = 0;
    if (models_args_parse(&a, argc, argv, &err) != FC_OK) return cli_fail(&err);
    if (a.help) return cli_print_help("doctor");
    fc_config *config;
    if (a.name_count && a.json) {
        fc_fail(&err, FC_ARG, "--json is for the report about the machine, without FILE");
        return cli_fail(&err);
    }
    if (fc_config_open(&config, a.home, NULL, models_warn(), &err) != FC_OK) return cli_fail(&err);
    if (a.name_count == 0 && report_machine(&a, config, &err) != FC_OK) code = cli_fail(&err);
    for (int i = 0; i < a.name_count; i++) {
        if (i) putchar('\n');
        if (report_file(config, a.names[i], &err) != FC_OK) code = cli_fail(&err);
    }
    fc_config_close(config);
    return code;
}
