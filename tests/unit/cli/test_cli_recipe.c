/* The recipe from the command line alone: the latents of the reference, the composed example of the README,
 * LoRAs and embeddings by name, and what is said about files that do not fit. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/program.h"
#include "support/runs.h"
#include "support/synth.h"

#define MODELS "--model", fc_test_synth("tiny_base"), "--precision", "f32"
#define SMALL  "--size", "64x64", "--steps", "2"

static void copy_to(const char *from, const char *to)
{
    fc_mapping map;
    fc_err err = {0};
    assert_non_null(from);
    assert_ok(fc_map_open(&map, from, &err), &err);
    assert_ok(fc_file_write_atomic(program_path(to), map.data, map.size, &err), &err);
    fc_map_close(&map);
}

static int make_files(void **state)
{
    (void)state;
    static const float zeros[64];
    const fc_st_source foreign[] = {{.name = "lora_unet_other_9.lora_up.weight",
                                     .dtype = FC_F32,
                                     .ndim = 2,
                                     .shape = {8, 4},
                                     .data = zeros},
                                    {.name = "lora_unet_other_9.lora_down.weight",
                                     .dtype = FC_F32,
                                     .ndim = 2,
                                     .shape = {4, 8},
                                     .data = zeros}};
    const fc_st_source vectors[] = {
        {.name = "clip_l", .dtype = FC_F32, .ndim = 2, .shape = {1, 64}, .data = zeros},
        {.name = "clip_g", .dtype = FC_F32, .ndim = 2, .shape = {1, 64}, .data = zeros}};
    fc_err err = {0};
    static const char *const folders[] = {"models", "models/loras", "models/embeddings"};
    for (size_t i = 0; i < 3; i++) assert_int_equal(mkdir(program_path(folders[i]), 0700), 0);
    copy_to(fc_test_golden("lora_kohya.safetensors"), "models/loras/x.safetensors");
    copy_to(fc_test_golden("rng.safetensors"), "models/loras/numbers.safetensors");
    assert_ok(fc_safetensors_write(program_path("models/loras/foreign.safetensors"),
                                   &(fc_st_write){.tensors = foreign, .count = 2}, &err),
              &err);
    assert_ok(fc_safetensors_write(program_path("models/embeddings/pet.safetensors"),
                                   &(fc_st_write){.tensors = vectors, .count = 2}, &err),
              &err);
    return 0;
}

/* Runs it; what it said on standard error goes to `said` (may be NULL). */
static void run_ok(const char *const *args, char *said, size_t size)
{
    program p = {0};
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    if (said) snprintf(said, size, "%s", p.err);
    program_free(&p);
}

static fc_test_array latent_of(const char *name)
{
    fc_safetensors file;
    fc_err err = {0};
    assert_ok(fc_safetensors_open(&file, program_path(name), &err), &err);
    fc_test_array a = fc_test_array_load(&file, "latent");
    fc_safetensors_close(&file);
    return a;
}

static void check_golden(const char *name, const char *latent)
{
    char key[80];
    fc_safetensors golden;
    fc_test_golden_open(&golden, "pipeline_tiny.safetensors");
    snprintf(key, sizeof key, "%s.final", name);
    fc_test_array want = fc_test_array_load(&golden, key), got = latent_of(latent);
    assert_int_equal(got.count, want.count);
    assert_rel_error(key, got.data, want.data, want.count, 1.5e-5); /* measured: 2.5e-6 */
    fc_test_array_free(&want);
    fc_test_array_free(&got);
    fc_safetensors_close(&golden);
}

/* Defaults of the recipe but for the prompt, which the reference takes as it is. */
static void test_golden(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("pipeline_tiny.json"), *texts = json_object_get(root, "prompts");
    const char *positive = json_string_value(json_object_get(texts, "pos")),
               *negative = json_string_value(json_object_get(texts, "neg"));
    const char *const base[] = {"generate", positive,   "-n",       negative,           "--raw",
                                "--seed",   "1",        "--size",   "256x256",          MODELS,
                                "-o",       "base.png", "--latent", "base.safetensors", NULL};
    const char *const refined[] = {"generate",
                                   positive,
                                   "-n",
                                   negative,
                                   "--raw",
                                   "--seed",
                                   "1",
                                   "--size",
                                   "256x256",
                                   MODELS,
                                   "--refiner",
                                   fc_test_synth("tiny_refiner"),
                                   "--recipe",
                                   "1.0",
                                   "--switch-step",
                                   "20",
                                   "-o",
                                   "ref.png",
                                   "--latent",
                                   "ref.safetensors",
                                   NULL};
    run_ok(base, NULL, 0);
    check_golden("base_s1", "base.safetensors");
    run_ok(refined, NULL, 0);
    check_golden("ref_s1", "ref.safetensors");
    json_decref(root);
}

/* The template and the negative text of a shipped style. */
static void style_texts(const char *name, const char *prompt, char *positive, char *negative, size_t size)
{
    size_t i;
    json_t *styles = json_load_file(fc_test_source_path("data/styles/sai.json"), 0, NULL), *s;
    *positive = '\0';
    json_array_foreach(styles, i, s)
    {
        if (strcmp(json_string_value(json_object_get(s, "name")), name) != 0) continue;
        const char *text = json_string_value(json_object_get(s, "prompt")), *hole = strstr(text, "{prompt}");
        assert_non_null(hole);
        snprintf(positive, size, "%.*s%s%s", (int)(hole - text), text, prompt, hole + strlen("{prompt}"));
        snprintf(negative, size, "%s, ", json_string_value(json_object_get(s, "negative_prompt")));
    }
    assert_true(*positive);
    json_decref(styles);
}

