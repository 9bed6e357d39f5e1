/* The style "Fooocus V2" with files as a user brings them: the words of the reference, and files that are
 * missing or something else. */
#include "app/prompt_words.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "support/app_cases.h"
#include "support/support.h"
#include "support/synth.h"

#define FOLDER "models/prompt_expansion/fooocus_expansion"

struct fixture {
    fc_config *config;
    fc_arena arena;
    fc_prompt_words words;
    app_warnings warnings;
};

static void put(const char *name, const char *text)
{
    char path[4096];
    fc_err err = {0};
    snprintf(path, sizeof path, "%s/" FOLDER "/%s", fc_test_tmpdir(), name);
    for (char *slash = path + strlen(fc_test_tmpdir()) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        (void)mkdir(path, 0777);
    }
    assert_ok(fc_file_write_atomic(path, text, strlen(text), &err), &err);
}

static void open_words(struct fixture *f, bool dry)
{
    fc_err err = {0};
    f->warnings = (app_warnings){0};
    fc_arena_init(&f->arena, 64 << 20);
    assert_ok(fc_config_open(&f->config, fc_test_tmpdir(), NULL, (fc_warn){0}, &err), &err);
    fc_prompt_words_init(&f->words, f->config, dry, NULL, app_warn(&f->warnings), &f->arena);
}

static void close_words(struct fixture *f)
{
    fc_prompt_words_fini(&f->words);
    fc_config_close(f->config);
    fc_arena_fini(&f->arena);
}

static const char *expanded(struct fixture *f, const char *prompt, uint64_t seed)
{
    const char *out = NULL;
    fc_err err = {0};
    assert_ok(f->words.added.run(f->words.added.user, prompt, seed, &f->arena, &out, &err), &err);
    return out;
}

/* Nothing is there, then a model without its list, then a list beside something that is no model. */
static void test_missing(void **state)
{
    (void)state;
    static const char *const told[] = {"language model is not in", "list of words is not in",
                                       "pytorch_model"};
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        if (i == 1) put("pytorch_model.bin", "no model");
        if (i == 2) put("positive.txt", "detailed\n");
        open_words(&f, false);
        assert_null(expanded(&f, "a cat", 1));
        assert_null(expanded(&f, "a cat", 2));
        assert_int_equal(f.warnings.count, 1);
        assert_non_null(strstr(f.warnings.text, told[i]));
        close_words(&f);
        open_words(&f, true);
        assert_null(expanded(&f, "a cat", 1));
        assert_int_equal(f.warnings.count, 0);
        close_words(&f);
    }
}

static void test_reference(void **state)
{
    (void)state;
    struct fixture f;
    fc_buf list;
    char path[4096];
    size_t i;
    json_t *root = fc_test_golden_json("v25_expansion.json"), *p, *word;
    fc_buf_init(&list, 1 << 16);
    json_array_foreach(json_object_get(root, "words"), i, word)
        fc_buf_printf(&list, "%s\n", json_string_value(word));
    put("positive.txt", fc_buf_cstr(&list));
    snprintf(path, sizeof path, "%s/" FOLDER "/model.safetensors", fc_test_tmpdir());
    assert_int_equal(symlink(fc_test_synth("gpt2_tiny"), path), 0);
    open_words(&f, false);
    json_array_foreach(json_object_get(root, "prompts"), i, p)
    {
        uint64_t seed;
        const char *prompt = json_string_value(json_object_get(p, "prompt"));
        assert_true(fc_parse_u64(json_string_value(json_object_get(p, "seed")), &seed));
        assert_string_equal(expanded(&f, prompt, seed), json_string_value(json_object_get(p, "result")));
    }
    assert_int_equal(f.warnings.count, 0);
    close_words(&f);
    fc_buf_fini(&list);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_missing), cmocka_unit_test(test_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
