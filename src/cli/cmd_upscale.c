/* fooocus upscale: enlarges picture files, one after the other, without drawing over them. A file whose
 * result is there already is left out, so that the same command goes on where it was stopped. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/common/home.h"
#include "app/picture_input.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/str.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/tty.h"
#include "engine/engine.h"
#include "format/image.h"

enum { PATH_SIZE = 4096, MAX_RESULT = 1 << 30 };

static int stop_request = FC_RUN;

static void on_signal(int number)
{
    (void)number;
    if (__atomic_exchange_n(&stop_request, FC_STOP, __ATOMIC_RELAXED) == FC_STOP)
        _exit(fc_status_exit_code(FC_CANCELLED));
}

typedef struct upscale {
    double factor;
    const char *folder; /* for the results; NULL: beside the pictures */
    const char *file;   /* the one result's name; NULL: named after the picture */
    fc_request *request;
    fc_engine_config config;
    char **files;
    int count;
    bool quiet, help;
    tty tty;
    fc_engine *engine;
    int done, there, broken;
} upscale;

/* ---- arguments ---- */

static fc_status set_flag(upscale *u, const char *name, const char *value, fc_err *err)
{
    bool known = false;
    if (strcmp(name, "factor") == 0) {
        if (fc_parse_f64(value, &u->factor) && u->factor > 0 && u->factor <= 8) return FC_OK;
        return fc_fail(err, FC_ARG, "--factor: '%.40s' is no factor, give one up to 8", value);
    }
    if (strcmp(name, "output") == 0) {
        *(fc_str_ends_nocase(value, ".png") ? &u->file : &u->folder) = value;
        return FC_OK;
    }
    if (strcmp(name, "upscaler") == 0 || strcmp(name, "home") == 0)
        return fc_request_set(u->request, name, value, err);
    fc_status status = cli_engine_option(&u->config, name, strlen(name), value, &known, err);
    if (status || known) return status;
    return fc_fail(err, FC_ARG, "there is no flag --%.60s, see fooocus upscale --help", name);
}

static fc_status parse(upscale *u, int argc, char **argv, fc_err *err)
{
    u->files = argv; /* names move to the front */
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strncmp(word, "--", 2) != 0) {
            u->files[u->count++] = argv[i];
        } else if (strcmp(word, "--help") == 0) {
            u->help = true;
        } else if (strcmp(word, "--quiet") == 0) {
            u->quiet = true;
        } else {
            if (i + 1 >= argc) return fc_fail(err, FC_ARG, "%.60s needs a value", word);
            fc_status status = set_flag(u, word + 2, argv[++i], err);
            if (status) return status;
        }
    }
    if (u->file && u->count > 1)
        return fc_fail(err, FC_ARG, "--output %.200s is one picture, and %d go in: name a folder", u->file,
                       u->count);
    if (u->count || u->help) return FC_OK;
    return fc_fail(err, FC_ARG, "there is no picture, write fooocus upscale photo.jpg --factor 2");
}

/* ---- one picture ---- */

static void on_event(void *user, const fc_event *e)
{
    upscale *u = user;
    if (e->kind == FC_EVENT_STEP) tty_step(&u->tty, e);
    if (e->kind == FC_EVENT_WARNING) tty_warning(&u->tty, e->text);
}

static void on_warning(void *user, const char *text)
{
    tty_warning(&((upscale *)user)->tty, text);
}

/* "FOLDER/photo_2x.png", or what was named */
static fc_status result_path(const upscale *u, const char *file, char path[PATH_SIZE], fc_err *err)
{
    size_t stem_size, folder_size = (size_t)(fc_path_basename(file) - file);
    const char *stem = fc_path_stem(file, &stem_size);
    char name[PATH_SIZE];
    if (u->file && snprintf(path, PATH_SIZE, "%s", u->file) < PATH_SIZE) return FC_OK;
    int n = snprintf(name, sizeof name, "%.*s_%gx.png", (int)stem_size, stem, u->factor);
    if (n > 0 && n < PATH_SIZE && !u->folder) {
        n = snprintf(path, PATH_SIZE, "%.*s%s", (int)folder_size, file, name);
        if (n > 0 && n < PATH_SIZE) return FC_OK;
    }
    if (u->folder && n > 0 && n < PATH_SIZE && fc_path_join(path, PATH_SIZE, u->folder, name) == FC_OK)
        return FC_OK;
    return fc_fail(err, FC_LIMIT, "%.200s: the name is too long", file);
}

static fc_status read_picture(const char *file, fc_pixels *rgb, fc_sha256 *hash, fc_err *err)
{
    fc_buf bytes;
    fc_buf_init(&bytes, FC_IMAGE_MAX_INPUT_BYTES);
    fc_status status = fc_file_read(file, &bytes, err);
    if (status) goto out;
    status = fc_sha256_bytes(bytes.data, bytes.len, hash, err);
    if (status) goto out;
    status = fc_picture_decode(rgb, bytes.data, bytes.len, err);
out:
    fc_buf_fini(&bytes);
    return status;
}

