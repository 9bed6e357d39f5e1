/* app/translation and engine/translator: folders of translation models are found by language and name, read
 * and used; what is missing or wrong in them is told. The model is the synthetic one. */
#include "app/translation.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/app_cases.h"
#include "support/synth.h"

enum { WORDS = 97 };
static char home[200], folder[300];

static void write_text(const char *name, const char *text)
{
    char path[400];
    fc_err err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(fc_file_write_atomic(path, text, strlen(text), &err), &err);
}

static void copy_file(const char *from, const char *name)
{
    char path[400];
    fc_buf data;
    fc_err err = {0};
    fc_buf_init(&data, 1 << 24);
    assert_ok(fc_file_read(from, &data, &err), &err);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(fc_file_write_atomic(path, data.data, data.len, &err), &err);
    fc_buf_fini(&data);
}

#define SIZES                                                                                                \
    "\"encoder_attention_heads\": 4, \"decoder_attention_heads\": 4, \"max_position_embeddings\": 64, "      \
    "\"activation_function\": \"swish\", \"scale_embedding\": true, \"pad_token_id\": 96, "                  \
    "\"eos_token_id\": 0"
#define CONFIG "{\"model_type\": \"marian\", " SIZES ", \"num_beams\": 3, \"bad_words_ids\": [[96]]}"

/* Words of one letter, for which the network writes others. */
static void write_vocabulary(void)
{
    fc_buf b;
    fc_buf_init(&b, 1 << 16);
    fc_buf_puts(&b, "{\"</s>\": 0, \"<unk>\": 1, \"<pad>\": 96, \"\xe2\x96\x81\": 2");
    for (int i = 3; i < 96; i++)
        fc_buf_printf(&b, i < 29 ? ", \"%c\": %d" : ", \"\xe2\x96\x81w%d\": %d", i < 29 ? 'a' + i - 3 : i, i);
    fc_buf_puts(&b, "}");
    write_text("vocab.json", fc_buf_cstr(&b));
    fc_buf_fini(&b);
}

static void make_folder(const char *name)
{
    fc_err err = {0};
    snprintf(home, sizeof home, "%s", fc_test_tmp_path("home"));
    snprintf(folder, sizeof folder, "%s/models/translation/%s", home, name);
    assert_ok(fc_mkdir_all(folder, &err), &err);
    write_text("config.json", CONFIG);
    write_text("generation_config.json", "{\"max_length\": 20, \"num_beams\": 2}");
    write_vocabulary();
    copy_file(FC_SOURCE_DIR "/tests/data/spm/tiny.model", "source.spm");
    copy_file(fc_test_synth("marian_tiny"), "model.safetensors");
}

static void a_sentence_is_translated(void **state)
{
    (void)state;
    fc_translator *t;
    fc_arena arena;
    const char *first, *again;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    make_folder("opus-mt-zh-en");
    assert_ok(fc_translator_open(&t, folder, &err), &err);
    assert_ok(fc_translator_run(t, "a red house", NULL, &arena, &first, &err), &err);
    assert_ok(fc_translator_run(t, "a red house", NULL, &arena, &again, &err), &err);
    assert_true(*first);
    assert_string_equal(first, again);
    assert_null(strstr(first, "<"));
    assert_ok(fc_translator_run(t, "", NULL, &arena, &first, &err), &err);
    const int stop = FC_STOP;
    assert_fails(fc_translator_run(t, "a blue house", &stop, &arena, &first, &err), FC_CANCELLED, &err, "");
    assert_ok(fc_translator_run(t, "a blue house", NULL, &arena, &first, &err), &err);
    fc_translator_close(t);
    fc_arena_fini(&arena);
}

static void refuse(fc_status wanted, const char *part)
{
    fc_translator *t;
    fc_err err = {0};
    assert_fails(fc_translator_open(&t, folder, &err), wanted, &err, part);
    assert_null(t);
}

static void refuse_without(const char *name)
{
    char path[400];
    make_folder("broken");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(remove(path), 0);
    refuse(FC_NOT_FOUND, name);
}

static void what_is_missing_or_wrong_is_told(void **state)
{
    (void)state;
    refuse_without("config.json");
    refuse_without("source.spm");
    refuse_without("vocab.json");
    refuse_without("model.safetensors");
    make_folder("broken");
    write_text("config.json", "{\"model_type\": \"t5\"}");
    refuse(FC_UNSUPPORTED, "not a Marian translation network");
    write_text("config.json", "{\"model_type\": \"marian\", \"normalize_before\": true}");
    refuse(FC_UNSUPPORTED, "not supported");
    write_text("config.json", "{\"model_type\": \"marian\", \"activation_function\": \"mish\"}");
    refuse(FC_UNSUPPORTED, "mish");
    write_text("config.json", "{\"model_type\"");
    refuse(FC_FORMAT, "config.json");
    make_folder("broken");
    write_text("vocab.json", "{\"</s>\": 0, \"a\": 97}");
    refuse(FC_FORMAT, "does not fit");
    write_text("vocab.json", "{\"</s>\": 0}");
    refuse(FC_FORMAT, "<unk>");
    make_folder("broken");
    write_text("source.spm", "no model");
    refuse(FC_FORMAT, "SentencePiece");
}

static char warnings[2000];

static void on_warning(void *user, const char *text)
{
    (void)user;
    snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", text);
}

/* "zh" or "none": whether a model reads the language, with this choice. */
static bool model_reads(const fc_config *config, const char *choice, const char *language)
{
    fc_translation t;
    fc_arena arena;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_translation_init(&t, config, choice, false, NULL, (fc_warn){on_warning, NULL}, &arena, &err),
              &err);
    bool answer = t.translator.reads(t.translator.user, language);
    fc_translation_fini(&t);
    fc_arena_fini(&arena);
    return answer;
}

static void folders_are_found_by_language_and_name(void **state)
{
    (void)state;
    fc_config *config;
    fc_translation t;
    fc_arena arena;
    fc_err err = {0};
    make_folder("opus-mt-zh-en");
    assert_ok(fc_config_open(&config, home, NULL, (fc_warn){0}, &err), &err);
    assert_true(model_reads(config, "auto", "zh"));
    assert_false(model_reads(config, "auto", "ru"));
    assert_false(model_reads(config, "auto", NULL));
    assert_false(model_reads(config, "glossary", "zh"));
    assert_true(model_reads(config, "opus-mt-zh-en", NULL));
    assert_string_equal(warnings, "");
    make_folder("opus-mt-ru-en");
    write_text("config.json", "{}");
    assert_false(model_reads(config, "auto", "ru"));
    assert_non_null(strstr(warnings, "opus-mt-ru-en is not used"));
    fc_arena_init(&arena, 1 << 20);
    assert_fails(fc_translation_init(&t, config, "opus-mt-de-en", true, NULL, (fc_warn){0}, &arena, &err),
                 FC_NOT_FOUND, &err, "no folder opus-mt-de-en");
    fc_arena_fini(&arena);
    fc_config_close(config);
}

static fc_status open_translator(void *user)
{
    (void)user;
    fc_translator *t;
    fc_status status = fc_translator_open(&t, folder, NULL);
    fc_translator_close(t);
    return status;
}

static void memory_may_end_at_any_call(void **state)
{
    (void)state;
    make_folder("opus-mt-zh-en");
    assert_true(fc_test_torture(open_translator, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_translated),
        cmocka_unit_test(what_is_missing_or_wrong_is_told),
        cmocka_unit_test(folders_are_found_by_language_and_name),
        cmocka_unit_test(memory_may_end_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
