/* fooocus generate: arguments -> fc_generate, events -> terminal, file names or JSON lines. */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/common/home.h"
#include "app/common/json_text.h"
#include "app/generate.h"
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "app/settings/config.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"
#include "cli/tty.h"
#include "engine/engine.h"

/* Signal handlers have no argument of their own; this is the one job of the process. */
static int stop_request = FC_RUN;

static void on_signal(int number)
{
    static const char text[] = "\nStopping. Finished pictures are kept; once more ends at once.\n";
    (void)number;
    if (__atomic_exchange_n(&stop_request, FC_STOP, __ATOMIC_RELAXED) == FC_STOP)
        _exit(fc_status_exit_code(FC_CANCELLED));
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away does not end the pictures */
}

typedef struct screen {
    tty tty;
    bool json;
    bool broken_model; /* a file in a folder of models was the reason of the failure */
} screen;

/* ---- JSON lines ---- */

static void print_json(json_t *line)
{
    fc_buf text;
    fc_buf_init(&text, 16 << 20);
    fc_json_write(line, JSON_COMPACT, &text);
    if (text.status == FC_OK) puts(fc_buf_cstr(&text));
    fflush(stdout);
    fc_buf_fini(&text);
    json_decref(line);
}

static void json_event(const fc_event *e)
{
    char seed[24];
    json_t *left = e->seconds_left >= 0 ? json_real(e->seconds_left) : json_null();
    switch (e->kind) {
    case FC_EVENT_PHASE:
        print_json(json_pack("{s:s, s:s}", "event", "phase", "text", e->text));
        break;
    case FC_EVENT_WARNING:
        print_json(json_pack("{s:s, s:s}", "event", "warning", "text", e->text));
        break;
    case FC_EVENT_STEP:
        print_json(json_pack("{s:s, s:i, s:i, s:i, s:i, s:f, s:O}", "event", "step", "image", e->image,
                             "images", e->images, "step", e->step, "steps", e->steps, "fraction", e->fraction,
                             "seconds_left", left));
        break;
    case FC_EVENT_IMAGE:
        snprintf(seed, sizeof seed, "%" PRIu64, e->seed);
        print_json(json_pack("{s:s, s:i, s:i, s:s?, s:i, s:i, s:s, s:o?}", "event", "image", "image",
                             e->image, "images", e->images, "path", e->path, "width", e->width, "height",
                             e->height, "seed", seed, "settings",
                             e->metadata ? json_loads(e->metadata, 0, NULL) : NULL));
        break;
    case FC_EVENT_PREVIEW:
        break;
    }
    json_decref(left);
}

static void json_error(const fc_err *err)
{
    print_json(json_pack("{s:s, s:s, s:i, s:s}", "event", "error", "status", fc_status_name(err->status),
                         "exit_code", fc_status_exit_code(err->status), "message", err->message));
}

/* ---- for people ---- */

static void person_event(screen *s, const fc_event *e)
{
    switch (e->kind) {
    case FC_EVENT_PHASE:
        tty_phase(&s->tty, e->text);
        break;
    case FC_EVENT_STEP:
        tty_step(&s->tty, e);
        break;
    case FC_EVENT_WARNING:
        tty_warning(&s->tty, e->text);
        break;
    case FC_EVENT_IMAGE:
        tty_clear(&s->tty);
        if (e->path) puts(e->path);
        fflush(stdout);
        break;
    case FC_EVENT_PREVIEW:
        break;
    }
}

static void on_event(void *user, const fc_event *e)
{
    screen *s = user;
    if (s->json)
        json_event(e);
    else
        person_event(s, e);
}

