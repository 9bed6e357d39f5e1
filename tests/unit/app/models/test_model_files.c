/* Finding model files by path and name, and their short hashes. */
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/models/card.h"
#include "app/models/file_hash.h"
#include "app/models/files.h"
#include "app/settings/request.h"
#include "base/file.h"
#include "support/app_cases.h"

static const char *where; /* NULL: the usual home */

static const char *home(void)
{
    static char path[300];
    if (where) return where;
    snprintf(path, sizeof path, "%s/home", fc_test_tmpdir());
    return path;
}

static int make_home(void **state)
{
    (void)state;
    app_write("home/models/checkpoints/zeta.safetensors", "z");
    app_write("home/models/checkpoints/Alpha.ckpt", "a");
    app_write("home/models/checkpoints/notes.txt", "n");
    app_write("home/models/checkpoints/sub/deep.safetensors", "d");
    app_write("home/models/loras/paint.safetensors", "p");
    app_write("home/models/loras/style/ink.safetensors", "i");
    app_write("home/models/vae_approx/taesdxl_decoder.pth", "t");
    app_write("elsewhere.safetensors", "e");
    return 0;
}

typedef struct lookup {
    fc_arena arena;
    fc_model_files files;
    fc_err err;
} lookup;

static fc_status find(lookup *l, const char *json, bool names_only)
{
    fc_request *request = fc_request_new();
    fc_params params;
    *l = (lookup){0};
    fc_arena_init(&l->arena, 1 << 20);
    assert_ok(fc_request_set_json_from(request, json, strlen(json),
                                       names_only ? FC_ORIGIN_NETWORK : FC_ORIGIN_LOCAL, &l->err),
              &l->err);
    assert_ok(fc_request_set(request, "home", home(), &l->err), &l->err);
    assert_ok(fc_request_resolve(request, &l->arena, &params, &l->err), &l->err);
    fc_status status =
        fc_model_files_find(app_config(home()), &params, request, &l->arena, &l->files, &l->err);
    fc_request_free(request);
    return status;
}

static void check_base(const char *model, const char *want_end)
{
    char json[600];
    lookup l;
    snprintf(json, sizeof json, "{\"model\": \"%s\"}", model);
    assert_ok(find(&l, json, false), &l.err);
    size_t n = strlen(want_end), size = strlen(l.files.base);
    if (size < n || strcmp(l.files.base + size - n, want_end) != 0)
        fail_msg("%s became %s", model, l.files.base);
    fc_arena_fini(&l.arena);
}

static void test_names(void **state)
{
    (void)state;
    check_base("", "/models/checkpoints/sub/deep.safetensors"); /* sub-folders come first, as in Fooocus */
    check_base("zeta.safetensors", "/models/checkpoints/zeta.safetensors");
    check_base("zeta", "/zeta.safetensors");
    check_base("Alpha", "/Alpha.ckpt");
    check_base("deep.safetensors", "/sub/deep.safetensors");
    check_base("sub/deep.safetensors", "/sub/deep.safetensors");
    check_base("sub/deep", "/sub/deep.safetensors");
    check_base(fc_test_tmp_path("elsewhere.safetensors"), "/elsewhere.safetensors");
}

static void check_error(const char *json, bool names_only, fc_status wanted, const char *part)
{
    lookup l;
    assert_fails(find(&l, json, names_only), wanted, &l.err, part);
    fc_arena_fini(&l.arena);
}

/* What stands in while the user has no checkpoint, and goes as soon as there is one. */
static void test_demo(void **state)
{
    (void)state;
    lookup l;
    fc_model_folder loras;
    app_write("demo/checkpoints/demo.safetensors", "d");
    app_write("demo/checkpoints/demo_refiner.safetensors", "r");
    app_write("demo/checkpoints/demo.json", "{\"fooocus_card\": 1, \"refiner\": \"demo_refiner\", "
                                            "\"preview_decoder\": \"quick\", \"notice\": \"small\"}");
    app_write("demo/loras/chalk.safetensors", "c");
    app_write("demo/vae_approx/quick.safetensors", "q");
    app_write("bare/models/loras/own.safetensors", "o");
    setenv("FOOOCUS_DEMO", fc_test_tmp_path("demo"), 1);
    assert_ok(find(&l, "{}", true), &l.err);
    assert_string_equal(l.files.base, fc_test_tmp_path("home/models/checkpoints/sub/deep.safetensors"));
    assert_null(l.files.notice);
    fc_arena_fini(&l.arena);

    char bare[400];
    snprintf(bare, sizeof bare, "%s", fc_test_tmp_path("bare"));
    where = bare;
    assert_ok(find(&l, "{\"loras\": [\"chalk\", \"own\"]}", true), &l.err);
    assert_string_equal(fc_path_basename(l.files.base), "demo.safetensors");
    assert_string_equal(fc_path_basename(l.files.refiner), "demo_refiner.safetensors");
    assert_string_equal(fc_path_basename(l.files.preview_decoder), "quick.safetensors");
    assert_string_equal(l.files.notice, "small");
    assert_int_equal(l.files.loras.count, 2);
    assert_ok(fc_model_folder_open(app_config(bare), "loras", &l.arena, &loras, &l.err), &l.err);
    assert_true(loras.demo);
    assert_int_equal(loras.own, 1);
    assert_int_equal(loras.names.count, 2);
    fc_arena_fini(&l.arena);
    assert_ok(find(&l, "{\"refiner\": \"none\"}", true), &l.err);
    assert_null(l.files.refiner);
    fc_arena_fini(&l.arena);

    setenv("FOOOCUS_DEMO", "none", 1);
    check_error("{}", true, FC_NOT_FOUND, "there is no model");
    where = NULL;
}

