/* Files of strangers through the program itself: what tests/data/field holds, and checkpoints of kinds found
 * in the field, made from the demo model. Each run ends in what is right or in a message that says what to
 * do. */
#include "support/program.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/mem.h"

enum { MAX_ARGS = 40, LATENT_FILE = 1 << 16 };

#define UNET       "model.diffusion_model."
#define PROJECTION "conditioner.embedders.1.model.text_projection"

/* ---- the home folder ---- */

static const char *home(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "home/%s", name);
    return program_path(path);
}

static void copy_to(const char *source, const char *target)
{
    fc_buf data;
    fc_err err = {0};
    char folder[400];
    fc_buf_init(&data, 64 << 20);
    assert_ok(fc_file_read(fc_test_source_path(source), &data, &err), &err);
    const char *path = home(target);
    snprintf(folder, sizeof folder, "%.*s", (int)(fc_path_basename(path) - path), path);
    assert_ok(fc_mkdir_all(folder, &err), &err);
    assert_ok(fc_file_write_atomic(home(target), data.data, data.len, &err), &err);
    fc_buf_fini(&data);
}

/* ---- checkpoints from the demo model ---- */

typedef enum change { WHOLE, LINEAR_PROJECTION, MODELSPEC_V, EIGHT_INPUTS, NO_VAE } change;

/* A tensor twice along its second dimension, [out][in][k] -> [out][2 in][k]. */
static const void *doubled(const fc_st_tensor *t, fc_st_source *out)
{
    size_t rows = (size_t)t->shape[0], bytes = t->size / rows;
    char *data = fc_alloc(2 * t->size);
    assert_non_null(data);
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < 2; k++)
            memcpy(data + (2 * r + (size_t)k) * bytes, (const char *)t->data + r * bytes, bytes);
    out->shape[1] *= 2;
    return data;
}

static const void *transposed(const fc_st_tensor *t, fc_st_source *out)
{
    size_t rows = (size_t)t->shape[0], cols = (size_t)t->shape[1], size = fc_dtype_size(t->dtype);
    char *data = fc_alloc(t->size);
    assert_non_null(data);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            memcpy(data + (c * rows + r) * size, (const char *)t->data + (r * cols + c) * size, size);
    out->shape[0] = (int64_t)cols;
    out->shape[1] = (int64_t)rows;
    return data;
}

