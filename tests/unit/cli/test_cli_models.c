/* setup, models, config, doctor and generate --preset as people use them: against a real server, on a
 * terminal and without one, with a Fooocus folder that was there before. */
#include "support/program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/common/walk.h"
#include "base/file.h"
#include "base/sha256.h"
#include "support/httpd.h"
#include "support/support.h"

enum { EXIT_NOT_FOUND = 3, EXIT_FORMAT = 5, EXIT_NETWORK = 11, EXIT_DENIED = 12, EXIT_CANCELLED = 130 };
#define SMALL "--size", "64x64", "--steps", "2", "--style", "none", "--threads", "2"

static fc_mapping tiny; /* what the server has under every name: the tiny model */
static char tiny_hash[65];
static httpd server;
static char mirror[100];

static void write_text(const char *name, const char *text)
{
    char folder[700];
    fc_err err = {0};
    snprintf(folder, sizeof folder, "%s", program_path(name));
    *strrchr(folder, '/') = '\0';
    assert_ok(fc_mkdir_all(folder, &err), &err);
    assert_ok(fc_file_write_atomic(program_path(name), text, strlen(text), &err), &err);
}

static int make_model(void **state)
{
    static const char *const args[] = {"tiny_base", "tiny.safetensors", NULL};
    fc_err err = {0};
    fc_sha256 hash;
    program p = {0};
    (void)state;
    program_run(&p, "synth_ckpt", args);
    assert_int_equal(p.code, 0);
    program_free(&p);
    assert_ok(fc_map_open(&tiny, program_path("tiny.safetensors"), &err), &err);
    assert_ok(fc_sha256_bytes(tiny.data, tiny.size, &hash, &err), &err);
    memcpy(tiny_hash, hash.hex, sizeof tiny_hash);
    return 0;
}

/* Every test has its own home below the work folder, and a server. */
static char home[40];

