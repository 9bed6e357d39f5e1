/* Names of pictures, folders that cannot be used, and that nothing broken or foreign ends up under a final
 * name. */
#include "support/app_cases.h"
#include "support/support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/output/path.h"
#include "base/file.h"

static fc_params params_with(const char *output, const char *format, const char *latent)
{
    return (fc_params){.output = output, .format = format, .latent = latent};
}

static void test_dated_name(void **state)
{
    (void)state;
    const struct tm when = {
        .tm_year = 124, .tm_mon = 4, .tm_mday = 7, .tm_hour = 3, .tm_min = 5, .tm_sec = 9};
    char name[64];
    fc_out_dated_name(&when, 4711, "png", name);
    assert_string_equal(name, "2024-05-07_03-05-09_4711.png");
}

/* Digits at the D's of the pattern, everything else as it stands. */
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*pattern == 'D' ? !digit : *text != *pattern) return false;
    }
    return *text == '\0';
}

static void test_day_folder(void **state)
{
    (void)state;
    const fc_params params = params_with("", "webp", "");
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE], other[FC_PATH_SIZE], home[256];
    fc_buf content;
    snprintf(home, sizeof home, "%s/home", fc_test_tmpdir());
    assert_ok(fc_out_open(&out, &params, app_config(home), &err), &err);
    assert_ok(fc_out_save(&out, 1, 2, "abc", 3, path, &err), &err);
    assert_ok(fc_out_save(&out, 2, 2, "de", 2, other, &err), &err);
    assert_true(matches(path + strlen(home), "/outputs/DDDD-DD-DD/DDDD-DD-DD_DD-DD-DD_DDDD.webp"));
    assert_memory_equal(path + strlen(home) + 9, fc_path_basename(path), 10);
    assert_string_not_equal(path, other);
    fc_buf_init(&content, 100);
    assert_ok(fc_file_read(path, &content, &err), &err);
    assert_string_equal(fc_buf_cstr(&content), "abc");
    fc_buf_fini(&content);
}

static void test_many_in_one_second(void **state)
{
    (void)state;
    const fc_params params = params_with(fc_test_tmp_path("many/"), "png", "");
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE];
    fc_buf content;
    assert_ok(fc_out_open(&out, &params, app_config(""), &err), &err);
    assert_int_equal(out.kind, FC_OUT_FOLDER);
    fc_buf_init(&content, 100);
    for (int i = 0; i < 400;
         i++) { /* about 9 of 9000 numbers collide on average when all fall into one second */
        assert_ok(fc_out_save(&out, 1, 1, &i, sizeof i, path, &err), &err);
        fc_buf_reset(&content);
        assert_ok(fc_file_read(path, &content, &err), &err);
        assert_memory_equal(content.data, &i, sizeof i);
    }
    fc_buf_fini(&content);
}

/* A run that fails before its first picture leaves no empty folder. */
static void test_new_folder(void **state)
{
    (void)state;
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE], target[256];
    snprintf(target, sizeof target, "%s/not/there/yet/", fc_test_tmpdir());
    const fc_params params = params_with(target, "png", "");
    assert_ok(fc_out_open(&out, &params, app_config(""), &err), &err);
    assert_false(fc_path_exists(fc_test_tmp_path("not")));
    assert_ok(fc_out_save(&out, 1, 1, "a", 1, path, &err), &err);
    assert_true(fc_path_exists(path));
    assert_memory_equal(path, target, strlen(target));
}

static void test_named_file(void **state)
{
    (void)state;
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE], target[256];
    snprintf(target, sizeof target, "%s/my.fox.JPG", fc_test_tmpdir());
    const fc_params params = params_with(target, "png", "");
    assert_ok(fc_out_open(&out, &params, app_config(""), &err), &err);
    assert_string_equal(out.format, "jpeg");
    assert_ok(fc_out_save(&out, 1, 1, "a", 1, path, &err), &err);
    assert_string_equal(path, target);
    assert_ok(fc_out_save(&out, 1, 1, "b", 1, path, &err), &err); /* a given name is replaced */
    assert_ok(fc_out_save(&out, 2, 3, "c", 1, path, &err), &err);
    assert_string_equal(fc_path_basename(path), "my.fox-2.JPG");
}

static void test_latent_names(void **state)
{
    (void)state;
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE], target[256];
    snprintf(target, sizeof target, "%s/l.safetensors", fc_test_tmpdir());
    const fc_params params = params_with(fc_test_tmp_path("x.png"), "png", target);
    assert_ok(fc_out_open(&out, &params, app_config(""), &err), &err);
    assert_ok(fc_out_latent_path(&out, 1, 1, path, &err), &err);
    assert_string_equal(path, target);
    assert_ok(fc_out_latent_path(&out, 3, 3, path, &err), &err);
    assert_string_equal(fc_path_basename(path), "l-3.safetensors");
}

