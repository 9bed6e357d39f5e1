/* Flags, questions and the bar that the commands about model files share. See models_args.h. */
#include "cli/models_args.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/common/home.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/flags.h"

/* Signal handlers have no argument of their own. */
static atomic_int stop_request;

static void on_signal(int number)
{
    (void)number;
    if (atomic_exchange(&stop_request, 1)) _exit(fc_status_exit_code(FC_CANCELLED));
}

/* Set by ctrl-C. */
static const atomic_int *watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_request;
}

/* ---- flags ---- */

typedef enum option_id {
#define SMALL_OPTION(name, ...) OPTION_##name,
#include "cli/small_options.def"
#undef SMALL_OPTION
    OPTION_COUNT
} option_id;

static void set_option(models_args *a, option_id id, const char *value)
{
    switch (id) {
    case OPTION_home:
        a->home = value;
        break;
    case OPTION_preset:
        a->preset = value;
        break;
    case OPTION_all:
        a->all = true;
        break;
    case OPTION_json:
        a->json = true;
        break;
    case OPTION_yes:
        a->yes = true;
        break;
    case OPTION_quiet:
        a->quiet = true;
        break;
    case OPTION_offline:
        a->fetch.offline = true;
        break;
    case OPTION_hf_mirror:
        a->fetch.mirror = value;
        break;
    case OPTION_COUNT:
        break;
    case OPTION_help:
        a->help = true;
        break;
    }
}

fc_status models_args_parse(models_args *a, int argc, char **argv, fc_err *err)
{
    cli_option_row rows[OPTION_COUNT];
    option_id ids[OPTION_COUNT];
    cli_flags flags = {argv[0], rows, 0};
    *a = (models_args){.command = argv[0], .home = ""};
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!small_option_is_of(i, argv[0])) continue;
        rows[flags.count] = cli_small_options[i];
        ids[flags.count++] = (option_id)i;
    }
    for (int i = 1; i < argc; i++) {
        const char *value;
        int option;
        if (argv[i][0] == '-' && argv[i][1]) {
            fc_status status = cli_flags_read(&flags, NULL, argc, argv, &i, &option, &value, err);
            if (status != FC_OK) return status;
            set_option(a, ids[option], value);
        } else {
            if (a->name_count == MODELS_MAX_NAMES) return fc_fail(err, FC_LIMIT, "too many names");
            a->names[a->name_count++] = argv[i];
        }
    }
    return FC_OK;
}

/* ---- talking ---- */

static bool can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool ask(const models_args *a, const char *question, const char *choice, bool otherwise)
{
    char answer[64];
    if (a->yes) return true;
    if (!can_ask()) {
        fprintf(stderr, "%s Nobody can be asked here: --yes agrees.\n", question);
        return false;
    }
    fprintf(stderr, "%s %s ", question, choice);
    if (!fgets(answer, sizeof answer, stdin)) return false;
    const char *letter = answer + strspn(answer, " \t");
    return *letter == 'y' || *letter == 'Y' || (otherwise && (*letter == '\n' || *letter == '\r'));
}

bool models_ask(const models_args *a, const char *question)
{
    return ask(a, question, "[Y/n]", true);
}

bool models_ask_twice(const models_args *a, const char *question)
{
    return ask(a, question, "[y/N]", false);
}

static void print_warning(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "fooocus: %s\n", text);
}

fc_warn models_warn(void)
{
    return (fc_warn){.fn = print_warning};
}

void models_size(uint64_t bytes, char out[32])
{
    double b = (double)bytes;
    if (b >= 1e9)
        snprintf(out, 32, "%.2f GB", b / 1e9);
    else if (b >= 1e6)
        snprintf(out, 32, "%.1f MB", b / 1e6);
    else
        snprintf(out, 32, "%.0f kB", b / 1e3);
}

typedef struct bar {
    const char *name;
    bool terminal, shown;
    int percent;
    fc_fetch_phase phase;
} bar;