static const char *in_home(const char *name)
{
    static char names[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(names[next], sizeof names[next], "%s/%s", home, name);
    return names[next];
}

static bool is_there(const char *name)
{
    return fc_path_exists(program_path(in_home(name)));
}

static int begin(void **state)
{
    static int number;
    (void)state;
    snprintf(home, sizeof home, "home%d", ++number);
    server = httpd_start(tiny.data, tiny.size);
    snprintf(mirror, sizeof mirror, "http://127.0.0.1:%d", server.port);
    write_text(in_home("presets/mine.json"),
               "{\"default_model\": \"mine.safetensors\", \"default_loras\": [], \"checkpoint_downloads\":"
               "{\"mine.safetensors\": \"https://huggingface.co/me/x/resolve/main/mine.safetensors\"}}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    httpd_stop(&server);
    return 0;
}

/* Runs with --home and checks the exit code and a part of what it says (NULL: anything). */
static program run(const char *typed, int code, const char *part, const char *const *words)
{
    const char *args[40] = {words[0]};
    program p = {.typed = typed};
    size_t n = 1;
    for (; words[n]; n++) args[n] = words[n];
    args[n++] = "--home";
    args[n++] = home;
    args[n] = NULL;
    program_run(&p, "fooocus", args);
    if (p.code != code) fail_msg("%s: exit code %d: %s%s", words[0], p.code, p.out, p.err);
    if (part && !strstr(p.out, part) && !strstr(p.err, part))
        fail_msg("%s: no '%s' in: %s%s", words[0], part, p.out, p.err);
    return p;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect(int code, const char *part, const char *const *words)
{
    program p = run(NULL, code, part, words);
    program_free(&p);
}

static void expect_typed(const char *typed, int code, const char *part, const char *const *words)
{
    program p = run(typed, code, part, words);
    program_free(&p);
}

/* ---- setup ---- */

static void test_setup(void **state)
{
    (void)state;
    expect(EXIT_CANCELLED, "13.06 GB", WORDS("setup", "--offline")); /* the set of preset sai */
    const char *const *mine = WORDS("setup", "--preset", "mine", "--hf-mirror", mirror);
    expect(EXIT_CANCELLED, "--yes agrees", mine);
    expect_typed("n\n", EXIT_CANCELLED, "nothing was fetched", mine);
    assert_int_equal(server.stats->requests, 0);
    expect_typed("\n", 0, "Ready", mine);
    assert_true(is_there("models/checkpoints/mine.safetensors"));
    assert_true(is_there("models/SHA256SUMS"));
    int before = server.stats->requests;
    expect(0, "Everything is here", mine);
    assert_int_equal(server.stats->requests, before);
    expect(EXIT_NOT_FOUND, "did you mean mine?", WORDS("setup", "--preset", "mien"));
    expect(2, "means nothing here", WORDS("setup", "more"));
    expect(2, "did you mean --preset?", WORDS("setup", "--prset=x"));
}

/* ---- models ---- */

static void write_catalog(const char *url, const char *hash)
{
    char text[1000];
    snprintf(text, sizeof text,
             "{\"models\": [{\"name\": \"known.safetensors\", \"folder\": \"checkpoints\", \"url\": \"%s\","
             " \"sha256\": \"%s\", \"note\": \"a tiny one\"}]}",
             url, hash);
    write_text(in_home("catalog.json"), text);
}

static void test_get(void **state)
{
    char wrong[65];
    (void)state;
    memset(wrong, 'a', 64);
    wrong[64] = '\0';
    const char *const *get = WORDS("models", "get", "known");
    write_catalog(httpd_url(&server, "x?status=404"), tiny_hash);
    expect(EXIT_NOT_FOUND, "HTTP 404", get);
    write_catalog(httpd_url(&server, "x?status=403"), tiny_hash);
    expect(EXIT_DENIED, "HF_TOKEN", get);
    write_catalog(httpd_url(&server, "x?page"), tiny_hash);
    expect(EXIT_FORMAT, "web page", get);
    write_catalog(httpd_url(&server, "x"), wrong);
    expect(EXIT_FORMAT, "another file than expected", get);
    write_catalog(httpd_url(&server, "x"), tiny_hash);
    expect(EXIT_NETWORK, "offline", WORDS("models", "get", "known", "--offline"));
    assert_false(is_there("models/checkpoints/known.safetensors"));
    assert_false(is_there("models/checkpoints/known.safetensors.part"));
    program p = run(NULL, 0, NULL, get);
    assert_non_null(strstr(p.out, "/models/checkpoints/known.safetensors\n")); /* for scripts */
    program_free(&p);
    expect(EXIT_NOT_FOUND, "did you mean known.safetensors", WORDS("models", "get", "knwon.safetensors"));
    expect(EXIT_NOT_FOUND, "did you mean sd_xl_offset", WORDS("models", "get", "offset"));
    expect(2, "which model?", WORDS("models", "get"));
}

static void test_list(void **state)
{
    (void)state;
    expect(0, "There are no models", WORDS("models"));
    expect(0, "not here: SDXL 1.0 base", WORDS("models", "list", "--all"));
    write_catalog("https://h/x", tiny_hash);
    write_text(in_home("models/checkpoints/sub/known.safetensors"), "x");
    write_text(in_home("models/loras/own.safetensors"), "x");
    expect(0, "a tiny one", WORDS("models", "list"));
    program p = run(NULL, 0, NULL, WORDS("models", "list", "--json"));
    json_t *rows = json_loads(p.out, 0, NULL);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "name")),
                        "sub/known.safetensors");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "note")),
                        "comes with the program"); /* data/box */
    json_decref(rows);
    program_free(&p);
    /* it is in a sub-folder, and not fetched a second time */
    expect(0, "sub/known.safetensors", WORDS("models", "get", "known", "--offline"));
    expect(2, "not one of list, get", WORDS("models", "lsit"));
    expect(2, "list takes no names", WORDS("models", "list", "x"));
}

/* A broken file is named; it moves aside with consent alone, and comes again. */
static void test_verify(void **state)
{
    (void)state;
    write_catalog(httpd_url(&server, "x"), tiny_hash);
    expect(0, NULL, WORDS("models", "get", "known"));
    expect(0, "good ", WORDS("models", "verify"));
    assert_int_equal(truncate(program_path(in_home("models/checkpoints/known.safetensors")), 1000000), 0);
    expect(EXIT_FORMAT, "BROKEN", WORDS("models", "verify", "known"));
    expect_typed("n\n", EXIT_FORMAT, "Move it aside", WORDS("models", "verify", "known"));
    assert_false(is_there("models/checkpoints/known.safetensors.corrupted"));
    expect(EXIT_FORMAT, "known.safetensors", WORDS("doctor"));
    expect_typed("y\n", EXIT_FORMAT, "moved to", WORDS("models", "verify"));
    assert_true(is_there("models/checkpoints/known.safetensors.corrupted"));
    expect(0, "good ", WORDS("models", "verify", "known"));
    write_text(in_home("models/loras/own.bin"), "somebody's own");
    expect(0, "noted", WORDS("models", "verify", "own"));
    write_text(in_home("models/loras/own.bin"), "somebody's owl");
    expect(EXIT_FORMAT, "CHANGED", WORDS("models", "verify", "own.bin"));
    expect(EXIT_NOT_FOUND, "no model file nope", WORDS("models", "verify", "nope"));
}