/* What comes with the program stands behind the user's own of its kind, and is no file of the user's. */
static void test_box(void **state)
{
    (void)state;
    fc_arena arena;
    fc_model_folder f;
    fc_err err = {0};
    char home[400];
    app_write("boxed/models/upscale_models/own.pth", "o");
    app_write("box/upscale_models/small.safetensors", "s");
    snprintf(home, sizeof home, "%s", fc_test_tmp_path("boxed"));
    fc_arena_init(&arena, 1 << 20);
    setenv("FOOOCUS_BOX", fc_test_tmp_path("box"), 1);
    assert_ok(fc_model_folder_open(app_config(home), "upscale_models", &arena, &f, &err), &err);
    assert_int_equal(f.names.count, 2);
    assert_string_equal(f.names.items[0], "own.pth");
    assert_int_equal(f.own, 1);
    assert_int_equal(f.box, 1);
    assert_string_equal(fc_model_folder_path(&f, "small"),
                        fc_test_tmp_path("box/upscale_models/small.safetensors"));
    assert_ok(fc_model_folder_open(app_config(home), "loras", &arena, &f, &err), &err);
    assert_int_equal(f.names.count, 0);
    setenv("FOOOCUS_BOX", "none", 1);
    assert_ok(fc_model_folder_open(app_config(home), "upscale_models", &arena, &f, &err), &err);
    assert_int_equal(f.names.count, 1);
    fc_arena_fini(&arena);
}

/* Runs find() on the home folder with one more card. */
static void check_card(const char *card, fc_status wanted, const char *part)
{
    char home[400];
    app_write("carded/models/checkpoints/own.json", card);
    snprintf(home, sizeof home, "%s", fc_test_tmp_path("carded"));
    where = home;
    check_error("{}", true, wanted, part);
    where = NULL;
}

static void test_broken_cards(void **state)
{
    (void)state;
    app_write("carded/models/checkpoints/own.safetensors", "o");
    check_card("{\"fooocus_card\": 1", FC_FORMAT, "own.json is no valid JSON: line 1");
    check_card("[\"fooocus_card\"]", FC_FORMAT, "own.json: a model card is a JSON object");
    check_card("{\"fooocus_card\": 1, \"defaults\": 3}", FC_FORMAT, "own.json: defaults must be");
    check_card("{\"fooocus_card\": 1, \"sizes\": [[1, 2, 3]]}", FC_FORMAT, "own.json: sizes must be");
    check_card("{\"fooocus_card\": 1, \"prompts\": [1]}", FC_FORMAT, "own.json: prompts must be");
    app_write("carded/models/checkpoints/own.json", "{\"defaults\": 3}"); /* another program's */
    char home[400];
    lookup l;
    snprintf(home, sizeof home, "%s", fc_test_tmp_path("carded"));
    where = home;
    assert_ok(find(&l, "{}", true), &l.err);
    where = NULL;
    fc_arena_fini(&l.arena);
}

