/* base/file: mappings, whole reads, atomic writes also on a full disk, folders, and joins with hostile names.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/support.h"

static size_t entries_of(const char *dir)
{
    size_t count = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

/* A new empty folder for one test. */
static const char *folder(const char *name)
{
    fc_err err;
    const char *path = fc_test_tmp_path(name);
    assert_ok(fc_mkdir_all(path, &err), &err);
    return path;
}

static void write_map_read(void **state)
{
    (void)state;
    fc_err err;
    fc_mapping m;
    fc_buf b;
    const char *path = fc_test_tmp_path("data");
    char bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7);
    assert_ok(fc_file_write_atomic(path, bytes, sizeof bytes, &err), &err);
    assert_ok(fc_map_open(&m, path, &err), &err);
    assert_int_equal(m.size, sizeof bytes);
    assert_memory_equal(m.data, bytes, sizeof bytes);
    fc_map_close(&m);
    fc_map_close(&m); /* twice is fine */
    fc_buf_init(&b, sizeof bytes);
    assert_ok(fc_file_read(path, &b, &err), &err);
    assert_int_equal(b.len, sizeof bytes);
    assert_memory_equal(b.data, bytes, sizeof bytes);
    fc_buf_fini(&b);
    fc_buf_init(&b, sizeof bytes - 1);
    assert_fails(fc_file_read(path, &b, &err), FC_LIMIT, &err, "larger than 99999");
    fc_buf_fini(&b);
    fc_buf_init(&b, sizeof bytes);
    fc_mem_fail_at(1);
    assert_fails(fc_file_read(path, &b, &err), FC_NOMEM, &err, "memory");
    fc_mem_fail_at(0);
    fc_buf_fini(&b);
    assert_ok(fc_file_write_atomic(path, "", 0, &err), &err); /* replaces */
    assert_ok(fc_map_open(&m, path, &err), &err);
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    fc_map_close(&m);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    fc_err err;
    fc_mapping m;
    fc_buf b;
    const char *fifo = fc_test_tmp_path("fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fc_buf_init(&b, 100);
    assert_fails(fc_map_open(&m, fc_test_tmp_path("missing"), &err), FC_NOT_FOUND, &err, "missing");
    assert_fails(fc_map_open(&m, fc_test_tmpdir(), &err), FC_ARG, &err, "folder");
    assert_fails(fc_map_open(&m, "/dev/null", &err), FC_ARG, &err, "regular");
    assert_fails(fc_map_open(&m, fifo, &err), FC_ARG, &err, "regular");
    assert_fails(fc_file_read(fifo, &b, &err), FC_ARG, &err, "regular");
    assert_int_equal(fc_map_open(&m, "", NULL), FC_NOT_FOUND);
    fc_buf_fini(&b);
}

static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    fc_err err;
    fc_buf b;
    const char *dir = folder("full");
    char path[1024], *big = calloc(1, 1 << 20);
    assert_int_equal(fc_path_join(path, sizeof path, dir, "file"), FC_OK);
    assert_ok(fc_file_write_atomic(path, "old", 3, &err), &err);
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 100000; /* the first write is short, the second fails */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    fc_status status = fc_file_write_atomic(path, big, 1 << 20, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_fails(status, FC_LIMIT, &err, "cannot write");
    free(big);
    assert_int_equal(entries_of(dir), 1); /* no temporary file is left */
    fc_buf_init(&b, 100);
    assert_ok(fc_file_read(path, &b, &err), &err);
    assert_string_equal(b.data, "old");
    fc_buf_fini(&b);
}

static void atomic_pieces(void **state)
{
    (void)state;
    fc_err err;
    fc_atomic_file f;
    fc_buf b;
    const char *dir = folder("pieces");
    char path[1024], name[8000];
    assert_int_equal(fc_path_join(path, sizeof path, dir, "file"), FC_OK);
    assert_ok(fc_atomic_open(&f, path, &err), &err);
    assert_ok(fc_atomic_write(&f, "hel", 3, &err), &err);
    assert_false(fc_path_exists(path));
    assert_ok(fc_atomic_write(&f, "lo", 2, &err), &err);
    assert_ok(fc_atomic_commit(&f, &err), &err);
    fc_atomic_abort(&f);
    assert_ok(fc_atomic_open(&f, path, &err), &err);
    assert_ok(fc_atomic_write(&f, "xx", 2, &err), &err);
    fc_atomic_abort(&f);
    fc_atomic_abort(&f);
    assert_int_equal(entries_of(dir), 1);
    fc_buf_init(&b, 100);
    assert_ok(fc_file_read(path, &b, &err), &err);
    assert_string_equal(b.data, "hello");
    fc_buf_fini(&b);
    assert_fails(fc_file_write_atomic(fc_test_tmp_path("no/such/dir/x"), "", 0, &err), FC_NOT_FOUND, &err,
                 "cannot write");
    assert_fails(fc_file_write_atomic(dir, "", 0, &err), FC_ARG, &err, "folder");
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_fails(fc_file_write_atomic(name, "", 0, &err), FC_LIMIT, &err, "too long");
    name[4094] = '\0'; /* the name fits, the temporary one does not */
    assert_fails(fc_file_write_atomic(name, "", 0, &err), FC_LIMIT, &err, "too long");
}

