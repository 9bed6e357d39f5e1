#include "cli/models_args.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/modelfiles.h"
#include "base/file.h"

/* Signal handlers have no argument of their own. */
static atomic_int stop_request;

static void on_signal(int number)
{
    (void)number;
    if (atomic_exchange(&stop_request, 1)) _exit(fc_status_exit_code(FC_CANCELLED));
}

const atomic_int *models_cancel(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_request;
}

/* ---- flags ---- */

static bool is_allowed(const char *allowed, const char *flag)
{
    size_t n = strlen(flag);
    for (const char *p = allowed; *p; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        if (length == n && memcmp(p, flag, n) == 0) return true;
        p += length;
    }
    return false;
}

static fc_status take_flag(models_args *a, const char *flag, const char *value, bool *took_value, fc_err *err)
{
    const struct {
        const char *flag;
        bool *on;
        const char **text;
    } flags[] = {{"all", &a->all, NULL},      {"json", &a->json, NULL},
                 {"yes", &a->yes, NULL},      {"quiet", &a->quiet, NULL},
                 {"help", &a->help, NULL},    {"offline", &a->fetch.offline, NULL},
                 {"home", NULL, &a->home},    {"hf-mirror", NULL, &a->fetch.mirror},
                 {"preset", NULL, &a->preset}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (strcmp(flags[i].flag, flag) != 0) continue;
        *took_value = flags[i].text != NULL;
        if (flags[i].on) *flags[i].on = true;
        if (!flags[i].text) return FC_OK;
        if (!value) return fc_fail(err, FC_ARG, "--%s needs a value", flag);
        *flags[i].text = value;
        return FC_OK;
    }
    return fc_fail(err, FC_INTERNAL, "the flag --%s has no meaning", flag);
}

fc_status models_args_parse(models_args *a, const char *allowed, int argc, char **argv, fc_err *err)
{
    *a = (models_args){0};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-') {
            if (a->name_count == MODELS_MAX_NAMES) return fc_fail(err, FC_LIMIT, "too many names");
            a->names[a->name_count++] = word;
            continue;
        }
        const char *flag = strcmp(word, "-y") == 0   ? "yes"
                           : strcmp(word, "-h") == 0 ? "help"
                           : strcmp(word, "-q") == 0 ? "quiet"
                                                     : word + 1 + (word[1] == '-');
        bool known = strcmp(flag, "help") == 0 || is_allowed(allowed, flag), took = false;
        if (!known) return fc_fail(err, FC_ARG, "there is no flag %.60s here, see --help", word);
        fc_status status = take_flag(a, flag, i + 1 < argc ? argv[i + 1] : NULL, &took, err);
        if (status != FC_OK) return status;
        i += took;
    }
    return FC_OK;
}

/* ---- talking ---- */

bool models_ask(const models_args *a, const char *question)
{
    char answer[16];
    if (a->yes) return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        fprintf(stderr, "%s Nobody can be asked here: --yes agrees.\n", question);
        return false;
    }
    fprintf(stderr, "%s [Y/n] ", question);
    if (!fgets(answer, sizeof answer, stdin)) return false;
    return answer[0] == '\n' || answer[0] == 'y' || answer[0] == 'Y';
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
        snprintf(out, size, "%s: checking", b->name);
        break;
    case FC_FETCH_RETRYING:
        snprintf(out, size, "%s: %s; trying again", b->name, p->reason);
        break;
    case FC_FETCH_RECEIVING:
        snprintf(out, size, "%s: %s of %s, %s/s%s%s", b->name, done, total, rate, *left ? ", " : "", left);
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

fc_status models_fetch(const models_args *a, const fc_catalog_model *m, char *path, size_t size, fc_err *err)
{
    bar b = {.name = m->name, .terminal = isatty(STDERR_FILENO)};
    fc_fetch_options o = a->fetch;
    if (!a->quiet) {
        o.on_progress = on_progress;
        o.user = &b;
    }
    o.cancel = models_cancel();
    fc_status status = fc_modelstore_get(a->home, m, &o, path, size, err);
    if (b.terminal && b.shown) fprintf(stderr, "\r\033[K");
    return status;
}

fc_status models_fetch_for(const fc_request *request, const fc_config *config, bool quiet, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    fc_arena arena;
    fc_catalog catalog = {0};
    fc_params params;
    fc_arena_init(&arena, 1 << 20);
    fc_status status = fc_request_resolve(request, &arena, &params, err);
    if (status == FC_OK) status = fc_catalog_open(&catalog, params.home, config, models_warn(), err);
    size_t count = status == FC_OK ? fc_modelstore_missing(&catalog, &params, models) : 0;
    for (size_t i = 0; i < count && status == FC_OK; i++) {
        const models_args a = {.home = params.home, .quiet = quiet};
        char size[32], path[4096];
        models_size(fc_catalog_bytes(models[i]), size);
        if (!quiet) fprintf(stderr, "fetching %s (%s, %s)\n", models[i]->name, size, models[i]->licence);
        status = models_fetch(&a, models[i], path, sizeof path, err);
    }
    fc_catalog_close(&catalog);
    fc_arena_fini(&arena);
    return status;
}