static void make_checkpoint(const char *name, change what)
{
    fc_safetensors st;
    fc_err err = {0};
    fc_st_meta meta[20];
    const void *own = NULL;
    size_t count = 0, metas = 0;
    assert_ok(fc_safetensors_open(&st, fc_test_source_path("data/demo/checkpoints/demo.safetensors"), &err),
              &err);
    fc_st_source *tensors = fc_calloc(st.count, sizeof *tensors);
    assert_non_null(tensors);
    for (size_t i = 0; i < st.count; i++) {
        const fc_st_tensor *t = &st.tensors[i];
        fc_st_source s = {.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
        memcpy(s.shape, t->shape, sizeof s.shape);
        if (what == NO_VAE && strncmp(t->name, "first_stage_model.", 18) == 0) continue;
        if (what == EIGHT_INPUTS && strcmp(t->name, UNET "input_blocks.0.0.weight") == 0)
            s.data = own = doubled(t, &s);
        if (what == LINEAR_PROJECTION && strcmp(t->name, PROJECTION) == 0) {
            s.data = own = transposed(t, &s);
            s.name = PROJECTION ".weight";
        }
        tensors[count++] = s;
    }
    assert_true(st.metadata_count < 19);
    for (; metas < st.metadata_count; metas++) meta[metas] = st.metadata[metas];
    if (what == MODELSPEC_V) meta[metas++] = (fc_st_meta){"modelspec.prediction_type", "v"};
    const fc_st_write file = {.tensors = tensors, .count = count, .metadata = meta, .metadata_count = metas};
    assert_ok(fc_safetensors_write(home(name), &file, &err), &err);
    fc_free((void *)(uintptr_t)own);
    fc_free(tensors);
    fc_safetensors_close(&st);
}

/* ---- runs ---- */

static program run;
static long file_limit, space_limit; /* of the next runs; 0: none */

/* fooocus generate with what is given, small and quick; NULL ends more. */
static void generate(const char *model, const char *const *more)
{
    const char *args[MAX_ARGS] = {"generate",
                                  "--home",
                                  home("."),
                                  "--size",
                                  "64x64",
                                  "--steps",
                                  "2",
                                  "--seed",
                                  "3",
                                  "--style",
                                  "none",
                                  "--latent",
                                  home("latent.safetensors"),
                                  "-o",
                                  home("x.png")};
    int n = 15;
    if (model) args[n++] = "--model", args[n++] = model;
    while (*more && n < MAX_ARGS - 1) args[n++] = *more++;
    (void)remove(home("latent.safetensors"));
    program_free(&run);
    run = (program){.file_limit = file_limit, .space_limit = space_limit};
    program_run(&run, "fooocus", args);
}
#define GENERATE(model, ...) generate(model, (const char *const[]){__VA_ARGS__, NULL})

static void other(const char *const *args)
{
    program_free(&run);
    run = (program){0};
    program_run(&run, "fooocus", args);
}
#define RUN(...) other((const char *const[]){__VA_ARGS__, NULL})

static void assert_works(void)
{
    if (run.code != 0) fail_msg("exit code %d: %s", run.code, run.err);
}

static void assert_says(bool works, const char *words)
{
    if ((run.code == 0) != works || !(strstr(run.err, words) || strstr(run.out, words)))
        fail_msg("wanted '%s', exit code %d: %s%s", words, run.code, run.out, run.err);
}

/* The latent of the last run; the caller frees it. */
static fc_buf latent(void)
{
    fc_buf data;
    fc_err err = {0};
    fc_buf_init(&data, LATENT_FILE);
    assert_works();
    assert_ok(fc_file_read(home("latent.safetensors"), &data, &err), &err);
    return data;
}

/* Whether the last run gave this latent, which is freed. */
static bool same_as(fc_buf *before)
{
    fc_buf now = latent();
    bool same = now.len == before->len && memcmp(now.data, before->data, now.len) == 0;
    fc_buf_fini(&now);
    fc_buf_fini(before);
    return same;
}

/* ---- checkpoints ---- */

static void test_checkpoints(void **state)
{
    (void)state;
    GENERATE("demo", "a blue boat");
    fc_buf whole = latent();
    GENERATE("linear", "a blue boat");
    assert_true(same_as(&whole));
    RUN("doctor", home("models/checkpoints/linear.safetensors"));
    assert_says(true, "CLIP-G     complete");
    GENERATE("demo", "a blue boat");
    whole = latent();
    GENERATE("velocity", "a blue boat");
    assert_false(same_as(&whole));
    RUN("doctor", home("models/checkpoints/velocity.safetensors"));
    assert_says(true, "; v\n");
    GENERATE("in8", "a blue boat");
    assert_says(false, "8 input channels, 4 are wanted");
    GENERATE("demo", "a blue boat");
    whole = latent();
    GENERATE("no_vae", "a blue boat");
    assert_says(true, "no VAE");
    assert_true(same_as(&whole));
    GENERATE("model.gguf", "a blue boat");
    assert_says(false, "a GGUF model; get the .safetensors version");
    RUN("doctor", home("models/checkpoints/model.gguf"));
    assert_says(false, "a GGUF model; get the .safetensors version");
}

/* ---- LoRAs ---- */

static void test_loras(void **state)
{
    (void)state;
    static const char *const same[][2] = {{"plain", "pickled.bin"},
                                          {"int_alpha", "float_alpha"},
                                          {"lycoris_prefix_lokr", "same_lokr_kohya_names"},
                                          {"inner/plain", "inner\\plain.safetensors"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        GENERATE("demo", "a blue boat", "--lora", same[i][0]);
        fc_buf first = latent();
        GENERATE("demo", "a blue boat", "--lora", same[i][1]);
        assert_null(strstr(run.err, "warning"));
        assert_true(same_as(&first));
    }
    GENERATE("demo", "a blue boat");
    fc_buf without = latent();
    GENERATE("demo", "a blue boat", "--lora", "oft");
    assert_false(same_as(&without));
    GENERATE("demo", "a blue boat", "--lora", "te2_text_projection");
    assert_says(true, "2 parts");
    GENERATE("demo", "a blue boat", "--lora", "nan");
    assert_says(false, "nan.safetensors is damaged");
    /* named in the prompt as with the flag */
    GENERATE("demo", "a house", "--lora", "inner/plain");
    fc_buf flag = latent();
    GENERATE("demo", "a house <lora:inner/plain:1>");
    assert_true(same_as(&flag));
    GENERATE("demo", "a house", "--lora", "plain");
    flag = latent();
    GENERATE("demo", "a house <lora:plain.safetensors:1>");
    assert_true(same_as(&flag));
}

/* ---- pictures, settings, presets, wildcards ---- */

static void test_pictures(void **state)
{
    (void)state;
    static const char *const names[] = {"swarm", "comfyui", "a1111_schedule_type"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "tests/data/field/pictures/%s.png", names[i]);
        RUN("generate", "--home", home("."), "--model", "demo", "--from", fc_test_source_path(path), "--json",
            "-o", home("x.png"));
        assert_says(true, "\"prompt\":\"a blue boat\"");
        assert_says(true, "\"seed\":\"11\"");
        assert_says(true, i == 2 ? "\"scheduler\":\"sgm_uniform\"" : "\"scheduler\":\"normal\"");
    }
    RUN("generate", "--home", home("."), "--model", "demo", "--from",
        fc_test_source_path("docs/demo/sheet.jpg"));
    assert_true(run.code != 0);
}

static void write_home(const char *name, const char *text)
{
    fc_err err = {0};
    assert_ok(fc_file_write_atomic(home(name), text, strlen(text), &err), &err);
}

static void test_settings(void **state)
{
    (void)state;
    copy_to("tests/data/field/config/bom/config.txt", "config.txt");
    RUN("config", "--home", home("."), "default_cfg_scale");
    assert_says(true, "5.5");
    copy_to("tests/data/field/config/null_path/config.txt", "config.txt");
    RUN("generate", "a boat", "--home", home("."), "--model", "demo", "--size", "64x64", "--steps", "1");
    assert_works();
    assert_false(fc_path_exists(home("None")) || fc_path_exists("None"));
    assert_true(fc_path_exists(home("outputs")));
    write_home("config.txt", "{}");
    RUN("config", "--home", home("."), "--preset", "duplicate_key", "default_cfg_scale");
    assert_says(true, "5.5");
    RUN("generate", "a boat", "--home", home("."), "--preset", "trailing_comma");
    assert_says(false, "trailing_comma.json: line 1");
    RUN("generate", "a boat", "--home", home("."), "--preset", "sub_folder_download", "--offline");
    assert_says(false, "models/checkpoints/XL/field_test.safetensors is not there");
}

static void test_wildcards(void **state)
{
    (void)state;
    GENERATE("demo", "a __sub/beast__", "--json");
    assert_says(true, "\"prompt\":\"a cat\"");
    GENERATE("demo", "a __commented__ house", "--json");
    assert_says(true, "\"prompt\":\"a red house\"");
    GENERATE("demo", "a __sub/nothing__ house");
    assert_says(true, "sub/nothing");
}

/* A limit on the size of files is an error that says so; one on address space, far above what is needed, is
 * none. */
static void test_limits(void **state)
{
    static const long spaces[] = {8000000L * 1024, 1000000L * 1024};
    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        space_limit = spaces[i];
        GENERATE("demo", "a boat");
        assert_works();
    }
    space_limit = 0;
    file_limit = 1000;
    GENERATE("demo", "a boat");
    file_limit = 0;
    assert_says(false, "limit on the size of files");
}

