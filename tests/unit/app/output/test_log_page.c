/* The page of the day: newest first, escaped, whole after many processes wrote to it at once. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "app/output/log_page.h"
#include "base/file.h"

static json_t *record_with(const char *prompt)
{
    return json_pack("{s:s, s:s, s:f, s:i, s:[s], s:s}", "prompt", prompt, "styles", "['A']",
                     "guidance_scale", 4.5, "steps", 30, "full_prompt", prompt, "lora_combined_2", "l : 0.5");
}

static void add(const char *path, const char *prompt)
{
    fc_err err = {0};
    json_t *record = record_with(prompt);
    assert_ok(fc_logpage_add(path, record, &err), &err);
    json_decref(record);
}

static void read_page(const char *folder, fc_buf *page)
{
    char path[4096];
    fc_err err = {0};
    snprintf(path, sizeof path, "%s/log.html", folder);
    fc_buf_init(page, 64 << 20);
    assert_ok(fc_file_read(path, page, &err), &err);
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (; (text = strstr(text, what)); text += strlen(what)) count++;
    return count;
}

static const char *folder_named(const char *name)
{
    static char folder[300];
    fc_err err = {0};
    snprintf(folder, sizeof folder, "%s/%s", fc_test_tmpdir(), name);
    assert_ok(fc_mkdir_all(folder, &err), &err);
    return folder;
}

static const char *in(const char *folder, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void test_newest_first(void **state)
{
    (void)state;
    const char *folder = folder_named("2024-05-07");
    fc_buf page;
    add(in(folder, "a.png"), "first fox");
    add(in(folder, "b.png"), "second owl");
    read_page(folder, &page);
    const char *text = fc_buf_cstr(&page);
    assert_true(strstr(text, "second owl") < strstr(text, "first fox"));
    assert_non_null(strstr(text, "<title>Pictures of 2024-05-07</title>"));
    assert_non_null(strstr(text, "<div class=\"picture\" id=\"a_png\">"));
    assert_non_null(strstr(text, "<dt>Guidance Scale</dt><dd>4.5</dd>"));
    assert_non_null(strstr(text, "<dt>LoRA 2</dt><dd>l : 0.5</dd>"));
    assert_int_equal(count_of(text, "<!--fooocus-log-split-->"), 2);
    assert_int_equal(count_of(text, "<html"), 1);
    fc_buf_fini(&page);
}

static void test_values_are_escaped(void **state)
{
    (void)state;
    const char *folder = folder_named("escaped");
    fc_buf page;
    add(in(folder, "\"><script>x.png"),
        "</dd><script>alert(1)</script> & \"q\" 'p' <!--fooocus-log-split-->\n<img src=x onerror=y>");
    add(in(folder, "b.png"), "later");
    read_page(folder, &page);
    const char *text = fc_buf_cstr(&page);
    assert_int_equal(count_of(text, "<script"), 1); /* the page's own */
    assert_int_equal(count_of(text, "<img "), 2);
    assert_int_equal(count_of(text, "<!--fooocus-log-split-->"), 2);
    assert_int_equal(count_of(text, "class=\"picture\""), 2);
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot; &#39;p&#39;"));
    fc_buf_fini(&page);
}

/* Eight processes, ten pictures each: every one is there, and the page is whole. */
static void test_many_processes(void **state)
{
    (void)state;
    enum { PROCESSES = 8, PICTURES = 10 };
    const char *folder = folder_named("many");
    fc_buf page;
    for (int p = 0; p < PROCESSES; p++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0) continue;
        int failures = 0;
        for (int i = 0; i < PICTURES; i++) {
            char name[32], prompt[32];
            snprintf(name, sizeof name, "p%d-%d.png", p, i);
            snprintf(prompt, sizeof prompt, "prompt-%d-%d-", p, i);
            json_t *record = record_with(prompt);
            failures += fc_logpage_add(in(folder, name), record, NULL) != FC_OK;
            json_decref(record);
        }
        _exit(failures);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    read_page(folder, &page);
    assert_int_equal(count_of(fc_buf_cstr(&page), "class=\"picture\""), PROCESSES * PICTURES);
    for (int p = 0; p < PROCESSES; p++)
        for (int i = 0; i < PICTURES; i++) {
            char id[48];
            snprintf(id, sizeof id, "id=\"p%d-%d_png\"", p, i);
            assert_int_equal(count_of(fc_buf_cstr(&page), id), 1);
        }
    assert_int_equal(count_of(fc_buf_cstr(&page), "</html>"), 1);
    fc_buf_fini(&page);
}

/* Whatever stands in log.html: the new picture gets in, and the page is whole again. */
static void test_broken_pages(void **state)
{
    (void)state;
    static const char *const pages[] = {"", "hello", "<!--fooocus-log-split-->\n",
                                        "x<!--fooocus-log-split-->\nold<!--fooocus-log-split-->\n"};
    const char *folder = folder_named("broken");
    fc_err err = {0};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        fc_buf page;
        assert_ok(fc_file_write_atomic(in(folder, "log.html"), pages[i], strlen(pages[i]), &err), &err);
        add(in(folder, "a.png"), "fox");
        read_page(folder, &page);
        assert_int_equal(count_of(fc_buf_cstr(&page), "class=\"picture\""), 1);
        assert_int_equal(count_of(fc_buf_cstr(&page), "<!--fooocus-log-split-->"), 2);
        assert_int_equal(count_of(fc_buf_cstr(&page), "old"), i == 3);
        fc_buf_fini(&page);
    }
}

static void test_no_folder(void **state)
{
    (void)state;
    fc_err err = {0};
    json_t *record = record_with("x");
    assert_fails(fc_logpage_add(fc_test_tmp_path("none/a.png"), record, &err), FC_NOT_FOUND, &err, "none");
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newest_first),   cmocka_unit_test(test_values_are_escaped),
        cmocka_unit_test(test_many_processes), cmocka_unit_test(test_broken_pages),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
