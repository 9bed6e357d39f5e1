/* base: status, mem, arena, buf, hash, clock, log, sha256, random. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/str.h"
#include "support/support.h"

/* ---- status ---- */

static void status_tables(void **state)
{
    (void)state;
    assert_string_equal(fc_status_name(FC_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(fc_status_name((fc_status)999), "?");
    for (int i = FC_OK; i <= FC_FULL; i++)
        assert_int_equal(fc_status_from_name(fc_status_name((fc_status)i)), i);
    assert_int_equal(fc_status_from_name("none"), FC_INTERNAL);
    assert_int_equal(fc_status_http(FC_LIMIT), 413);
    assert_int_equal(fc_status_http((fc_status)999), 500);
    assert_int_equal(fc_status_exit_code(FC_CANCELLED), 130);
    assert_int_equal(fc_status_exit_code(FC_OK), 0);
}

static void failures_carry_messages(void **state)
{
    (void)state;
    fc_err err;
    assert_int_equal(fc_fail(&err, FC_ARG, "want %d, got %d", 1, 2), FC_ARG);
    assert_fails(err.status, FC_ARG, &err, "want 1, got 2");
    assert_int_equal(fc_fail_prefix(&err, "block %d", 7), FC_ARG);
    assert_string_equal(err.message, "block 7: want 1, got 2");
    assert_int_equal(fc_fail(&err, FC_IO, "again: %s", err.message),
                     FC_IO); /* the record as its own argument */
    assert_string_equal(err.message, "again: block 7: want 1, got 2");
    assert_int_equal(fc_fail(NULL, FC_ARG, "nobody listens"), FC_ARG);
    assert_int_equal(fc_fail_prefix(NULL, "nobody"), FC_INTERNAL);
}

static void errno_chooses_the_status(void **state)
{
    (void)state;
    fc_err err;
    assert_int_equal(fc_fail_errno(&err, ENOENT, "cannot open %s", "x"), FC_NOT_FOUND);
    assert_string_equal(err.message, "cannot open x: No such file or directory");
    assert_int_equal(fc_fail_errno(NULL, EACCES, "x"), FC_DENIED);
    assert_int_equal(fc_fail_errno(&err, ENOSPC, "cannot write %s", "x"), FC_FULL);
    assert_string_equal(err.message,
                        "cannot write x: no space is left there; make room or choose another folder");
    assert_int_equal(fc_fail_errno(NULL, ENOMEM, "x"), FC_NOMEM);
}

static void messages_are_clean_utf8(void **state)
{
    (void)state;
    fc_err err;
    fc_fail(&err, FC_ARG,
            "a\x1b[31mb\xff"
            "c\xc3\xa9\x7f\n");
    assert_string_equal(err.message, "a [31mb?c\xc3\xa9 \n");
    char text[600];
    for (size_t pad = 0; pad < 5; pad++) { /* the cut falls on every byte of the 4-byte characters */
        memset(text, 'x', sizeof text);
        for (size_t i = pad; i + 4 < sizeof text; i += 4) memcpy(text + i, "\xf0\x9f\x8e\xa8", 4);
        text[sizeof text - 1] = '\0';
        fc_fail(&err, FC_ARG, "%s", text);
        size_t n = strlen(err.message);
        assert_true(n <= 499 && n >= 496);
        assert_true(fc_utf8_valid(err.message, n));
        assert_null(strchr(err.message, '?'));
        fc_fail_prefix(&err, "prefix");
        assert_true(fc_utf8_valid(err.message, strlen(err.message)));
        assert_null(strchr(err.message, '?'));
    }
}

/* ---- mem ---- */

static void sizes_do_not_overflow(void **state)
{
    (void)state;
    size_t n = 1;
    assert_true(fc_size_mul(3, 5, &n) && n == 15);
    assert_false(fc_size_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_int_equal(n, 0);
    assert_true(fc_size_add(SIZE_MAX, 0, &n) && n == SIZE_MAX);
    assert_false(fc_size_add(SIZE_MAX, 1, &n));
    assert_int_equal(n, 0);
    assert_null(fc_calloc(SIZE_MAX / 2, 3));
}

static void chosen_allocation_fails(void **state)
{
    (void)state;
    fc_mem_fail_at(2);
    void *first = fc_alloc(10), *second = fc_calloc(1, 10), *third = fc_realloc(first, 20);
    assert_int_equal(fc_mem_fail_at(0), 3);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    fc_free(third);
    fc_mem_fail_at(1);
    assert_null(fc_alloc_aligned(64, 10));
    fc_mem_fail_at(1);
    assert_null(fc_strdup("x"));
    fc_mem_fail_at(0);
}

static void small_edges_of_mem(void **state)
{
    (void)state;
    void *a = fc_alloc(0), *b = fc_alloc(0), *c = fc_alloc_aligned(4096, 1);
    assert_true(a && b && a != b);
    assert_int_equal((uintptr_t)c % 4096, 0);
    char *s = fc_strndup("hello", 3), *t = fc_strndup("hi", 100);
    assert_string_equal(s, "hel");
    assert_string_equal(t, "hi");
    fc_free(a), fc_free(b), fc_free(c), fc_free(s), fc_free(t), fc_free(NULL);
}

static void large_blocks_are_counted(void **state)
{
    (void)state;
    uint64_t before, now, peak;
    fc_mem_usage(&before, NULL);
    char *p = fc_alloc(8 << 20);
    assert_non_null(p);
    fc_mem_usage(&now, &peak);
    assert_true(now >= before + (8 << 20) && now < before + (9 << 20) && peak >= now);
    p = fc_realloc(p, 16 << 20);
    assert_non_null(p);
    fc_mem_usage(&now, NULL);
    assert_true(now >= before + (16 << 20) && now < before + (17 << 20));
    fc_free(p);
    fc_mem_usage(&now, &peak);
    assert_int_equal(now, before);
    assert_true(peak >= before + (16 << 20));
}

/* ---- arena ---- */

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    fc_arena a;
    fc_arena_init(&a, 10 << 20);
    unsigned char *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        size_t size = i * i % 5000; /* small ones, and ones beyond a block under FC_HARD */
        pieces[i] = fc_arena_alloc(&a, size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < size; k++) assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 251) + 1, size);
    }
    unsigned char *big = fc_arena_alloc(&a, 1 << 20);
    assert_non_null(big);
    memset(big, 0xff, 1 << 20);
    for (size_t i = 0; i < 300; i++) /* nobody has written over anybody */
        for (size_t k = 0; k < i * i % 5000; k++) assert_int_equal(pieces[i][k], i % 251 + 1);
    assert_string_equal(fc_arena_printf(&a, "%s-%d", "block", 12), "block-12");
    assert_string_equal(fc_arena_strndup(&a, "hello", 4), "hell");
    assert_string_equal(fc_arena_strdup(&a, ""), "");
    assert_int_equal(a.status, FC_OK);
    fc_arena_fini(&a);
    assert_non_null(fc_arena_alloc(&a, 1)); /* usable again */
    fc_arena_fini(&a);
}

