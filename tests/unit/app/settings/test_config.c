/* config.txt, presets and environment under Fooocus's keys; a folder as Fooocus leaves it is used as it is.
 */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "app/models/files.h"
#include "app/prompt/wildcards.h"
#include "app/settings/config.h"
#include "base/file.h"
#include "base/sha256.h"
#include "support/app_cases.h"

static app_warnings warnings;

static fc_config *open_config(const char *preset)
{
    fc_config *c;
    fc_err err;
    assert_ok(fc_config_open(&c, app_home(), preset, app_warn(&warnings), &err), &err);
    return c;
}

static double number(const fc_config *c, const char *key)
{
    return json_number_value(fc_config_get(c, key));
}

static const char *text(const fc_config *c, const char *key)
{
    return json_string_value(fc_config_get(c, key));
}

static void test_defaults(void **state)
{
    (void)state;
    fc_config *c = open_config(NULL);
    assert_string_equal(warnings.text, "");
    assert_string_equal(text(c, "default_model"), "juggernautXL_v8Rundiffusion.safetensors");
    assert_string_equal(text(c, "default_recipe"), "1.0");
    assert_int_equal(fc_config_source_of(c, "default_model"), FC_CONFIG_DEFAULT_PRESET);
    assert_int_equal(fc_config_source_of(c, "default_clip_skip"), FC_CONFIG_BUILT_IN);
    assert_null(fc_config_get(c, "no_such_key"));
    fc_config_close(c);
}

/* Every default passes its own check, so that the table cannot contradict itself. */
static void test_table(void **state)
{
    (void)state;
    fc_config *c = open_config(NULL);
    char name[80], content[8000];
    for (size_t i = 0; fc_config_key(i); i++) {
        char *value = json_dumps(fc_config_get(c, fc_config_key(i)), JSON_ENCODE_ANY);
        snprintf(content, sizeof content, "{\"%s\": %s}", fc_config_key(i), value);
        free(value);
        snprintf(name, sizeof name, "presets/t%zu.json", i);
        app_home_write(name, content);
        fc_config *again;
        fc_err err;
        snprintf(name, sizeof name, "t%zu", i);
        assert_ok(fc_config_open(&again, app_home(), name, app_warn(&warnings), &err), &err);
        if (warnings.count) fail_msg("%s", warnings.text);
        assert_int_equal(fc_config_source_of(again, fc_config_key(i)), FC_CONFIG_PRESET);
        fc_config_close(again);
    }
    fc_config_close(c);
}

static void test_precedence(void **state)
{
    (void)state;
    app_home_write(
        "config.txt",
        "{\"default_cfg_scale\": 5.0, \"default_sample_sharpness\": 3.5, \"default_clip_skip\": 1}");
    app_home_write("presets/mine.json", "{\"default_cfg_scale\": 6.0, \"default_sample_sharpness\": 4.0}");
    setenv("default_cfg_scale", "8", 1);
    setenv("default_black_out_nsfw", "TRUE", 1);
    setenv("default_prompt", "a plain text", 1);
    app_home_write("b/x", "");
    setenv("path_loras", "['/a', \"b\"]", 1);
    fc_config *c = open_config("mine");
    unsetenv("default_cfg_scale");
    unsetenv("default_black_out_nsfw");
    unsetenv("default_prompt");
    unsetenv("path_loras");
    assert_string_equal(warnings.text, "");
    assert_true(number(c, "default_cfg_scale") == 8);
    assert_int_equal(fc_config_source_of(c, "default_cfg_scale"), FC_CONFIG_ENVIRONMENT);
    assert_true(number(c, "default_sample_sharpness") == 4);
    assert_int_equal(fc_config_source_of(c, "default_sample_sharpness"), FC_CONFIG_PRESET);
    assert_true(number(c, "default_clip_skip") == 1);
    assert_int_equal(fc_config_source_of(c, "default_clip_skip"), FC_CONFIG_FILE);
    assert_true(json_is_true(fc_config_get(c, "default_black_out_nsfw")));
    assert_string_equal(text(c, "default_prompt"), "a plain text");
    assert_int_equal(json_array_size(fc_config_get(c, "path_loras")), 2);
    fc_config_close(c);
}