static int prepare(void **state)
{
    static const char *const loras[] = {"float_alpha.safetensors",
                                        "int_alpha.safetensors",
                                        "lycoris_prefix_lokr.safetensors",
                                        "nan.safetensors",
                                        "oft.safetensors",
                                        "pickled.bin",
                                        "plain.safetensors",
                                        "same_lokr_kohya_names.safetensors",
                                        "te2_text_projection.safetensors"};
    char from[200], to[200];
    (void)state;
    copy_to("tests/data/field/checkpoints/model.gguf", "models/checkpoints/model.gguf");
    make_checkpoint("models/checkpoints/demo.safetensors", WHOLE);
    make_checkpoint("models/checkpoints/linear.safetensors", LINEAR_PROJECTION);
    make_checkpoint("models/checkpoints/velocity.safetensors", MODELSPEC_V);
    make_checkpoint("models/checkpoints/in8.safetensors", EIGHT_INPUTS);
    make_checkpoint("models/checkpoints/no_vae.safetensors", NO_VAE);
    for (size_t i = 0; i < sizeof loras / sizeof loras[0]; i++) {
        snprintf(from, sizeof from, "tests/data/field/loras/%s", loras[i]);
        snprintf(to, sizeof to, "models/loras/%s", loras[i]);
        copy_to(from, to);
    }
    copy_to("tests/data/field/loras/plain.safetensors", "models/loras/inner/plain.safetensors");
    static const char *const presets[] = {"duplicate_key", "sub_folder_download", "trailing_comma"};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        snprintf(from, sizeof from, "tests/data/field/presets/%s.json", presets[i]);
        snprintf(to, sizeof to, "presets/%s.json", presets[i]);
        copy_to(from, to);
    }
    copy_to("tests/data/field/wildcards/sub/beast.txt", "wildcards/sub/beast.txt");
    copy_to("tests/data/field/wildcards/commented.txt", "wildcards/commented.txt");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_loras),     cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_settings),    cmocka_unit_test(test_wildcards), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