static void arena_cap_is_sticky(void **state)
{
    (void)state;
    fc_arena a;
    fc_arena_init(&a, 100);
    assert_non_null(fc_arena_alloc(&a, 96));
    assert_null(fc_arena_alloc(&a, 5));
    assert_int_equal(a.status, FC_LIMIT);
    assert_null(fc_arena_alloc(&a, 0));
    assert_null(fc_arena_printf(&a, "x"));
    fc_arena_fini(&a);
    fc_arena_init(&a, SIZE_MAX);
    assert_null(fc_arena_array(&a, SIZE_MAX / 2, 3));
    assert_int_equal(a.status, FC_LIMIT);
    fc_arena_fini(&a);
    fc_arena_init(&a, SIZE_MAX);
    assert_null(fc_arena_alloc(&a, SIZE_MAX - 8));
    assert_int_equal(a.status, FC_LIMIT);
    fc_arena_fini(&a);
}

static fc_status use_arena(void *user)
{
    (void)user;
    fc_arena a;
    fc_arena_init(&a, 1 << 20);
    for (int i = 0; i < 100; i++) fc_arena_printf(&a, "%0*d", i * 17 % 300, i);
    fc_arena_alloc(&a, 500000);
    fc_status status = a.status;
    fc_arena_fini(&a);
    return status;
}

static void arena_survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fc_test_torture(use_arena, NULL) >= 2);
}

/* ---- buf ---- */