static void test_bad_values(void **state)
{
    (void)state;
    app_home_write(
        "config.txt",
        "{\"default_refiner_switch\": 1.5, \"default_performance\": \"Warp\", \"default_loras\": [[1]],"
        " \"default_ip_stop_at_1\": 1, \"default_ip_weight_1\": 1.0, \"default_output_format\": \"gif\","
        " \"default_refiner\": null, \"default_prompt\": null, \"unknown\": [], \"default_vae\": 7}");
    fc_config *c = open_config(NULL);
    assert_int_equal(warnings.count, 6);
    static const char *const told[] = {"default_refiner_switch is 1.5, but must be a number from 0 to 1",
                                       "default_performance is \"Warp\", but must be one of quality, speed",
                                       "default_loras is [[1]], but must be a list of",
                                       "default_ip_stop_at_1 is 1, but must be a number with a decimal point",
                                       "default_output_format is \"gif\", but must be one of png, jpeg, webp",
                                       "default_vae is 7, but must be a text"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (!strstr(warnings.text, told[i])) fail_msg("%s is not in\n%s", told[i], warnings.text);
    assert_true(number(c, "default_refiner_switch") == 0.5); /* of the preset default */
    assert_string_equal(text(c, "default_refiner"), "None");
    assert_string_equal(text(c, "default_prompt"), "");
    assert_true(number(c, "default_ip_weight_1") == 1);
    fc_config_close(c);
}

static void test_broken_files(void **state)
{
    fc_config *c;
    fc_err err;
    (void)state;
    app_home_write("config.txt", "{\n\"default_cfg_scale\": 5.0,\n}");
    c = open_config(NULL);
    assert_non_null(strstr(warnings.text, "line 3"));
    assert_true(number(c, "default_cfg_scale") == 4);
    fc_config_close(c);
    app_home_write("config.txt", "[1]");
    fc_config_close(open_config(NULL));
    assert_int_equal(warnings.count, 1);
    assert_fails(fc_config_open(&c, app_home(), "realistc", app_warn(&warnings), &err), FC_NOT_FOUND, &err,
                 "realistic");
    assert_fails(fc_config_open(&c, app_home(), "../../etc/passwd", app_warn(&warnings), &err), FC_NOT_FOUND,
                 &err, NULL);
    fc_config_close(open_config("initial"));
}

/* The same settings in every dress in which people save them. */
static void test_dresses(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"default_cfg_scale\": 5.5}", "\xef\xbb\xbf{\"default_cfg_scale\": 5.5}\r\n",
        "{\r\n\"default_cfg_scale\": 9.0,\r\n\"default_cfg_scale\": 5.5\r\n}",
        "{\"default_cfg_scale\": 5.5, \"path_outputs\": null, \"default_refiner\": null, \"path_loras\": "
        "null}",
        "{\"default_cfg_scale\": 5.5, \"path_outputs\": \"None\", \"path_wildcards\": \"\"}"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        app_home_write("config.txt", same[i]);
        fc_config *c = open_config(NULL);
        assert_string_equal(warnings.text, "");
        assert_true(number(c, "default_cfg_scale") == 5.5);
        assert_string_equal(text(c, "path_outputs"), "outputs");
        assert_string_equal(text(c, "default_refiner"), "None");
        fc_config_close(c);
    }
    app_home_write("config.txt", "{}");
}

/* A slip of the pen is told; keys of other programs are not. */
static void test_nearly_known_keys(void **state)
{
    (void)state;
    app_home_write("config.txt",
                   "{\"default_cfg_scal\": 5.5, \"defualt_model\": \"x\", \"default_stylez\": [], "
                   "\"default_flux_guidance\": 1, \"theme\": \"dark\", \"default_lora_strength\": 2}");
    fc_config *c = open_config(NULL);
    assert_int_equal(warnings.count, 3);
    assert_non_null(strstr(warnings.text, "did you mean default_cfg_scale?"));
    assert_non_null(strstr(warnings.text, "did you mean default_model?"));
    assert_non_null(strstr(warnings.text, "did you mean default_styles?"));
    fc_config_close(c);
    app_home_write("config.txt", "{}");
}