static void test_wrong_outputs(void **state)
{
    (void)state;
    fc_out out;
    fc_err err = {0};
    fc_params params = params_with(fc_test_tmp_path("a.gif"), "png", "");
    assert_fails(fc_out_open(&out, &params, app_config(""), &err), FC_ARG, &err, "ends in none of .png");
    params = params_with(fc_test_tmp_path("nodir/a.png"), "png", "");
    assert_fails(fc_out_open(&out, &params, app_config(""), &err), FC_NOT_FOUND, &err, "no folder");
    params = params_with(fc_test_tmp_path("x.png"), "png", fc_test_tmp_path("latent.bin"));
    assert_fails(fc_out_open(&out, &params, app_config(""), &err), FC_ARG, &err,
                 "does not end in .safetensors");
    params = params_with(fc_test_tmp_path("x.png"), "png", fc_test_tmp_path("nodir/l.safetensors"));
    assert_fails(fc_out_open(&out, &params, app_config(""), &err), FC_NOT_FOUND, &err, "no folder");
    assert_ok(fc_file_write_atomic(fc_test_tmp_path("plain"), "", 0, &err), &err);
    params = params_with("", "png", "");
    assert_int_not_equal(fc_out_open(&out, &params, app_config(fc_test_tmp_path("plain")), &err), FC_OK);
    assert_non_null(strstr(err.message, "plain"));
}

static void test_read_only_folder(void **state)
{
    (void)state;
    fc_out out;
    fc_err err = {0};
    const char *folder = fc_test_tmp_path("locked");
    fc_params params = params_with(folder, "png", "");
    if (geteuid() == 0) folder = "/proc"; /* root may write anywhere else */
    params.output = folder;
    if (geteuid() != 0) assert_int_equal(mkdir(folder, 0500), 0);
    fc_status status = fc_out_open(&out, &params, app_config(""), &err);
    char path[FC_PATH_SIZE];
    if (status == FC_OK) status = fc_out_save(&out, 1, 1, "a", 1, path, &err);
    assert_int_not_equal(status, FC_OK);
    assert_non_null(strstr(err.message, folder));
    if (geteuid() != 0) rmdir(folder);
}

/* A write that the system refuses: neither the name nor a temporary file is left. */
static void test_refused_write(void **state)
{
    (void)state;
    const fc_params params = params_with(fc_test_tmp_path("small/"), "png", "");
    struct rlimit former;
    fc_out out;
    fc_err err = {0};
    char path[FC_PATH_SIZE], data[1000] = {0};
    assert_ok(fc_out_open(&out, &params, app_config(""), &err), &err);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &former);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, former.rlim_max});
    fc_status status = fc_out_save(&out, 1, 1, data, sizeof data, path, &err);
    setrlimit(RLIMIT_FSIZE, &former);
    assert_fails(status, FC_LIMIT, &err, "cannot write");
    assert_int_equal(rmdir(fc_test_tmp_path("small")), 0); /* works for empty folders alone */
}

static void test_commit_new_never_replaces(void **state)
{
    (void)state;
    fc_atomic_file f;
    fc_err err = {0};
    fc_buf content;
    const char *path = fc_test_tmp_path("taken.png");
    assert_ok(fc_file_write_atomic(path, "old", 3, &err), &err);
    assert_ok(fc_atomic_open(&f, path, &err), &err);
    assert_ok(fc_atomic_write(&f, "new", 3, &err), &err);
    assert_fails(fc_atomic_commit_new(&f, &err), FC_BUSY, &err, "exists already");
    assert_true(fc_path_exists(f.temp));
    char temp[4096];
    snprintf(temp, sizeof temp, "%s", f.temp);
    fc_atomic_abort(&f);
    assert_false(fc_path_exists(temp));
    fc_buf_init(&content, 10);
    assert_ok(fc_file_read(path, &content, &err), &err);
    assert_string_equal(fc_buf_cstr(&content), "old");
    fc_buf_fini(&content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dated_name),         cmocka_unit_test(test_day_folder),
        cmocka_unit_test(test_many_in_one_second), cmocka_unit_test(test_new_folder),
        cmocka_unit_test(test_named_file),         cmocka_unit_test(test_latent_names),
        cmocka_unit_test(test_wrong_outputs),      cmocka_unit_test(test_read_only_folder),
        cmocka_unit_test(test_refused_write),      cmocka_unit_test(test_commit_new_never_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