static void test_remove(void **state)
{
    (void)state;
    write_text(in_home("models/loras/own.safetensors"), "x");
    write_text(in_home("precious"), "x");
    write_text(in_home("models/checkpoints/many/model_index.json"), "{}");
    write_text(in_home("models/checkpoints/many/unet/x.safetensors"), "x");
    expect(EXIT_CANCELLED, "--yes agrees", WORDS("models", "remove", "own"));
    expect_typed("\n", EXIT_CANCELLED, "was kept", WORDS("models", "remove", "own"));
    assert_true(is_there("models/loras/own.safetensors"));
    expect_typed("y\n", 0, "deleted", WORDS("models", "remove", "own"));
    assert_false(is_there("models/loras/own.safetensors"));
    expect(EXIT_NOT_FOUND, "no model file",
           WORDS("models", "remove", program_path(in_home("precious")), "-y"));
    expect(EXIT_NOT_FOUND, "no model file", WORDS("models", "remove", "../../precious", "-y"));
    expect(6, "folder of many files", WORDS("models", "remove", "many", "-y"));
    assert_true(is_there("precious"));
    assert_true(is_there("models/checkpoints/many/unet/x.safetensors"));
    expect(2, "which file", WORDS("models", "remove"));
}

/* ---- generate --preset ---- */

static void test_preset_fetches(void **state)
{
    (void)state;
    const char *picture = program_path("p.png");
    const char *const *words =
        WORDS("generate", "x", SMALL, "--preset", "mine", "--hf-mirror", mirror, "-o", picture);
    expect(EXIT_NETWORK, "offline", WORDS("generate", "x", "--preset", "mine", "--offline"));
    expect_typed("n\n", EXIT_CANCELLED, "nothing was fetched", words);
    assert_int_equal(server.stats->requests, 0);
    expect(0, "The preset needs models", words); /* nobody to ask: the flag is the consent */
    assert_true(is_there("models/checkpoints/mine.safetensors"));
    assert_true(fc_path_exists(picture));
    int before = server.stats->requests;
    expect(0, NULL, words);
    assert_int_equal(server.stats->requests, before);
}

/* The server starts with the preset's model, which it fetches first. */
static void test_preset_of_server(void **state)
{
    (void)state;
    const char *const *words = WORDS("serve", "--preset", "mine", "--hf-mirror", mirror, "--home", home,
                                     "--port", "0", "--threads", "1");
    program p = {0};
    expect(EXIT_NOT_FOUND, "did you mean mine?", WORDS("serve", "--preset", "mien"));
    expect(EXIT_NETWORK, "offline", WORDS("serve", "--preset", "mine", "--offline"));
    expect_typed("n\n", EXIT_CANCELLED, "nothing was fetched", WORDS("serve", "--preset", "mine"));
    program_start(&p, "fooocus", words);
    assert_true(program_wait_for(&p, "is ready"));
    assert_true(is_there("models/checkpoints/mine.safetensors"));
    kill(p.pid, SIGINT);
    program_wait(&p);
    assert_int_equal(p.code, 0);
    program_free(&p);
}

/* A broken file is named with what mends it, and no other model stands in for it. */
static void test_broken_model(void **state)
{
    fc_err err = {0};
    (void)state;
    write_text(in_home("models/checkpoints/x"), "");
    assert_ok(fc_file_write_atomic(program_path(in_home("models/checkpoints/mine.safetensors")), tiny.data,
                                   1 << 20, &err),
              &err);
    assert_ok(fc_file_write_atomic(program_path(in_home("models/checkpoints/whole.safetensors")), tiny.data,
                                   tiny.size, &err),
              &err);
    expect(EXIT_FORMAT, "mine.safetensors",
           WORDS("generate", "x", SMALL, "--preset", "mine", "-o", "no.png"));
    assert_true(is_there("models/checkpoints/mine.safetensors"));
    expect(EXIT_FORMAT, "fooocus models verify", WORDS("generate", "x", SMALL, "--preset", "mine"));
    /* nobody asked for the broken one: the next that works is taken, and that is told */
    expect(0, "whole.safetensors is tried instead", WORDS("generate", "x", SMALL, "--json"));
    unlink(program_path(in_home("models/checkpoints/whole.safetensors")));
    write_text(in_home("models/checkpoints/other.safetensors"), "no model at all, and neither is the first");
    expect(EXIT_FORMAT, "mine.safetensors", WORDS("generate", "x", SMALL));
}