static void folders_are_made(void **state)
{
    (void)state;
    fc_err err;
    const char *path = fc_test_tmp_path("a/b/c/");
    assert_ok(fc_mkdir_all(path, &err), &err);
    assert_ok(fc_mkdir_all(path, &err), &err);
    assert_true(fc_path_is_dir(path) && fc_path_exists(path));
    assert_ok(fc_file_write_atomic(fc_test_tmp_path("a/file"), "", 0, &err), &err);
    assert_false(fc_path_is_dir(fc_test_tmp_path("a/file")));
    assert_fails(fc_mkdir_all(fc_test_tmp_path("a/file"), &err), FC_ARG, &err, "a file has this name");
    assert_fails(fc_mkdir_all(fc_test_tmp_path("a/file/x"), &err), FC_ARG, &err, "a file has this name");
    assert_fails(fc_mkdir_all("", &err), FC_LIMIT, &err, NULL);
}

static void joins(void **state)
{
    (void)state;
    char out[10];
    assert_int_equal(fc_path_join(out, sizeof out, "abc", "de"), FC_OK);
    assert_string_equal(out, "abc/de");
    assert_int_equal(fc_path_join(out, sizeof out, "abc/", "de"), FC_OK);
    assert_string_equal(out, "abc/de");
    assert_int_equal(fc_path_join(out, sizeof out, "", "de"), FC_OK);
    assert_string_equal(out, "de");
    assert_int_equal(fc_path_join(out, sizeof out, "abcd", "efgh"), FC_OK);
    assert_int_equal(fc_path_join(out, sizeof out, "abcd", "efghi"), FC_LIMIT);
    assert_string_equal(fc_path_basename("/a/b"), "b");
    assert_string_equal(fc_path_basename("b"), "b");
    assert_string_equal(fc_path_basename("a/"), "");
}

static void hostile_names_are_refused(void **state)
{
    (void)state;
    fc_err err;
    char out[4096];
    const char *dir = folder("safe");
    static const char *const bad[] = {"",      "/etc/passwd", "..",         "../x", "a/../../x", "a/..",
                                      ".",     "./a",         "a//b",       "a/",   "a\\b",      "a\nb",
                                      "a\x7f", "\xff",        "a/\xc0\xaf", "..\\x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(fc_path_join_safe(out, sizeof out, dir, bad[i], &err), FC_ARG, &err, NULL);
    static const char *const good[] = {"a",   "2024-01-01/a.png", "..a",          "a..",
                                       "...", "\xc3\xa4 b.png",   "not/yet/there"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(fc_path_join_safe(out, sizeof out, dir, good[i], &err), &err);
        assert_true(strncmp(out, dir, strlen(dir)) == 0 && strcmp(out + strlen(dir) + 1, good[i]) == 0);
    }
    assert_fails(fc_path_join_safe(out, 10, dir, "a", &err), FC_LIMIT, &err, "too long");
    assert_int_equal(fc_path_join_safe(out, sizeof out, fc_test_tmp_path("nowhere"), "a", &err),
                     FC_NOT_FOUND);
    memset(out, 'n', sizeof out);
    out[sizeof out - 1] = '\0';
    char name[4096];
    memcpy(name, out, sizeof name);
    assert_int_equal(fc_path_join_safe(out, sizeof out, dir, name, &err), FC_LIMIT);
}

static void links_do_not_lead_out(void **state)
{
    (void)state;
    fc_err err;
    char out[4096], link[1024];
    const char *dir = folder("links"), *sibling = folder("links2"); /* a name with the same beginning */
    assert_int_equal(fc_path_join(link, sizeof link, dir, "out"), FC_OK);
    assert_int_equal(symlink("/etc", link), 0);
    assert_fails(fc_path_join_safe(out, sizeof out, dir, "out", &err), FC_DENIED, &err, "leads out");
    assert_fails(fc_path_join_safe(out, sizeof out, dir, "out/passwd", &err), FC_DENIED, &err, "leads out");
    assert_fails(fc_path_join_safe(out, sizeof out, dir, "out/new", &err), FC_DENIED, &err, "leads out");
    assert_int_equal(fc_path_join(link, sizeof link, dir, "beside"), FC_OK);
    assert_int_equal(symlink(sibling, link), 0);
    assert_fails(fc_path_join_safe(out, sizeof out, dir, "beside/x", &err), FC_DENIED, &err, "leads out");
    assert_int_equal(fc_path_join(link, sizeof link, dir, "dangling"), FC_OK);
    assert_int_equal(symlink("/nonexistent/file", link), 0);
    assert_fails(fc_path_join_safe(out, sizeof out, dir, "dangling", &err), FC_DENIED, &err, "nowhere");
    assert_int_equal(fc_path_join(link, sizeof link, dir, "inner"), FC_OK);
    assert_int_equal(symlink("realdir", link), 0);
    assert_int_equal(fc_path_join(link, sizeof link, dir, "realdir"), FC_OK);
    assert_ok(fc_mkdir_all(link, &err), &err);
    assert_ok(fc_path_join_safe(out, sizeof out, dir, "inner/x", &err), &err); /* links inside are fine */
    assert_int_equal(fc_path_join_safe(out, sizeof out, "/", "etc", &err), FC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_map_read),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(full_disk_leaves_the_old_file),
        cmocka_unit_test(atomic_pieces),
        cmocka_unit_test(folders_are_made),
        cmocka_unit_test(joins),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test(links_do_not_lead_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