/* The card's values count where the request says nothing; it may not name files of this machine. */
static void test_card_defaults(void **state)
{
    (void)state;
    lookup l;
    fc_model_card card;
    fc_params params;
    fc_request *request = fc_request_new();
    fc_arena_init(&l.arena, 1 << 20);
    app_write("cards/a.json", "{\"fooocus_card\": 1, \"defaults\": {\"width\": 192, \"height\": 256, "
                              "\"cfg\": 3.5, \"styles\": []}}");
    assert_ok(fc_model_card_open(&card, fc_test_tmp_path("cards/a.safetensors"), &l.err), &l.err);
    assert_ok(fc_request_set(request, "cfg", "9", &l.err), &l.err);
    assert_ok(fc_model_card_apply(&card, request, &l.err), &l.err);
    assert_ok(fc_request_resolve(request, &l.arena, &params, &l.err), &l.err);
    assert_int_equal(params.width, 192);
    assert_int_equal(params.height, 256);
    assert_true(params.cfg == 9);
    assert_int_equal(params.styles.count, 0);
    fc_model_card_close(&card);

    app_write("cards/b.json", "{\"fooocus_card\": 1, \"defaults\": {\"output\": \"/etc/passwd\"}}");
    assert_ok(fc_model_card_open(&card, fc_test_tmp_path("cards/b.ckpt"), &l.err), &l.err);
    assert_fails(fc_model_card_apply(&card, request, &l.err), FC_DENIED, &l.err, "b.json: defaults: output");
    fc_model_card_close(&card);
    assert_ok(fc_model_card_open(&card, fc_test_tmp_path("cards/none.ckpt"), &l.err), &l.err);
    assert_null(card.root);
    fc_request_free(request);
    fc_arena_fini(&l.arena);
}

static void test_errors(void **state)
{
    (void)state;
    char folder[400];
    check_error("{\"model\": \"zetta\"}", false, FC_NOT_FOUND, "did you mean zeta.safetensors?");
    check_error("{\"model\": \"quite other\"}", false, FC_NOT_FOUND,
                "there is no file quite other, and none of that name in");
    check_error("{\"refiner\": \"nosuch\"}", false, FC_NOT_FOUND, "refiner: there is no file");
    check_error("{\"vae\": \"nosuch\"}", false, FC_NOT_FOUND, "vae: there is no file");
    check_error("{\"loras\": [\"nosuch:1\"]}", false, FC_NOT_FOUND, "lora: there is no file");
    check_error("{\"performance\": \"lightning\"}", false, FC_NOT_FOUND,
                "needs the LoRA sdxl_lightning_4step_lora");
    snprintf(folder, sizeof folder, "{\"model\": \"%s\"}", home());
    check_error(folder, false, FC_ARG, "is a folder");
}

static void test_paths_over_the_network(void **state)
{
    (void)state;
    char json[400];
    lookup l;
    snprintf(json, sizeof json, "{\"model\": \"%s\"}", fc_test_tmp_path("elsewhere.safetensors"));
    check_error(json, true, FC_DENIED, "is a path");
    check_error("{\"model\": \"../checkpoints/zeta.safetensors\"}", true, FC_DENIED, "is a path");
    check_error("{\"loras\": [\"..\\\\x:1\"]}", true, FC_DENIED, "is a path");
    check_error("{\"vae\": \"a/..\"}", true, FC_DENIED, "is a path");
    assert_ok(find(&l, "{\"model\": \"sub/dee\"}", true) == FC_NOT_FOUND ? FC_OK : FC_INTERNAL, &l.err);
    fc_arena_fini(&l.arena);
    assert_ok(find(&l, "{\"model\": \"deep\", \"loras\": [\"ink\"]}", true), &l.err);
    fc_arena_fini(&l.arena);
}

static void test_loras_and_decoder(void **state)
{
    (void)state;
    lookup l;
    assert_ok(find(&l, "{\"loras\": [\"ink:0.5\", \"paint.safetensors\"]}", false), &l.err);
    assert_int_equal(l.files.loras.count, 2);
    assert_non_null(strstr(l.files.loras.items[0].path, "/models/loras/style/ink.safetensors"));
    assert_true(l.files.loras.items[0].weight == 0.5);
    assert_int_equal(l.files.known_loras.count, 2);
    assert_non_null(strstr(l.files.preview_decoder, "taesdxl_decoder.pth"));
    assert_null(l.files.refiner);
    assert_int_equal(l.files.embeddings.names.count, 0);
    fc_arena_fini(&l.arena);
}