static void buf_grows_up_to_its_maximum(void **state)
{
    (void)state;
    fc_buf b;
    fc_buf_init(&b, 10);
    assert_string_equal(fc_buf_cstr(&b), "");
    fc_buf_puts(&b, "hello");
    fc_buf_putc(&b, ' ');
    fc_buf_printf(&b, "%d", 1234);
    assert_int_equal(b.status, FC_OK);
    assert_int_equal(b.len, 10);
    assert_string_equal(fc_buf_cstr(&b), "hello 1234");
    fc_buf_putc(&b, '!');
    assert_int_equal(b.status, FC_LIMIT);
    assert_string_equal(fc_buf_cstr(&b), "hello 1234");
    fc_buf_append(&b, "", 0);
    assert_int_equal(b.status, FC_LIMIT);
    assert_null(fc_buf_take(&b));
    assert_string_equal(fc_buf_cstr(&b), "");
    fc_buf_fini(&b);
}

static void buf_reset_and_take(void **state)
{
    (void)state;
    fc_buf b;
    fc_buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++) fc_buf_append(&b, "0123456789", 10);
    fc_buf_append(&b, NULL, 0);
    assert_int_equal(b.len, 10000);
    assert_int_equal(b.data[10000], '\0');
    fc_buf_reset(&b);
    assert_string_equal(fc_buf_cstr(&b), "");
    fc_buf_puts(&b, "x");
    char *taken = fc_buf_take(&b);
    assert_string_equal(taken, "x");
    fc_free(taken);
    taken = fc_buf_take(&b); /* an empty one gives an empty string */
    assert_string_equal(taken, "");
    fc_free(taken);
    fc_buf_fini(&b);
}

static fc_status use_buf(void *user)
{
    (void)user;
    fc_buf b;
    fc_buf_init(&b, 1 << 20);
    for (int i = 0; i < 3000; i++) fc_buf_printf(&b, "%d,", i);
    fc_status status = b.status;
    char *taken = fc_buf_take(&b);
    assert_int_equal(taken == NULL, status != FC_OK);
    fc_free(taken);
    fc_buf_fini(&b);
    return status;
}

static void buf_survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fc_test_torture(use_buf, NULL) >= 5);
}

/* ---- hash ---- */