static fc_status write_picture(const char *path, const fc_picture *p, const fc_sha256 *hash, fc_err *err)
{
    const fc_image image = {p->rgb, p->width, p->height};
    const fc_image_text text = {"fooocus.input", hash->hex};
    const fc_image_notes notes = {.texts = &text, .text_count = 1};
    fc_buf out;
    fc_buf_init(&out, MAX_RESULT);
    fc_status status = fc_image_encode(&out, &image, FC_PNG, &notes, err);
    if (status != FC_OK) goto out;
    status = fc_file_write_atomic(path, out.data, out.len, err);
out:
    fc_buf_fini(&out);
    return status;
}

static fc_status enlarge(upscale *u, const char *file, const char *path, int number, fc_err *err)
{
    const fc_hooks hooks = {.user = u, .on_event = on_event};
    fc_pixels rgb = {0};
    fc_picture picture = {0};
    fc_sha256 hash;
    fc_status status = read_picture(file, &rgb, &hash, err);
    const fc_task_input input = {FC_INPUT_PICTURE, rgb.data, rgb.w, rgb.h};
    const fc_task task = {.work = {.kind = FC_WORK_ENLARGE, .factor = u->factor},
                          .inputs = &input,
                          .input_count = 1,
                          .image = number,
                          .images = u->count};
    if (status != FC_OK) goto out;
    status = fc_engine_run(u->engine, &task, &hooks, &picture, err);
    if (status != FC_OK) goto out;
    status = write_picture(path, &picture, &hash, err);
out:
    fc_picture_fini(&picture);
    fc_pixels_fini(&rgb);
    return status;
}

/* One that is broken does not hold up the others. */
static fc_status run_file(upscale *u, int index, fc_err *err)
{
    char path[PATH_SIZE], text[2 * sizeof err->message];
    const char *file = u->files[index];
    fc_err why = {0};
    fc_status status = result_path(u, file, path, err);
    if (status) return status;
    if (fc_path_exists(path)) {
        u->there++;
        return FC_OK;
    }
    status = enlarge(u, file, path, index + 1, &why);
    tty_clear(&u->tty);
    if (!status) {
        u->done++;
        puts(path);
        fflush(stdout);
        return FC_OK;
    }
    if (status == FC_CANCELLED || status == FC_NOMEM)
        return fc_fail(err, status, "%s; the same command goes on from here", why.message);
    snprintf(text, sizeof text, "%.300s: %s", file, why.message);
    tty_warning(&u->tty, text);
    u->broken++;
    return FC_OK;
}

/* ---- the command ---- */

static fc_status open_engine(upscale *u, fc_arena *arena, fc_err *err)
{
    fc_params params;
    fc_model_choice models = {0};
    fc_config *config = NULL;
    const fc_image_work work = {.kind = FC_WORK_ENLARGE, .factor = u->factor};
    fc_status status = fc_request_resolve(u->request, arena, &params, err);
    if (status != FC_OK) goto out;
    status = fc_config_open(&config, params.home, NULL, (fc_warn){0}, err);
    if (status != FC_OK) goto out;
    status = fc_picture_files_find(&params, config, &work, arena, (fc_warn){on_warning, u}, &models, err);
    if (status != FC_OK) goto out;
    if (u->folder) status = fc_mkdir_all(u->folder, err);
    if (status != FC_OK) goto out;
    status = fc_engine_open(&u->config, &u->engine, err);
    if (status == FC_OK) fc_engine_lend_cancel_flag(u->engine, &stop_request);
out:
    fc_config_close(config);
    return status || !models.upscaler ? status : fc_engine_load(u->engine, &models, NULL, err);
}

static fc_status run(upscale *u, fc_err *err)
{
    fc_arena arena;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fc_arena_init(&arena, 64 << 20);
    fc_status status = open_engine(u, &arena, err);
    for (int i = 0; i < u->count && !status; i++) status = run_file(u, i, err);
    if (u->there && !u->quiet) fprintf(stderr, "%d were there already\n", u->there);
    if (status != FC_OK) goto out;
    if (u->broken)
        status = fc_fail(err, FC_FORMAT, "%d of %d pictures could not be enlarged", u->broken, u->count);
out:
    fc_engine_close(u->engine);
    fc_arena_fini(&arena);
    return status;
}

int cli_upscale(int argc, char **argv)
{
    upscale u = {.factor = 2, .request = fc_request_new()};
    fc_err err = {0};
    fc_status status = u.request ? parse(&u, argc, argv, &err) : fc_fail(&err, FC_NOMEM, "out of memory");
    tty_init(&u.tty, u.quiet);
    int code = 0;
    if (!status && u.help)
        code = cli_print_help("upscale");
    else if (!status)
        status = run(&u, &err);
    if (status) code = cli_fail(&err);
    fc_request_free(u.request);
    return code;
}