/* What `models verify` does not look at is not said to be mended by it. */
static void test_other_broken_files(void **state)
{
    static const char hint[] = "models verify";
    fc_err err = {0};
    (void)state;
    write_text(in_home("models/checkpoints/x"), "");
    assert_ok(fc_file_write_atomic(program_path(in_home("models/checkpoints/whole.safetensors")), tiny.data,
                                   tiny.size, &err),
              &err);
    write_text(in_home("presets/torn.json"), "{\"default_cfg_scale\": 4,");
    write_text(in_home("torn.png"), "\x89PNG\r\n\x1a\nno picture");
    write_text(in_home("far.safetensors"), "no model");
    const char *const *cases[] = {
        WORDS("generate", "x", SMALL, "--preset", "torn"),
        WORDS("generate", "x", SMALL, "--image", program_path(in_home("torn.png")), "--vary", "subtle"),
        WORDS("generate", "--from", program_path(in_home("torn.png"))),
        WORDS("generate", "x", SMALL, "--model", program_path(in_home("far.safetensors"))),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program p = run(NULL, EXIT_FORMAT, "", cases[i]);
        if (strstr(p.err, hint)) fail_msg("case %zu: %s", i, p.err);
        program_free(&p);
    }
}

/* ---- config and doctor ---- */

static void test_config(void **state)
{
    (void)state;
    write_text(in_home("config.txt"), "{\"default_cfg_scale\": 99, \"default_sampler\": \"euler\"}");
    expect(0, "default_cfg_scale is 99, but must be a number from 1 to 30", WORDS("config"));
    expect(0, "default_sampler = \"euler\"", WORDS("config", "default_sampler"));
    expect(0, "config.txt", WORDS("config", "default_sampler"));
    expect(0, "mine.safetensors", WORDS("config", "--preset=mine", "default_model"));
    expect(0, "\"source\"", WORDS("config", "--json"));
    expect(0, "(built in)", WORDS("config", "--all"));
    expect(0, "default_performance = \"Speed\"  (the preset default: counts", WORDS("config", "--all"));
    expect(0, "default_performance", WORDS("config", "--preset=default"));
    program p = run(NULL, 0, "default_sampler", WORDS("config"));
    assert_null(strstr(p.out, "default_performance")); /* nobody has set it */
    program_free(&p);
    expect(EXIT_NOT_FOUND, "did you mean default_sampler?", WORDS("config", "default_smapler"));
    write_text(in_home("config.txt"), "{\n\"default_cfg_scale\": 5,\n}");
    expect(0, "line 3", WORDS("config"));
}

static void test_doctor(void **state)
{
    (void)state;
    program p = run(NULL, 0, NULL, WORDS("doctor", "--json"));
    json_t *report = json_loads(p.out, 0, NULL);
    assert_true(json_integer_value(json_object_get(report, "disk_free")) > 0);
    assert_true(json_integer_value(json_object_get(json_object_get(report, "memory"), "total")) > 0);
    assert_true(json_number_value(json_object_get(json_object_get(report, "engine"), "step_seconds")) > 0);
    json_decref(report);
    program_free(&p);
    expect(2, "without FILE", WORDS("doctor", "x", "--json"));
    expect(EXIT_NOT_FOUND, "no file nope", WORDS("doctor", "nope"));
}

/* ---- a Fooocus folder that was there before ---- */

static void hash_tree(char out[65])
{
    static const char *const all[] = {"", NULL};
    fc_arena arena;
    fc_lines names;
    fc_buf text;
    fc_sha256 hash;
    fc_err err = {0};
    fc_arena_init(&arena, 8 << 20);
    fc_lines_init(&names, &arena);
    fc_buf_init(&text, 8 << 20);
    assert_ok(fc_walk(program_path(home), all, &names, &err), &err);
    for (size_t i = 0; i < names.count; i++) {
        struct stat st;
        if (strstr(names.items[i], "pictures/")) continue; /* that is where we write */
        assert_int_equal(stat(program_path(in_home(names.items[i])), &st), 0);
        assert_ok(fc_sha256_file(program_path(in_home(names.items[i])), NULL, &hash, &err), &err);
        fc_buf_printf(&text, "%s %s %ld.%ld\n", names.items[i], hash.hex, (long)st.st_mtim.tv_sec,
                      st.st_mtim.tv_nsec);
    }
    assert_ok(fc_sha256_bytes(text.data, text.len, &hash, &err), &err);
    memcpy(out, hash.hex, 65);
    fc_buf_fini(&text);
    fc_arena_fini(&arena);
}

