/* app/common/file_name: one file, however its name is written. */
#include "app/common/file_name.h"

#include "app/common/home.h"
#include "support/support.h"

static const char *const files[] = {"models/loras/My Style/ink pen.safetensors",
                                    "models/loras/loras/plain.safetensors", "models/loras/plain.safetensors",
                                    "models/loras/a.b.safetensors", "model.gguf"};
enum { FILES = sizeof files / sizeof files[0] };

static void expect(const char *name, size_t want)
{
    size_t got = fc_file_name_find(files, FILES, name);
    if (got != want) fail_msg("%s: %zu, wanted %zu", name, got, want);
}

static void test_every_spelling(void **state)
{
    (void)state;
    static const char *const ink[] = {"models/loras/My Style/ink pen.safetensors",
                                      "ink pen.safetensors",
                                      "ink pen",
                                      "My Style/ink pen",
                                      "My Style\\ink pen",
                                      "My Style\\ink pen.safetensors",
                                      "loras\\My Style\\ink pen",
                                      "my style/INK PEN.safetensors",
                                      "Ink Pen"};
    for (size_t i = 0; i < sizeof ink / sizeof ink[0]; i++) expect(ink[i], 0);
    expect("loras/plain", 1);
    expect("loras/loras/plain", 1);
    expect("plain", 1);
    expect("models/loras/plain", 2);
    expect("a.b", 3);
    expect("model.gguf", 4);
    expect("model", 4);
    static const char *const none[] = {"",         "nk pen",   "Style/ink pen", "ink",
                                       "ink pen/", "/ink pen", "safetensors",   "b"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) expect(none[i], FILES);
}

static void test_plain_names(void **state)
{
    (void)state;
    static const char *const plain[] = {"a",   "a/b",     "a\\b", "..a",
                                        "a..", "a/..b/c", "",     "a b\\c d.safetensors"};
    static const char *const others[] = {"/a",   "\\a",   "..",    "a/..", "a\\..\\b",
                                         "../a", "..\\a", "C:\\a", "c:/a"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) assert_true(fc_name_is_plain(plain[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_false(fc_name_is_plain(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_spelling),
                                       cmocka_unit_test(test_plain_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
