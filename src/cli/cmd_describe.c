/* fooocus describe: says what pictures show, one sentence a picture. */
#include <stdio.h>
#include <string.h>

#include "app/describe.h"
#include "app/picture_input.h"
#include "app/settings/request.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "format/image.h"

typedef struct describe {
    fc_request *request;
    char **files;
    int count;
    bool help;
    fc_arena arena;
} describe;

static fc_status parse(describe *d, int argc, char **argv, fc_err *err)
{
    d->files = argv; /* names move to the front */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            d->help = true;
        } else if (strncmp(argv[i], "--", 2) != 0) {
            d->files[d->count++] = argv[i];
        } else if (strcmp(argv[i], "--home") == 0 && i + 1 < argc) {
            fc_status status = fc_request_set(d->request, "home", argv[++i], err);
            if (status) return status;
        } else {
            return fc_fail(err, FC_ARG, "there is no flag %.60s, see fooocus describe --help", argv[i]);
        }
    }
    if (d->count || d->help) return FC_OK;
    return fc_fail(err, FC_ARG, "there is no picture, write fooocus describe photo.jpg");
}

static fc_status read_picture(const char *file, fc_pixels *rgb, fc_err *err)
{
    fc_buf bytes;
    fc_buf_init(&bytes, FC_IMAGE_MAX_INPUT_BYTES);
    fc_status status = fc_file_read(file, &bytes, err);
    if (status) goto out;
    status = fc_picture_decode(rgb, bytes.data, bytes.len, err);
out:
    fc_buf_fini(&bytes);
    return status;
}

static fc_status run_file(describe *d, fc_captioner *c, const char *file, fc_err *err)
{
    const char *text;
    fc_pixels rgb = {0};
    fc_status status = read_picture(file, &rgb, err);
    if (status != FC_OK) goto out;
    status = fc_captioner_run(c, &rgb, NULL, &d->arena, &text, err);
    if (status != FC_OK) goto out;
    if (d->count > 1) printf("%s: ", file);
    puts(text);
    fflush(stdout);
out:
    fc_pixels_fini(&rgb);
    return status;
}

static fc_status run(describe *d, fc_err *err)
{
    fc_params params;
    fc_config *config = NULL;
    fc_captioner *captioner = NULL;
    fc_status status = fc_request_resolve(d->request, &d->arena, &params, err);
    if (status != FC_OK) goto out;
    status = fc_config_open(&config, params.home, NULL, (fc_warn){0}, err);
    if (status != FC_OK) goto out;
    status = fc_describe_open(config, &captioner, err);
    for (int i = 0; i < d->count && !status; i++) status = run_file(d, captioner, d->files[i], err);
out:
    fc_captioner_close(captioner);
    fc_config_close(config);
    return status;
}

int cli_describe(int argc, char **argv)
{
    describe d = {.request = fc_request_new()};
    fc_err err = {0};
    int code = 0;
    fc_arena_init(&d.arena, 64 << 20);
    fc_status status = d.request ? parse(&d, argc, argv, &err) : fc_fail(&err, FC_NOMEM, "out of memory");
    if (!status && d.help)
        code = cli_print_help("describe");
    else if (!status)
        status = run(&d, &err);
    if (status) code = cli_fail(&err);
    fc_request_free(d.request);
    fc_arena_fini(&d.arena);
    return code;
}
