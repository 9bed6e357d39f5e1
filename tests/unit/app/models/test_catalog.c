/* The catalogue of models, the models a preset needs, and files that are verified. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/models/store.h"
#include "base/file.h"
#include "support/app_cases.h"
#include "support/httpd.h"

static app_warnings warnings;

static void open_catalog(fc_catalog *c, const char *preset, fc_config **config)
{
    fc_err err;
    assert_ok(fc_config_open(config, app_home(), preset, app_warn(&warnings), &err), &err);
    assert_ok(fc_catalog_open(c, app_home(), *config, app_warn(&warnings), &err), &err);
}

static void test_built_in(void **state)
{
    fc_catalog c;
    fc_config *config;
    fc_err err;
    const fc_catalog_model *m;
    (void)state;
    open_catalog(&c, NULL, &config);
    assert_string_equal(warnings.text, "");
    assert_true(c.count > 30);
    static const char *const names[] = {"sd_xl_base_1.0_0.9vae.safetensors", "SD_XL_base_1.0_0.9vae",
                                        "checkpoints/sd_xl_base_1.0_0.9vae.safetensors"};
    for (int i = 0; i < 3; i++) {
        assert_ok(fc_catalog_find(&c, names[i], &m, &err), &err);
        assert_string_equal(m->folder, "checkpoints");
        assert_int_equal(strlen(m->sha256), 64);
    }
    assert_fails(fc_catalog_find(&c, "sd_xl_bass_1.0_0.9vae.safetensors", &m, &err), FC_NOT_FOUND, &err,
                 "did you mean sd_xl_base_1.0");
    assert_fails(fc_catalog_find(&c, "", &m, &err), FC_NOT_FOUND, &err, NULL);
    fc_catalog_close(&c);
    fc_config_close(config);
}

static void test_needed(void **state)
{
    fc_catalog c;
    fc_config *config;
    size_t missing;
    const fc_catalog_model *m[FC_CATALOG_MAX_NEEDED];
    (void)state;
    open_catalog(&c, "sai", &config);
    assert_int_equal(fc_catalog_needed(&c, config, m, &missing), 3); /* the set of the original readme */
    assert_int_equal(missing, 0);
    assert_string_equal(m[0]->name, "sd_xl_base_1.0_0.9vae.safetensors");
    assert_string_equal(m[1]->name, "sd_xl_refiner_1.0_0.9vae.safetensors");
    assert_string_equal(m[2]->name, "sd_xl_offset_example-lora_1.0.safetensors");
    uint64_t sum = fc_catalog_bytes(m[0]) + fc_catalog_bytes(m[1]) + fc_catalog_bytes(m[2]);
    assert_true(sum > 12900000000u && sum < 13200000000u); /* "13 GB" */
    fc_catalog_close(&c);
    fc_config_close(config);
    open_catalog(&c, "lightning", &config);
    assert_int_equal(fc_catalog_needed(&c, config, m, &missing), 2);
    assert_string_equal(m[1]->name, "sdxl_lightning_4step_lora.safetensors");
    fc_catalog_close(&c);
    fc_config_close(config);
}

static void test_users_catalogue(void **state)
{
    fc_catalog c;
    fc_config *config;
    fc_err err;
    const fc_catalog_model *m;
    (void)state;
    app_home_write(
        "catalog.json",
        "{\"models\": [{\"name\": \"mine.safetensors\", \"folder\": \"checkpoints\", \"url\": "
        "\"http://h/x\", \"size\": 5},"
        "{\"name\": \"sd_xl_base_1.0_0.9vae.safetensors\", \"folder\": \"checkpoints\", \"url\": "
        "\"https://mine/x\"},"
        "{\"name\": \"../../evil\", \"folder\": \"checkpoints\", \"url\": \"https://h/x\"},"
        "{\"name\": \"evil\", \"folder\": \"../x\", \"url\": \"https://h/x\"},"
        "{\"name\": \"evil\", \"folder\": \"/etc\", \"url\": \"https://h/x\"},"
        "{\"name\": \"evil\", \"folder\": \"loras\", \"url\": \"file:///etc/passwd\"},"
        "{\"name\": \"evil\", \"folder\": \"loras\", \"url\": \"https://h/x\", \"sha256\": \"12\"}]}");
    app_home_write("config.txt",
                   "{\"lora_downloads\": {\"l.safetensors\": \"https://h/l\", \"../l2\": \"https://h/l\"}}");
    open_catalog(&c, NULL, &config);
    assert_int_equal(warnings.count, 6);
    assert_ok(fc_catalog_find(&c, "mine", &m, &err), &err);
    assert_int_equal(m->size, 5);
    assert_ok(fc_catalog_find(&c, "sd_xl_base_1.0_0.9vae", &m, &err), &err);
    assert_string_equal(m->url, "https://mine/x");
    assert_null(m->sha256);
    assert_non_null(fc_catalog_exact(&c, "loras", "l.safetensors"));
    assert_fails(fc_catalog_find(&c, "evil", &m, &err), FC_NOT_FOUND, &err, NULL);
    fc_catalog_close(&c);
    fc_config_close(config);
    app_home_write("catalog.json", "{");
    open_catalog(&c, NULL, &config);
    assert_non_null(strstr(warnings.text, "catalog.json: line 1"));
    fc_catalog_close(&c);
    fc_config_close(config);
}