static void on_warning(void *user, const char *text)
{
    on_event(user, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

/* ---- the command ---- */

/* Settings without a prompt would give a random picture. */
static fc_status check_prompt(const fc_request *from_picture, const fc_request *given, fc_err *err)
{
    fc_params params;
    fc_arena arena;
    if (fc_request_is_set(given, FC_P_prompt)) return FC_OK;
    fc_arena_init(&arena, 1 << 20);
    fc_status status = fc_request_resolve(from_picture, &arena, &params, err);
    if (status != FC_OK) goto out;
    if (!*params.prompt)
        status = fc_fail(err, FC_ARG, "the settings in the picture have no prompt: write one beside --from");
out:
    fc_arena_fini(&arena);
    return status;
}

/* --from: the picture's settings first, then the flags over them. */
static fc_status merge_picture(cli_args *args, screen *s, fc_err *err)
{
    json_t *record = NULL;
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = fc_metadata_read_file(args->from, &record, err);
    if (status != FC_OK) goto out;
    status = fc_record_apply(record, request, (fc_warn){on_warning, s}, err);
    if (status != FC_OK) goto out;
    status = check_prompt(request, args->request, err);
    if (status != FC_OK) goto out;
    status = fc_request_merge(request, args->request, err);
    if (status == FC_OK) {
        fc_request_free(args->request);
        args->request = request;
        request = NULL;
    }
out:
    fc_request_free(request);
    json_decref(record);
    return status;
}

/* The configuration of the home folder, without a preset. */
static fc_status open_config(const cli_args *args, screen *s, fc_config **config, fc_err *err)
{
    fc_params params;
    fc_arena arena;
    *config = NULL;
    fc_arena_init(&arena, 1 << 20);
    fc_status status = fc_request_resolve(args->request, &arena, &params, err);
    if (status != FC_OK) goto out;
    status =
        fc_config_open(config, params.home, NULL, args->from ? (fc_warn){0} : (fc_warn){on_warning, s}, err);
out:
    fc_arena_fini(&arena);
    return status;
}

/* config.txt, the preset and the environment fill what no flag sets. */
static fc_status apply_config(cli_args *args, const fc_config *config, screen *s, fc_err *err)
{
    const fc_warn warn = {on_warning, s};
    fc_config *with_preset;
    models_args fetching = {.yes = args->yes,
                            .quiet = args->quiet || args->json,
                            .fetch = {.offline = args->offline, .mirror = args->mirror}};
    fc_status status = fc_config_with_preset(&with_preset, config, args->preset, warn, err);
    if (status != FC_OK) return status;
    status = fc_config_apply(with_preset, args->request, warn, err);
    if (status != FC_OK) goto out;
    if (args->preset) status = models_fetch_for(args->request, with_preset, &fetching, err);
out:
    fc_config_close(with_preset);
    return status;
}

/* FC_PROFILE=1: where the time went. */
static void print_profile(const fc_engine *engine)
{
    const fc_profile *profile = fc_engine_profile(engine);
    fc_buf text;
    if (!profile) return;
    fc_buf_init(&text, 1 << 20);
    fc_profile_print(profile, &text);
    fputs(fc_buf_cstr(&text), stderr);
    fc_buf_fini(&text);
}

/* What the flags, a picture's settings and the configuration say together. */
static fc_status complete(cli_args *args, const fc_config *config, screen *s, fc_err *err)
{
    if (args->from) return merge_picture(args, s, err);
    fc_status status = apply_config(args, config, s, err);
    if (status == FC_OK && !fc_request_is_set(args->request, FC_P_prompt))
        return fc_fail(err, FC_ARG, "there is no prompt, write fooocus generate \"a fox in the snow\"");
    return status;
}

static fc_status generate(cli_args *args, screen *s, fc_err *err)
{
    fc_engine *engine = NULL;
    fc_config *config;
    const fc_hooks hooks = {.user = s, .on_event = on_event};
    if (args->from && args->preset)
        return fc_fail(err, FC_ARG, "--from takes all settings from the picture: leave --preset out");
    fc_status status = open_config(args, s, &config, err);
    if (status != FC_OK) return status;
    status = complete(args, config, s, err);
    if (status != FC_OK) goto out;
    status = fc_engine_open(&args->engine, &engine, err);
    if (status != FC_OK) goto out;
    fc_engine_lend_cancel_flag(engine, &stop_request);
    catch_signals();
    status = fc_generate_with(engine, config, args->request, &hooks, err);
    print_profile(engine);
    if (status != FC_OK) goto out;
    if (fflush(stdout) != 0 || ferror(stdout))
        status = fc_fail(err, FC_IO, "the pictures are saved, but standard output does not take their names");
out:
    s->broken_model = status == FC_FORMAT && err && models_blamed(config, err->message);
    fc_engine_close(engine);
    fc_config_close(config);
    return status;
}

static void print_help(bool all)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    cli_help_generate(all, tty_width(), &text);
    fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
}

int cli_generate(int argc, char **argv)
{
    cli_args args;
    fc_err err = {0};
    screen s = {0};
    int code = 0;
    fc_status status = cli_args_parse(&args, argc, argv, &err);
    s.json = args.json;
    tty_init(&s.tty, args.quiet);
    if (args.help != CLI_HELP_NO) {
        print_help(args.help == CLI_HELP_ALL);
        status = FC_OK;
    } else if (status == FC_OK) {
        status = generate(&args, &s, &err);
    }
    if (status != FC_OK) {
        tty_clear(&s.tty);
        if (s.json) json_error(&err);
        code = cli_fail(&err);
        if (s.broken_model && !s.json)
            fputs("A broken model file is named and fetched again by: fooocus models verify\n", stderr);
    }
    cli_args_fini(&args);
    return code;
}
