/* fooocus doctor: what a model file is and what is wrong with it; without a file, what this machine has. */
#include <stdio.h>
#include <string.h>
#include "app/modelfiles.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "model/detect.h"

enum { JOB_MEMORY = 64 << 20, MAX_REPORT = 64 << 20 };

static const char *const kinds[] = {"checkpoints", "loras", "vae", "vae_approx", "embeddings"};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

typedef struct doctor_args {
    const char *home;
    const char *const *files;
    int count;
    bool help;
} doctor_args;

static const char usage[] =
    "usage: fooocus doctor [--home DIR] [FILE ...]\n\n"
    "Says what model files are: their kind and parts, what is missing in them and what nothing uses.\n"
    "FILE is a path, or the name of a file in the model folders.\n"
    "Without FILE: what this machine computes with, and which models are there.\n";

static fc_status parse(doctor_args *args, int argc, char **argv, fc_err *err)
{
    int at = 1;
    *args = (doctor_args){.home = ""};
    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            args->help = true;
        else if (fc_str_starts(word, "--home="))
            args->home = word + strlen("--home=");
        else if (strcmp(word, "--home") == 0 && at + 1 < argc)
            args->home = argv[++at];
        else if (strcmp(word, "--home") == 0)
            return fc_fail(err, FC_ARG, "--home needs a value behind it");
        else
            return fc_fail(err, FC_ARG, "there is no flag %.60s, see fooocus doctor --help", word);
    }
    args->files = (const char *const *)argv + at;
    args->count = argc - at;
    return FC_OK;
}

/* A path, or a name in any of the model folders; the first folder's error when it is in none. */
static fc_status find_file(const char *home, const char *name, fc_arena *arena, const char **path,
                           fc_err *err)
{
    fc_status first = FC_OK;
    *path = name;
    if (fc_path_exists(name)) return FC_OK;
    for (int i = 0; i < KIND_COUNT; i++) {
        fc_model_folder folder;
        fc_err own = {0};
        fc_status status = fc_model_folder_open(home, kinds[i], arena, &folder, &own);
        if (status == FC_OK) status = fc_model_folder_find(&folder, "doctor", name, path, &own);
        if (status == FC_OK) return FC_OK;
        if (first == FC_OK) first = fc_fail(err, status, "%s", own.message);
    }
    return fc_path_basename(name) == name ? first : fc_fail(err, FC_NOT_FOUND, "there is no file %s", name);
}

static fc_status report_file(const char *home, const char *name, fc_err *err)
{
    fc_arena arena;
    fc_buf text;
    const char *path;
    fc_arena_init(&arena, JOB_MEMORY);
    fc_buf_init(&text, MAX_REPORT);
    fc_status status = find_file(home, name, &arena, &path, err);
    if (status == FC_OK) status = fc_model_report(path, &text, err);
    if (status == FC_OK) fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
    fc_arena_fini(&arena);
    return status;
}

static fc_status report_models(const char *home, fc_err *err)
{
    fc_status status = FC_OK;
    for (int i = 0; i < KIND_COUNT && status == FC_OK; i++) {
        fc_model_folder folder;
        fc_arena arena;
        fc_arena_init(&arena, JOB_MEMORY);
        status = fc_model_folder_open(home, kinds[i], &arena, &folder, err);
        if (status == FC_OK) {
            printf("%s: %zu file%s\n", folder.dir, folder.names.count, folder.names.count == 1 ? "" : "s");
            for (size_t k = 0; k < folder.names.count; k++) printf("  %s\n", folder.names.items[k]);
        }
        fc_arena_fini(&arena);
    }
    return status;
}

static fc_status report_machine(const char *home, fc_err *err)
{
    fc_engine *engine;
    fc_engine_report report;
    fc_status status = fc_engine_open(NULL, &engine, err);
    if (status != FC_OK) return status;
    fc_engine_describe(engine, &report);
    printf("fooocus %s\ncomputes with: %s, %s\n", fc_version(), report.device, report.precision);
    fc_engine_close(engine);
    return report_models(home, err);
}

int cli_doctor(int argc, char **argv)
{
    doctor_args args;
    fc_err err = {0};
    int code = 0;
    if (parse(&args, argc, argv, &err) != FC_OK) return cli_fail(&err);
    if (args.help) {
        fputs(usage, stdout);
        return 0;
    }
    const char *home = fc_home_dir(args.home);
    if (args.count == 0 && report_machine(home, &err) != FC_OK) code = cli_fail(&err);
    for (int i = 0; i < args.count; i++) {
        if (i) putchar('\n');
        if (report_file(home, args.files[i], &err) != FC_OK) code = cli_fail(&err);
    }
    return code;
}