/* Files of presets may go into sub-folders, but never out of the folder of their kind. */
static void test_sub_folders(void **state)
{
    fc_catalog c;
    fc_config *config;
    char path[4096];
    bool there;
    (void)state;
    static const char *const wrong[] = {"../a", "/a",   "a/../b",  "a//b",  "a/", ".a/b",
                                        "a/.b", "C:/a", "..\\\\a", "\\\\a", ""};
    app_home_write("config.txt", "{\"checkpoint_downloads\": {\"XL/x.safetensors\": \"https://h/x\", "
                                 "\"deep\\\\down\\\\y.safetensors\": \"https://h/y\"}}");
    open_catalog(&c, NULL, &config);
    assert_string_equal(warnings.text, "");
    static const char *const right[] = {"XL/x.safetensors", "XL\\x.safetensors", "deep/down/y.safetensors",
                                        "deep\\down\\y.safetensors"};
    for (size_t i = 0; i < 4; i++) {
        fc_err err = {0};
        const fc_catalog_model *m = fc_catalog_exact(&c, "checkpoints", right[i]);
        assert_non_null(m);
        assert_ok(fc_modelstore_path(app_config(app_home()), m, path, sizeof path, &there, &err), &err);
        assert_non_null(strstr(path, i < 2 ? "models/checkpoints/XL/x.safetensors"
                                           : "models/checkpoints/deep/down/y.safetensors"));
    }
    fc_catalog_close(&c);
    fc_config_close(config);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"checkpoint_downloads\": {\"%s\": \"https://h/x\"}}", wrong[i]);
        app_home_write("config.txt", text);
        open_catalog(&c, NULL, &config);
        if (warnings.count != 1) fail_msg("'%s': %s", wrong[i], warnings.text);
        fc_catalog_close(&c);
        fc_config_close(config);
    }
}

/* Fetched into the first folder of config.txt; the hash seen first is remembered and a change is noticed. */
static void test_get_and_verify(void **state)
{
    char path[4096], sums[600];
    bool there;
    fc_err err;
    fc_verify_result r;
    (void)state;
    httpd server = httpd_start("content of a model", 18);
    app_home_write("models/my_vae/put models here", "");
    app_home_write("config.txt", "{\"path_vae\": [\"models/my_vae\", \"models/vae\"]}");
    fc_catalog_model m = {.name = "x.bin", .folder = "vae", .url = httpd_url(&server, "x.bin")};
    fc_fetch_options o = {.mirror = "", .token = "", .attempts = 2, .pause_seconds = 0.01};
    assert_ok(fc_modelstore_get(app_config(app_home()), &m, &o, path, sizeof path, &err), &err);
    assert_non_null(strstr(path, "models/my_vae/x.bin"));
    httpd_stop(&server);
    assert_ok(fc_modelstore_get(app_config(app_home()), &m, &o, path, sizeof path, &err),
              &err); /* it is here */
    assert_ok(fc_modelstore_verify(app_home(), path, &m, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_GOOD);
    app_home_write("models/my_vae/x.bin", "content of a mobel");
    assert_ok(fc_modelstore_verify(app_home(), path, &m, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_CHANGED);
    app_home_write("models/my_vae/x.bin", "<html><head></head></html>");
    assert_ok(fc_modelstore_verify(app_home(), path, &m, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_BROKEN);
    assert_non_null(strstr(r.problem, "web page"));
    app_home_write("models/my_vae/x.bin", "PK\003\004 and then it was cut");
    assert_ok(fc_modelstore_verify(app_home(), path, &m, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_BROKEN);
    app_home_write("models/vae/own.pt", "somebody's own");
    snprintf(sums, sizeof sums, "%s/models/vae/own.pt", app_home());
    assert_ok(fc_modelstore_verify(app_home(), sums, NULL, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_FIRST);
    assert_ok(fc_modelstore_verify(app_home(), sums, NULL, NULL, &r, &err), &err);
    assert_int_equal(r.verdict, FC_VERIFIED_GOOD);
    /* a file of the second folder is found there and not fetched again */
    m.name = "own.pt";
    assert_ok(fc_modelstore_path(app_config(app_home()), &m, path, sizeof path, &there, &err), &err);
    assert_true(there);
    assert_non_null(strstr(path, "models/vae/own.pt"));
}

static void test_set_aside(void **state)
{
    char path[600], aside[700];
    fc_err err;
    (void)state;
    for (int i = 0; i < 3; i++) {
        app_home_write("models/vae/bad.bin", "bad");
        snprintf(path, sizeof path, "%s/models/vae/bad.bin", app_home());
        assert_ok(fc_modelstore_set_aside(path, aside, sizeof aside, &err), &err);
        assert_false(fc_path_exists(path));
        assert_true(fc_path_exists(aside));
    }
    assert_non_null(strstr(aside, ".corrupted-2"));
    assert_fails(fc_modelstore_set_aside(path, aside, sizeof aside, &err), FC_NOT_FOUND, &err, NULL);
}

#define T(f) cmocka_unit_test_setup(f, app_home_new)

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_built_in),    T(test_needed),         T(test_users_catalogue),
                                       T(test_sub_folders), T(test_get_and_verify), T(test_set_aside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