/* Nothing chosen: the files that the recipe was made with, if its model is there. */
static void test_own_sets(void **state)
{
    (void)state;
    lookup l;
    app_write("home/models/checkpoints/sd_xl_base_1.0_0.9vae.safetensors", "b");
    assert_ok(find(&l, "{}", false), &l.err);
    assert_non_null(strstr(l.files.base, "sd_xl_base_1.0_0.9vae"));
    assert_null(l.files.refiner); /* is not there */
    assert_int_equal(l.files.loras.count, 0);
    fc_arena_fini(&l.arena);
    app_write("home/models/checkpoints/more/sd_xl_refiner_1.0_0.9vae.safetensors", "r");
    app_write("home/models/loras/sd_xl_offset_example-lora_1.0.safetensors", "l");
    assert_ok(find(&l, "{}", false), &l.err);
    assert_non_null(strstr(l.files.refiner, "more/sd_xl_refiner_1.0_0.9vae"));
    assert_int_equal(l.files.loras.count, 1);
    assert_true(l.files.loras.items[0].weight == 0.5);
    fc_arena_fini(&l.arena);
    assert_ok(find(&l, "{\"refiner\": \"none\", \"loras\": []}", false), &l.err);
    assert_null(l.files.refiner);
    assert_int_equal(l.files.loras.count, 0);
    fc_arena_fini(&l.arena);
    assert_ok(find(&l, "{\"model\": \"zeta\"}", false), &l.err); /* another model: nothing comes with it */
    assert_null(l.files.refiner);
    assert_int_equal(l.files.loras.count, 0);
    fc_arena_fini(&l.arena);
    assert_ok(find(&l, "{\"recipe\": \"2.5\"}", false), &l.err);
    assert_non_null(strstr(l.files.base, "sub/deep"));
    fc_arena_fini(&l.arena);
    assert_int_equal(unlink(fc_test_tmp_path("home/models/checkpoints/sd_xl_base_1.0_0.9vae.safetensors")),
                     0);
}

static void test_no_models(void **state)
{
    (void)state;
    fc_arena arena;
    fc_model_files files;
    fc_err err = {0};
    fc_request *request = fc_request_new();
    fc_params params;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_request_set(request, "home", fc_test_tmp_path("nowhere"), &err), &err);
    assert_ok(fc_request_resolve(request, &arena, &params, &err), &err);
    assert_fails(fc_model_files_find(app_config(params.home), &params, request, &arena, &files, &err),
                 FC_NOT_FOUND, &err, "--model FILE");
    fc_request_free(request);
    fc_arena_fini(&arena);
}

/* ---- hashes ---- */

static void test_hash_and_cache(void **state)
{
    (void)state;
    fc_err err = {0};
    char hash[FC_FILEHASH_SIZE], cache[300], file[300];
    fc_buf content;
    snprintf(cache, sizeof cache, "%s/cache", fc_test_tmpdir());
    snprintf(file, sizeof file, "%s", app_write("hashed.bin", "abc"));
    assert_ok(fc_filehash(file, cache, NULL, hash, &err), &err);
    assert_string_equal(hash, "ba7816bf8f"); /* SHA-256 of "abc", FIPS 180-2 */
    fc_buf_init(&content, 10000);
    assert_ok(fc_file_read(cache, &content, &err), &err);
    assert_memory_equal(content.data, "ba7816bf8f 3 ", 13);
    /* the cache is believed while size and time are the same */
    content.data[0] = 'c';
    assert_ok(fc_file_write_atomic(cache, content.data, content.len, &err), &err);
    assert_ok(fc_filehash(file, cache, NULL, hash, &err), &err);
    assert_string_equal(hash, "ca7816bf8f");
    /* another time: computed again */
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    assert_ok(fc_filehash(file, cache, NULL, hash, &err), &err);
    assert_string_equal(hash, "ba7816bf8f");
    fc_buf_fini(&content);
}

static void test_hash_without_cache(void **state)
{
    (void)state;
    fc_err err = {0};
    char hash[FC_FILEHASH_SIZE], file[300];
    int cancel = FC_STOP;
    snprintf(file, sizeof file, "%s", app_write("hashed.bin", "abc"));
    assert_ok(fc_filehash(file, NULL, NULL, hash, &err), &err);
    assert_ok(fc_filehash(file, "/nosuch/cache", NULL, hash, &err), &err);
    assert_string_equal(hash, "ba7816bf8f");
    assert_int_equal(fc_filehash(file, NULL, &cancel, hash, &err), FC_CANCELLED);
    assert_fails(fc_filehash(fc_test_tmp_path("nosuch"), NULL, NULL, hash, &err), FC_NOT_FOUND, &err,
                 "nosuch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_paths_over_the_network),
        cmocka_unit_test(test_loras_and_decoder),
        cmocka_unit_test(test_own_sets),
        cmocka_unit_test(test_no_models),
        cmocka_unit_test(test_demo),
        cmocka_unit_test(test_box),
        cmocka_unit_test(test_broken_cards),
        cmocka_unit_test(test_card_defaults),
        cmocka_unit_test(test_hash_and_cache),
        cmocka_unit_test(test_hash_without_cache),
    };
    return cmocka_run_group_tests(tests, make_home, NULL);
}