static void hashes_match_their_definitions(void **state)
{
    (void)state;
    assert_true(fc_fnv1a("", 0) == 0xcbf29ce484222325u); /* the published test vectors */
    assert_true(fc_fnv1a("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(fc_fnv1a("foobar", 6) == 0x85944171f73967e8u);
    assert_true(fc_splitmix64(0x9E3779B97F4A7C15u) == 0xe220a8397b1dcdafu); /* first output for seed 0 */
}

enum { NAMES = 20000 };

static fc_status fill_map(fc_strmap *m, char (*names)[16], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool present = true;
        int n = snprintf(names[i], sizeof names[i], "name.%u", i);
        if (fc_strmap_put(m, names[i], (size_t)n, i, &present) != FC_OK) return FC_NOMEM;
        assert_false(present);
    }
    return FC_OK;
}

static void strmap_finds_what_was_put(void **state)
{
    (void)state;
    fc_strmap m;
    char(*names)[16] = calloc(NAMES, sizeof *names);
    uint32_t value = 7;
    bool present = false;
    fc_strmap_init(&m);
    assert_false(fc_strmap_get(&m, "x", 1, &value));
    assert_int_equal(fill_map(&m, names, NAMES), FC_OK);
    assert_int_equal(m.count, NAMES);
    for (uint32_t i = 0; i < NAMES; i++) {
        assert_true(fc_strmap_get(&m, names[i], strlen(names[i]), &value));
        assert_int_equal(value, i);
    }
    assert_false(fc_strmap_get(&m, "name.", 5, &value));
    assert_int_equal(fc_strmap_put(&m, "name.3", 6, 99, &present), FC_OK);
    assert_true(present);
    assert_true(fc_strmap_get(&m, "name.3", 6, &value) && value == 3);
    assert_true(fc_strmap_get(&m, "name.3", 6, NULL));
    assert_int_equal(fc_strmap_put(&m, "", 0, 5, NULL), FC_OK); /* the empty key is a key */
    assert_true(fc_strmap_get(&m, "", 0, &value) && value == 5);
    fc_strmap_fini(&m);
    free(names);
}

static fc_status use_strmap(void *user)
{
    fc_strmap m;
    fc_strmap_init(&m);
    fc_status status = fill_map(&m, user, 1000);
    uint32_t value;
    for (uint32_t i = 0; i < m.count; i++) { /* what went in is there even after a failure */
        const char *name = ((char(*)[16])user)[i];
        assert_true(fc_strmap_get(&m, name, strlen(name), &value) && value == i);
    }
    fc_strmap_fini(&m);
    return status;
}

static void strmap_survives_failing_allocations(void **state)
{
    (void)state;
    char names[1000][16];
    assert_true(fc_test_torture(use_strmap, names) >= 5);
}

/* ---- sha256, random, clock, log ---- */

static void sha256_of_memory_and_files(void **state)
{
    (void)state;
    fc_sha256 a, b;
    fc_err err;
    assert_ok(fc_sha256_bytes("abc", 3, &a, &err), &err); /* FIPS 180-2, B.1 */
    assert_string_equal(a.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(fc_sha256_bytes("", 0, &a, &err), &err);
    assert_string_equal(a.hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    char *data = malloc(3000000);
    memset(data, 'a', 3000000);
    const char *path = fc_test_tmp_path("sha");
    assert_ok(fc_file_write_atomic(path, data, 1000000, &err), &err);
    assert_ok(fc_sha256_file(path, NULL, &a, &err), &err); /* FIPS 180-2, B.3: a million times 'a' */
    assert_string_equal(a.hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_ok(fc_file_write_atomic(path, data, 3000000, &err), &err); /* several blocks */
    assert_ok(fc_sha256_file(path, NULL, &a, &err), &err);
    assert_ok(fc_sha256_bytes(data, 3000000, &b, &err), &err);
    assert_string_equal(a.hex, b.hex);
    free(data);
    atomic_int cancel = 1;
    assert_fails(fc_sha256_file(path, &cancel, &a, &err), FC_CANCELLED, &err, "stopped");
    assert_fails(fc_sha256_file(fc_test_tmp_path("none"), NULL, &a, &err), FC_NOT_FOUND, &err, "none");
    assert_fails(fc_sha256_file(fc_test_tmpdir(), NULL, &a, &err), FC_ARG, &err, "director");
    fc_mem_fail_at(1);
    assert_fails(fc_sha256_file(path, NULL, &a, &err), FC_NOMEM, &err, "memory");
    fc_mem_fail_at(0);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    fc_err err;
    assert_ok(fc_random_bytes(a, sizeof a, &err), &err);
    assert_ok(fc_random_bytes(b, sizeof b, &err), &err);
    assert_memory_not_equal(a, b, sizeof a);
}

static void clocks_go_forward(void **state)
{
    (void)state;
    double t = fc_now();
    assert_true(fc_now() >= t);
    assert_true(fc_unix_millis() > 1700000000000); /* 2023 */
}

static void log_writes_one_line(void **state)
{
    (void)state;
    fc_buf b;
    fc_err err;
    const char *path = fc_test_tmp_path("log");
    fflush(stderr);
    int saved = dup(2), fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, 2) == 2);
    fc_log(FC_LOG_ERROR, "off by default");
    setenv("FC_LOG", "INFO", 1);
    fc_log_init_from_env();
    fc_log(FC_LOG_INFO, "seen %d", 1);
    fc_log(FC_LOG_DEBUG, "not seen");
    fc_log(FC_LOG_WARN, "%2000d", 5);
    fc_log_set_level(FC_LOG_OFF);
    dup2(saved, 2);
    close(saved), close(fd);
    fc_buf_init(&b, 1 << 16);
    assert_ok(fc_file_read(path, &b, &err), &err);
    assert_non_null(strstr(b.data, "info: seen 1\n"));
    assert_null(strstr(b.data, "not seen"));
    assert_null(strstr(b.data, "default"));
    assert_int_equal(b.data[b.len - 1], '\n');
    fc_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tables),
        cmocka_unit_test(failures_carry_messages),
        cmocka_unit_test(errno_chooses_the_status),
        cmocka_unit_test(messages_are_clean_utf8),
        cmocka_unit_test(sizes_do_not_overflow),
        cmocka_unit_test(chosen_allocation_fails),
        cmocka_unit_test(small_edges_of_mem),
        cmocka_unit_test(large_blocks_are_counted),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_cap_is_sticky),
        cmocka_unit_test(arena_survives_failing_allocations),
        cmocka_unit_test(buf_grows_up_to_its_maximum),
        cmocka_unit_test(buf_reset_and_take),
        cmocka_unit_test(buf_survives_failing_allocations),
        cmocka_unit_test(hashes_match_their_definitions),
        cmocka_unit_test(strmap_finds_what_was_put),
        cmocka_unit_test(strmap_survives_failing_allocations),
        cmocka_unit_test(sha256_of_memory_and_files),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(log_writes_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