static void make_fooocus_folder(void)
{
    char model[700], text[1600];
    fc_err err = {0};
    snprintf(text, sizeof text,
             "{\"path_checkpoints\": [\"%s\", \"models/checkpoints\"], \"path_wildcards\": \"my wildcards\","
             "\"path_outputs\": \"pictures\", \"default_model\": \"sub/old.safetensors\", \"default_styles\":"
             "[\"Theirs\"], \"default_save_metadata_to_images\": true, \"default_cfg_scale\": 3.5}",
             program_path(in_home("more")));
    write_text(in_home("config.txt"), text);
    write_text(in_home("config_modification_tutorial.txt"), "You can modify ...");
    write_text(in_home("my wildcards/beast.txt"), "griffin\n");
    write_text(in_home("sdxl_styles/sdxl_styles_sai.json"),
               "[{\"name\": \"sai-anime\", \"prompt\": \"anime by somebody {prompt}\"}]");
    write_text(in_home("sdxl_styles/theirs.json"),
               "[{\"name\": \"theirs\", \"prompt\": \"their {prompt} style\"}]");
    write_text(in_home("more/sub/x"), "");
    snprintf(model, sizeof model, "%s", program_path(in_home("more/sub/old.safetensors")));
    assert_ok(fc_file_write_atomic(model, tiny.data, tiny.size, &err), &err);
    char *absolute = realpath(model, NULL);
    snprintf(text, sizeof text, "{\"%s\": \"0123456789\"}\n{\"/gone\": \"aaaaaaaaaa\"}\n", absolute);
    write_text(in_home("hash_cache.txt"), text);
    free(absolute);
}

static void test_fooocus_folder(void **state)
{
    char before[65], after[65];
    (void)state;
    make_fooocus_folder();
    hash_tree(before);
    program p =
        run(NULL, 0, NULL, WORDS("generate", "a __beast__", "--size", "64x64", "--steps", "2", "--json"));
    static const char *const parts[] = {"their a griffin style", "\"guidance_scale\":3.5",
                                        "\"base_model_hash\":\"0123456789\"", "/pictures/"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(p.out, parts[i])) fail_msg("no %s in: %s", parts[i], p.out);
    program_free(&p);
    p = run(NULL, 0, "anime by somebody x",
            WORDS("generate", "x", "--size", "64x64", "--steps", "1", "--json", "--style", "SAI Anime"));
    program_free(&p);
    hash_tree(after);
    assert_string_equal(before, after); /* read and not rewritten */
}

/* FOOOCUS_HOME, and the current folder. */
static void test_homes(void **state)
{
    program p = {0};
    (void)state;
    write_text("config.txt", "{\"default_sampler\": \"heun\"}");
    program_run(&p, "fooocus", WORDS("config", "default_sampler"));
    assert_non_null(strstr(p.out, "\"heun\""));
    program_free(&p);
    unlink(program_path("config.txt"));
}

/* ---- completion ---- */

static void test_completion(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < 3; i++) {
        program p = {0};
        program_run(&p, "fooocus", WORDS("--completion", shells[i]));
        assert_int_equal(p.code, 0);
        static const char *const parts[] = {"lightning", "hf-mirror", "verify", "dpmpp_2m"};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            if (!strstr(p.out, parts[k])) fail_msg("%s: no %s", shells[i], parts[k]);
        program_free(&p);
    }
    program p = {0};
    program_run(&p, "fooocus", WORDS("--completion", "tcsh"));
    assert_int_equal(p.code, 2);
    program_free(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_setup),
        T(test_get),
        T(test_list),
        T(test_verify),
        T(test_remove),
        T(test_preset_fetches),
        T(test_preset_of_server),
        T(test_config),
        T(test_doctor),
        T(test_fooocus_folder),
        T(test_broken_model),
        T(test_other_broken_files),
        T(test_homes),
        T(test_completion),
    };
    return cmocka_run_group_tests(tests, make_model, NULL);
}