/* What the README shows, against the same written out for the engine: bit for bit. */
static void test_composed(void **state)
{
    (void)state;
    const char *const args[] = {"generate",
                                "a fox",
                                "--style",
                                "sai-anime",
                                "--performance",
                                "quality",
                                "--refiner",
                                fc_test_synth("tiny_refiner"),
                                "--lora",
                                "x.safetensors:0.7",
                                "--recipe",
                                "1.0",
                                "--seed",
                                "5",
                                "--size",
                                "64x64",
                                MODELS,
                                "-o",
                                "fox.png",
                                "--latent",
                                "fox.safetensors",
                                NULL};
    char positive[4000], negative[4000], said[4000];
    run_ok(args, said, sizeof said);
    assert_non_null(strstr(said, "x.safetensors: 57 of its 58 parts are used; these do not fit this model"));
    assert_null(strstr(said, "changes nothing"));
    style_texts("SAI Anime", "a fox", positive, negative, sizeof positive);
    const char *p = positive, *n = negative;
    fc_task t = run_task(&p, &n);
    t.seed = 5;
    t.width = t.height = 64;
    t.steps = 60;
    t.switch_step = 40;
    fc_err err = {0};
    const fc_lora_choice lora = {fc_test_golden("lora_kohya.safetensors"), 0.7};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                                    .refiner = fc_test_synth("tiny_refiner"),
                                    .loras = &lora,
                                    .lora_count = 1};
    fc_engine *e = run_engine(FC_PRECISION_F32, 0);
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
    fc_picture want = run_picture(e, &t);
    fc_test_array got = latent_of("fox.safetensors");
    assert_int_equal(got.count, run_latent_count(&want));
    assert_memory_equal(got.data, want.latent, got.count * sizeof(float));
    fc_test_array_free(&got);
    fc_picture_fini(&want);
    fc_engine_close(e);
}

/* Files that do not fit are named, and the rest still works. */
static void test_files_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *part;
    } cases[] = {
        {"a fox <lora:foreign:0.5>",
         "foreign.safetensors changes nothing: none of its 1 parts fits this model"},
        {"a fox <lora:nosuch:0.5>", "there is no LoRA \"nosuch\""},
        {"a embedding:nosuch fox", "there is no embedding \"nosuch\" in models/embeddings"},
        {"a __nosuch__ fox", "nosuch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[4000];
        const char *const args[] = {"generate", cases[i].prompt, SMALL, MODELS, "-o", "x.png", NULL};
        run_ok(args, said, sizeof said);
        if (!strstr(said, cases[i].part))
            fail_msg("%s: no '%s' in: %s", cases[i].prompt, cases[i].part, said);
    }
    const char *const args[] = {"generate", "a fox", SMALL,    MODELS, "--lora",
                                "numbers",  "-o",    "no.png", NULL};
    program p = {0}; /* not a LoRA at all: nothing starts */
    program_run(&p, "fooocus", args);
    assert_int_equal(p.code, fc_status_exit_code(FC_UNSUPPORTED));
    assert_non_null(strstr(p.err, "numbers.safetensors"));
    assert_false(fc_path_exists(program_path("no.png")));
    program_free(&p);
}

/* An embedding of the folder changes the picture and brings no warning. */
static void test_embedding(void **state)
{
    (void)state;
    char said[4000];
    const char *const with[] = {
        "generate", "a embedding:pet fox", SMALL, MODELS, "--seed", "3", "-o", "a.png",
        "--latent", "a.safetensors",       NULL};
    const char *const without[] = {"generate", "a fox", SMALL,      MODELS,          "--seed", "3",
                                   "-o",       "b.png", "--latent", "b.safetensors", NULL};
    run_ok(with, said, sizeof said);
    assert_null(strstr(said, "embedding"));
    run_ok(without, NULL, 0);
    fc_test_array a = latent_of("a.safetensors"), b = latent_of("b.safetensors");
    assert_true(fc_test_rel_error(a.data, b.data, a.count) > 1e-6);
    fc_test_array_free(&a);
    fc_test_array_free(&b);
}

/* Several styles, wildcards and fast modes' samplers work in the default recipe too. */
static void test_everything_in_recipe_1_0(void **state)
{
    (void)state;
    const char *const styles[] = {"generate", "a __animal__ [[red, blue]]",
                                  "--style",  "sai-anime",
                                  "--style",  "Ads Retail",
                                  "--count",  "2",
                                  SMALL,      MODELS,
                                  "-o",       "s.png",
                                  NULL};
    const char *const lcm[] = {"generate", "a fox", "--sampler", "lcm", "--scheduler", "lcm", "--cfg",
                               "1",        SMALL,   MODELS,      "-o",  "t.png",       NULL};
    run_ok(styles, NULL, 0);
    assert_true(fc_path_exists(program_path("s-2.png")));
    run_ok(lcm, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_composed),
        cmocka_unit_test(test_files_that_do_not_fit),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_everything_in_recipe_1_0),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