static void bar_text(const bar *b, const fc_fetch_progress *p, char *out, size_t size)
{
    char done[32], total[32] = "?", rate[32], left[32];
    models_size(p->done, done);
    if (p->total) models_size(p->total, total);
    models_size((uint64_t)p->rate, rate);
    tty_duration(p->seconds_left, left);
    switch (p->phase) {
    case FC_FETCH_WAITING:
        snprintf(out, size, "%s: another process is fetching it, waiting", b->name);
        break;
    case FC_FETCH_CHECKING:
        snprintf(out, size, "%s: checking, %s of %s%s%s%s", b->name, done, total, *left ? ", " : "", left,
                 *left ? " left" : "");
        break;
    case FC_FETCH_RETRYING:
        snprintf(out, size, "%s: %s; trying again", b->name, p->reason);
        break;
    case FC_FETCH_RECEIVING:
        snprintf(out, size, "%s: %s of %s, %s/s%s%s%s", b->name, done, total, rate, *left ? ", " : "", left,
                 *left ? " left" : "");
        break;
    }
}

/* A line drawn over itself on a terminal; elsewhere a line per ten percent and per change of phase. */
static void on_progress(void *user, const fc_fetch_progress *p)
{
    char text[400];
    bar *b = user;
    int percent = p->total ? (int)(p->done * 10 / p->total) : 0;
    bool news = !b->shown || percent != b->percent || p->phase != b->phase;
    if (!b->terminal && !news) return;
    bar_text(b, p, text, sizeof text);
    if (b->terminal)
        fprintf(stderr, "\r\033[K%.*s", tty_width() - 1, text);
    else
        fprintf(stderr, "%s\n", text);
    b->shown = true;
    b->percent = percent;
    b->phase = p->phase;
}

static fc_fetch_options with_bar(const models_args *a, bar *b)
{
    fc_fetch_options o = a->fetch;
    if (!a->quiet) {
        o.on_progress = on_progress;
        o.user = b;
    }
    o.cancel = watch_signals();
    return o;
}

static void end_bar(const bar *b)
{
    if (b->terminal && b->shown) fprintf(stderr, "\r\033[K");
}

fc_status models_fetch(const models_args *a, const fc_config *config, const fc_catalog_model *m, char *path,
                       size_t size, fc_err *err)
{
    bar b = {.name = m->name, .terminal = isatty(STDERR_FILENO)};
    fc_fetch_options o = with_bar(a, &b);
    fc_status status = fc_modelstore_get(config, m, &o, path, size, err);
    end_bar(&b);
    return status;
}

fc_status models_verify(const models_args *a, const char *path, const fc_catalog_model *m,
                        fc_verify_result *result, fc_err *err)
{
    bar b = {.name = fc_path_basename(path), .terminal = isatty(STDERR_FILENO)};
    fc_fetch_options o = with_bar(a, &b);
    fc_status status = fc_modelstore_verify(a->home, path, m, &o, result, err);
    end_bar(&b);
    return status;
}

void models_announce(const fc_catalog_model *const *models, size_t count, const char *home)
{
    uint64_t total = 0;
    char text[32];
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = fc_catalog_bytes(models[i]);
        models_size(bytes, text);
        fprintf(stderr, "  %-46s %9s  %s\n", models[i]->name, bytes ? text : "?", models[i]->licence);
        total += bytes;
    }
    models_size(total, text);
    fprintf(stderr, "%s%s, into %s/models.\n", total ? "Together " : "Their size is not known",
            total ? text : "", fc_home_dir(home));
}

fc_status models_fetch_for(const fc_request *request, const fc_config *config, models_args *a, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    char path[4096];
    fc_arena arena;
    fc_catalog catalog = {0};
    fc_params params;
    fc_arena_init(&arena, 1 << 20);
    fc_status status = fc_request_resolve(request, &arena, &params, err);
    if (status != FC_OK) goto out;
    status = fc_catalog_open(&catalog, params.home, config, models_warn(), err);
    if (status != FC_OK) goto out;
    size_t count = fc_modelstore_missing(&catalog, config, &params, models);
    a->home = params.home;
    if (count > 0 && !a->quiet) {
        fprintf(stderr, "The preset needs models that are not here:\n");
        models_announce(models, count, params.home);
    }
    if (count > 0 && !a->fetch.offline && can_ask() && !models_ask(a, "Fetch them now?"))
        status = fc_fail(err, FC_CANCELLED, "nothing was fetched");
    for (size_t i = 0; i < count && status == FC_OK; i++)
        status = models_fetch(a, config, models[i], path, sizeof path, err);
out:
    fc_catalog_close(&catalog);
    fc_arena_fini(&arena);
    return status;
}
