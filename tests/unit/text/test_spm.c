/* SentencePiece: the library's own pieces for texts in a small model that it made, other files, damage. */
#include "text/spm.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "support/support.h"

#define MODEL FC_SOURCE_DIR "/tests/data/spm/tiny.model"

static void check_text(const fc_spm *m, const char *text, const json_t *wanted)
{
    fc_arena arena;
    fc_spm_pieces pieces;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_spm_encode(m, text, &arena, &pieces, &err), &err);
    if (pieces.count != json_array_size(wanted))
        fail_msg("\"%s\": %zu pieces, want %zu", text, pieces.count, json_array_size(wanted));
    for (size_t i = 0; i < pieces.count; i++)
        assert_string_equal(pieces.items[i], json_string_value(json_array_get(wanted, i)));
    fc_arena_fini(&arena);
}

static void the_pieces_are_the_librarys(void **state)
{
    (void)state;
    fc_spm *m;
    fc_err err = {0};
    json_t *root, *c;
    size_t i;
    assert_ok(fc_spm_open_file(&m, MODEL, &err), &err);
    assert_ok(
        fc_json_read_file(FC_SOURCE_DIR "/tests/data/spm/tiny.json", 1 << 20, FC_JSON_ARRAY, &root, &err),
        &err);
    assert_int_equal(json_array_size(root), 25);
    json_array_foreach(root, i, c)
    {
        check_text(m, json_string_value(json_object_get(c, "text")), json_object_get(c, "pieces"));
    }
    json_decref(root);
    fc_spm_close(m);
}

static void pieces_become_a_text_again(void **state)
{
    (void)state;
    fc_spm *m;
    fc_arena arena;
    fc_spm_pieces pieces;
    fc_buf text;
    fc_err err = {0};
    fc_arena_init(&arena, 1 << 20);
    fc_buf_init(&text, 1 << 10);
    assert_ok(fc_spm_open_file(&m, MODEL, &err), &err);
    assert_ok(fc_spm_encode(m, "  a red   house, (watercolor) ", &arena, &pieces, &err), &err);
    for (size_t i = 0; i < pieces.count; i++) fc_spm_decode(pieces.items[i], &text);
    assert_string_equal(fc_buf_cstr(&text), "a red house, (watercolor)");
    fc_buf_fini(&text);
    fc_arena_fini(&arena);
    fc_spm_close(m);
}

static void refuse(const void *data, size_t size, fc_status wanted, const char *part)
{
    fc_spm *m;
    fc_err err = {0};
    assert_fails(fc_spm_open(&m, data, size, &err), wanted, &err, part);
    assert_null(m);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    static const char bytes[] = "\x0a\x05\x0a\x01"
                                "a\x18\x01\x12\x02\x18\x02"; /* one piece; the model's kind is byte pairs */
    fc_buf text;
    fc_err err = {0};
    fc_buf_init(&text, 1 << 20);
    refuse("", 0, FC_FORMAT, "no SentencePiece model");
    refuse("{\"a\": 1}", 8, FC_FORMAT, "no SentencePiece model");
    refuse(bytes, sizeof bytes - 1, FC_UNSUPPORTED, "unigram");
    assert_ok(fc_file_read(MODEL, &text, &err), &err);
    refuse(text.data, text.len - 1, FC_FORMAT, "damaged");
    fc_buf_fini(&text);
}

static fc_status open_and_cut(void *user)
{
    (void)user;
    fc_spm *m = NULL;
    fc_arena arena;
    fc_spm_pieces pieces;
    fc_arena_init(&arena, 1 << 20);
    fc_status status = fc_spm_open_file(&m, MODEL, NULL);
    if (!status) status = fc_spm_encode(m, "a red house", &arena, &pieces, NULL);
    fc_spm_close(m);
    fc_arena_fini(&arena);
    return status;
}

static void memory_may_end_at_any_call(void **state)
{
    (void)state;
    assert_true(fc_test_torture(open_and_cut, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pieces_are_the_librarys),
        cmocka_unit_test(pieces_become_a_text_again),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(memory_may_end_at_any_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
