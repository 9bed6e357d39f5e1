/* Fills a history, so that the page can be tried with thousands of pictures:
 *   seed_history HOME COUNT FILE...
 * Each FILE is "WIDTHxHEIGHT/..." below HOME/outputs/seed; the pictures take them in turn, by links of their
 * own. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/queue/library.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

static const char *const prompts[] = {
    "a lighthouse on a cliff above a calm sea, first light",
    "quiet hills after rain, long shadows",
    "mist in a mountain valley, watercolor",
    "the last light over the ridge, a single bird",
    "a winter evening, far villages",
    "desert dunes before dawn, fine sand",
    "tea fields in the morning haze",
};
enum { PROMPTS = sizeof prompts / sizeof prompts[0], MILLIS_APART = 2600000 };

/* The current folder is that of the outputs. */
static fc_status add(fc_library *l, const char *file, int64_t i, int64_t count, fc_err *err)
{
    char source[200], path[200], parameters[400];
    fc_picture_row row = {.path = path, .format = "png", .negative_prompt = "", .model = "tiny.safetensors"};
    int64_t id;
    if (sscanf(file, "%" SCNd32 "x%" SCNd32 "/", &row.width, &row.height) != 2)
        return fc_fail(err, FC_ARG, "%s: want WIDTHxHEIGHT/NAME", file);
    snprintf(path, sizeof path, "seed/%" PRId64 ".png", i);
    snprintf(source, sizeof source, "seed/%s", file);
    if (link(source, path) != 0) return fc_fail(err, FC_IO, "cannot link %s", source);
    snprintf(parameters, sizeof parameters,
             "{\"prompt\": \"%s\", \"seed\": \"%" PRId64 "\", \"width\": %d, \"height\": %d, \"cfg\": %d}",
             prompts[i % PROMPTS], 1000 + i, (int)row.width, (int)row.height, (int)(4 + i % 3));
    row.prompt = prompts[i % PROMPTS];
    row.seed = (uint64_t)(1000 + i);
    row.bytes = 1;
    row.created = fc_unix_millis() - (count - i) * MILLIS_APART;
    row.styles = i % 3 ? "[\"Fooocus Enhance\"]" : "[\"SAI Watercolor\"]";
    row.parameters = parameters;
    return fc_library_picture_add(l, &row, &id, err);
}

int main(int argc, char **argv)
{
    fc_library *library = NULL;
    fc_err err = {0};
    int64_t count = 0;
    if (argc < 4 || !fc_parse_i64(argv[2], &count)) return 2;
    if (chdir(argv[1]) != 0 || chdir("outputs") != 0) return 2;
    fc_status status = fc_mkdir_all(".library", &err);
    if (status == FC_OK) status = fc_library_open(".library/library.sqlite3", &library, &err);
    for (int64_t i = 0; i < count && status == FC_OK; i++)
        status = add(library, argv[3 + i % (argc - 3)], i, count, &err);
    fc_library_close(library);
    if (status != FC_OK) fprintf(stderr, "%s\n", err.message);
    return fc_status_exit_code(status);
}