/* A preset that was asked for by name is never left out in silence; its file may lie in a folder. */
static void test_presets_by_name(void **state)
{
    (void)state;
    fc_config *c;
    fc_err err = {0};
    app_home_write("presets/duplicate.json", "{\"default_cfg_scale\": 9.0, \"default_cfg_scale\": 5.5}");
    app_home_write("presets/my own/deep.json", "{\"default_cfg_scale\": 6.5}");
    app_home_write("presets/comma.json", "{\"default_cfg_scale\": 5.5, \"default_styles\": [],}");
    app_home_write("presets/list.json", "[]");
    static const char *const deep[] = {"deep", "my own/deep", "my own\\deep"};
    c = open_config("duplicate");
    assert_true(number(c, "default_cfg_scale") == 5.5);
    fc_config_close(c);
    for (int i = 0; i < 3; i++) {
        c = open_config(deep[i]);
        assert_true(number(c, "default_cfg_scale") == 6.5);
        fc_config_close(c);
    }
    assert_fails(fc_config_open(&c, app_home(), "comma", app_warn(&warnings), &err), FC_FORMAT, &err,
                 "line 1");
    assert_fails(fc_config_open(&c, app_home(), "list", app_warn(&warnings), &err), FC_FORMAT, &err,
                 "object");
    for (int i = 0; i < 4; i++) {
        static const char *const made[] = {"duplicate", "my own/deep", "comma", "list"};
        char path[300];
        snprintf(path, sizeof path, "%s/presets/%s.json", app_home(), made[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void test_presets(void **state)
{
    fc_arena arena;
    fc_lines names;
    fc_err err;
    (void)state;
    app_home_write("presets/mine.json", "{}");
    app_home_write("presets/sai.json", "{\"default_cfg_scale\": 9}");
    fc_arena_init(&arena, 1 << 20);
    fc_lines_init(&names, &arena);
    assert_ok(fc_config_presets(app_home(), &names, &err), &err);
    assert_int_equal(names.count, 9); /* eight are built in, sai among them */
    assert_string_equal(names.items[4], "mine");
    for (size_t i = 0; i < names.count; i++) fc_config_close(open_config(names.items[i]));
    assert_string_equal(warnings.text, "");
    fc_config *c = open_config("sai"); /* the user's own stands in for the built-in one */
    assert_true(number(c, "default_cfg_scale") == 9);
    assert_string_equal(text(c, "default_refiner"), "None");
    fc_config_close(c);
    fc_arena_fini(&arena);
}

static fc_params applied(const char *preset, const char *json, fc_arena *arena)
{
    fc_params p;
    fc_err err = {0};
    fc_request *r = fc_request_new();
    fc_config *c = open_config(preset);
    assert_ok(fc_request_set_json(r, json, strlen(json), &err), &err);
    assert_ok(fc_config_apply(c, r, app_warn(&warnings), &err), &err);
    fc_arena_init(arena, 1 << 20);
    assert_ok(fc_request_resolve(r, arena, &p, &err), &err);
    fc_config_close(c);
    fc_request_free(r);
    return p;
}

static void test_apply_preset(void **state)
{
    fc_arena arena;
    (void)state;
    fc_params p = applied("sai", "{\"cfg\": 3, \"prompt\": \"a fox\"}", &arena);
    assert_string_equal(warnings.text, "");
    assert_string_equal(p.model, "sd_xl_base_1.0_0.9vae.safetensors");
    assert_string_equal(p.refiner, "sd_xl_refiner_1.0_0.9vae.safetensors");
    assert_string_equal(p.recipe, "1.0");
    assert_true(p.refiner_switch == 0.6667);
    assert_true(p.cfg == 3); /* given: wins over the preset */
    assert_string_equal(p.prompt, "a fox");
    assert_int_equal(p.loras.count, 1);
    assert_string_equal(p.loras.items[0].path, "sd_xl_offset_example-lora_1.0.safetensors");
    assert_true(p.loras.items[0].weight == 0.5);
    assert_int_equal(p.styles.count, 1);
    assert_string_equal(p.styles.items[0], "Cinematic Default");
    assert_int_equal(p.steps, FC_PARAM_AUTO);
    fc_arena_fini(&arena);
    p = applied("pony_v6", "{}", &arena);
    assert_string_equal(p.vae, "ponyDiffusionV6XL_vae.safetensors");
    assert_int_equal(p.width, 896);
    assert_int_equal(p.height, 1152);
    fc_arena_fini(&arena);
    assert_string_equal(p.recipe, "2.5");
    app_home_write("presets/mine.json",
                   "{\"default_cfg_scale\": 3}"); /* a preset that says nothing follows 2.5 ... */
    p = applied("mine", "{}", &arena);
    assert_string_equal(p.recipe, "2.5");
    assert_string_equal(p.styles.items[0], "Fooocus Enhance");
    fc_arena_fini(&arena);
    p = applied("mine", "{\"recipe\": \"1.0\"}", &arena); /* ... unless the request says otherwise */
    assert_string_equal(p.recipe, "1.0");
    assert_true(p.cfg == 3);
    fc_arena_fini(&arena);
    app_home_write("config.txt", "{\"default_recipe\": \"2.5\"}");
    p = applied(NULL, "{}", &arena);
    assert_string_equal(p.recipe, "2.5");
    fc_arena_fini(&arena);
    app_home_write("config.txt", "{}");
    p = applied(NULL, "{}", &arena); /* nobody set anything: the recipe's defaults */
    assert_string_equal(p.recipe, "1.0");
    assert_string_equal(p.model, "");
    assert_int_equal(p.count, 1);
    fc_arena_fini(&arena);
}

static void test_previous_models(void **state)
{
    fc_arena arena;
    (void)state;
    app_home_write("models/checkpoints/realisticStockPhoto_v10.safetensors", "x");
    fc_params p = applied("realistic", "{}", &arena);
    assert_string_equal(p.model, "realisticStockPhoto_v10.safetensors");
    assert_non_null(strstr(warnings.text, "older version"));
    fc_arena_fini(&arena);
    app_home_write("models/checkpoints/realisticStockPhoto_v20.safetensors", "x");
    p = applied("realistic", "{}", &arena);
    assert_string_equal(p.model, "realisticStockPhoto_v20.safetensors");
    assert_string_equal(warnings.text, "");
    fc_arena_fini(&arena);
}

/* As version 2.5.5 leaves it: absolute and relative folders, several of a kind, sub-folders, its own files.
 */
static void test_existing_folder(void **state)
{
    fc_arena arena;
    fc_model_folder folder;
    fc_err err;
    char content[1000], path[600];
    (void)state;
    snprintf(content, sizeof content,
             "{\"path_checkpoints\": [\"models/checkpoints\", \"%s/more\"], \"path_loras\": \"lora_here\","
             "\"path_vae\": \"/nowhere/vae\", \"path_outputs\": \"%s/pictures\", \"default_model\": \"\"}",
             app_home(), app_home());
    app_home_write("config.txt", content);
    app_home_write("config_modification_tutorial.txt", "You can modify ...");
    app_home_write("models/checkpoints/sub/a.safetensors", "x");
    app_home_write("more/b.ckpt", "x");
    app_home_write("lora_here/c.safetensors", "x");
    app_home_write("wildcards/animal.txt", "a very rare animal\n");
    fc_arena_init(&arena, 1 << 22);
    assert_ok(fc_model_folder_open(app_config(app_home()), "checkpoints", &arena, &folder, &err), &err);
    assert_int_equal(folder.names.count, 2);
    assert_string_equal(folder.names.items[0], "sub/a.safetensors");
    assert_string_equal(folder.names.items[1], "b.ckpt");
    snprintf(path, sizeof path, "%s/more/b.ckpt", app_home());
    assert_string_equal(folder.paths.items[1], path);
    assert_ok(fc_model_folder_open(app_config(app_home()), "loras", &arena, &folder, &err), &err);
    assert_int_equal(folder.names.count, 1);
    snprintf(path, sizeof path, "%s/lora_here", app_home());
    assert_string_equal(folder.dir, path);
    assert_ok(fc_model_folder_open(app_config(app_home()), "vae", &arena, &folder, &err), &err);
    assert_int_equal(folder.names.count, 0);
    assert_ok(fc_model_folder_open(app_config(app_home()), "embeddings", &arena, &folder, &err), &err);
    snprintf(path, sizeof path, "%s/models/embeddings", app_home());
    assert_string_equal(folder.dir, path);
    fc_buf after;
    fc_buf_init(&after, 4000);
    snprintf(path, sizeof path, "%s/config.txt", app_home());
    assert_ok(fc_file_read(path, &after, &err), &err);
    assert_string_equal(fc_buf_cstr(&after), content); /* read, not rewritten */
    fc_buf_fini(&after);
    fc_arena_fini(&arena);
}

static fc_status open_and_close(void *user)
{
    fc_config *c;
    fc_status s = fc_config_open(&c, user, "sai", (fc_warn){0}, NULL);
    fc_config_close(c);
    return s;
}

static void test_torture(void **state)
{
    (void)state;
    app_home_write("config.txt", "{\"default_cfg_scale\": 5.0, \"default_clip_skip\": 100}");
    assert_true(fc_test_torture(open_and_close, (void *)(uintptr_t)app_home()) > 2);
}

#define T(f) cmocka_unit_test_setup(f, app_home_new)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_dresses), T(test_nearly_known_keys), T(test_presets_by_name), T(test_defaults),
        T(test_table),   T(test_precedence),        T(test_bad_values),      T(test_broken_files),
        T(test_presets), T(test_apply_preset),      T(test_previous_models), T(test_existing_folder),
        T(test_torture)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
