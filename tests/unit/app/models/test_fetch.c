/* Downloads over real sockets, with all that goes wrong there. The rule of all tests: the final name holds
 * the right file or does not exist. */
#include "support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "app/models/fetch.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "support/app_cases.h"
#include "support/httpd.h"

enum { FILE_SIZE = 3000007, CHUNK = 100000 };

static uint8_t *file;
static char file_hash[65];
static httpd server;
static char target[512]; /* the final name of the running test */

static int begin(void **state)
{
    static int number;
    (void)state;
    server = httpd_start(file, FILE_SIZE);
    snprintf(target, sizeof target, "%s/t%d/sub/model.bin", fc_test_tmpdir(), number++);
    return 0;
}

static int end(void **state)
{
    (void)state;
    httpd_stop(&server);
    return 0;
}

static fc_fetch_options fast(void)
{
    return (fc_fetch_options){.chunk_bytes = CHUNK, .pause_seconds = 0.001, .mirror = "", .token = ""};
}

static bool exists(const char *suffix)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", target, suffix);
    return access(path, F_OK) == 0;
}

static void check_file(void)
{
    fc_sha256 hash;
    fc_err err;
    assert_ok(fc_sha256_file(target, NULL, &hash, &err), &err);
    assert_string_equal(hash.hex, file_hash);
    assert_false(exists(".part"));
    assert_false(exists(".part.state"));
}

static fc_status get(const char *rest, const fc_fetch_options *o, const char *hash, uint64_t size,
                     fc_err *err)
{
    *err = (fc_err){0};
    return fc_fetch(&(fc_fetch_item){httpd_url(&server, rest), target, hash, size}, o, NULL, err);
}

static void good(const char *rest)
{
    fc_err err;
    fc_fetch_options o = fast();
    assert_ok(get(rest, &o, file_hash, FILE_SIZE, &err), &err);
    check_file();
}

static void bad_with(const fc_fetch_options *o, const char *rest, fc_status status, const char *part)
{
    fc_err err;
    assert_fails(get(rest, o, file_hash, FILE_SIZE, &err), status, &err, part);
    assert_false(exists(""));
}

static void bad(const char *rest, fc_status status, const char *part)
{
    fc_fetch_options o = fast();
    bad_with(&o, rest, status, part);
}

static int count_progress;
static uint64_t checked; /* bytes that were told as checked */

static void on_progress(void *user, const fc_fetch_progress *p)
{
    atomic_int *cancel = user;
    count_progress++;
    assert_true(p->total == 0 || p->done <= p->total);
    if (p->phase == FC_FETCH_CHECKING) checked = p->done;
    if (cancel && p->done > FILE_SIZE / 3) atomic_store(cancel, 1);
}

static void test_whole(void **state)
{
    fc_fetch_result result;
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    o.on_progress = on_progress;
    checked = 0;
    fc_fetch_item item = {httpd_url(&server, "model.bin"), target, NULL, 0};
    assert_ok(fc_fetch(&item, &o, &result, &err), &err);
    assert_string_equal(result.sha256.hex, file_hash);
    assert_int_equal(result.size, FILE_SIZE);
    assert_false(result.already_there);
    check_file();
    assert_int_equal(checked, FILE_SIZE);
    assert_true(server.stats->ranged == server.stats->requests);
    int before = server.stats->requests;
    assert_ok(fc_fetch(&item, &o, &result, &err), &err);
    assert_true(result.already_there);
    assert_int_equal(server.stats->requests, before);
}

static void test_several_at_once(void **state)
{
    (void)state;
    good("model.bin?delay=1");
    assert_true(server.stats->most_at_once > 1);
    assert_true(server.stats->most_at_once <= 8); /* 4 lanes; the server may still be closing as many */
    assert_true(server.stats->bytes == FILE_SIZE);
}

static void test_breaks(void **state)
{
    (void)state;
    good("model.bin?cutrandom");
    assert_true(server.stats->bytes == FILE_SIZE); /* nothing was fetched twice */
}

static void test_breaks_after_every_byte_count(void **state)
{
    (void)state;
    good("model.bin?cut=4097");
}

static void test_no_ranges(void **state)
{
    (void)state;
    good("model.bin?norange");
    assert_int_equal(server.stats->requests, 1);
}

static void test_no_length(void **state)
{
    (void)state;
    good("model.bin?nolength");
}

static void test_no_ranges_and_a_break(void **state)
{
    (void)state;
    bad("model.bin?norange&cut=1000000", FC_NETWORK, "8 attempts");
}

static void test_cut_without_length(void **state)
{
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    assert_fails(get("model.bin?nolength&cut=1000000", &o, NULL, FILE_SIZE, &err), FC_FORMAT, &err,
                 "1000000");
    assert_false(exists(""));
}

static void test_redirect(void **state)
{
    (void)state;
    good("model.bin?redirect");
}

/* Not tried again and again: 11 requests, and it says why. */
static void test_redirects_in_a_circle(void **state)
{
    (void)state;
    bad("model.bin?circle", FC_NETWORK, "leads in a circle");
    assert_true(server.stats->requests <= 11);
}

static void test_passing_trouble(void **state)
{
    (void)state;
    good("model.bin?first=503");
    end(NULL);
    begin(NULL);
    good("model.bin?first=429");
}

static void test_refusals(void **state)
{
    (void)state;
    bad("model.bin?status=404", FC_NOT_FOUND, "HTTP 404");
    bad("model.bin?status=401", FC_DENIED, "HF_TOKEN");
    bad("model.bin?status=416", FC_FORMAT, "empty");
    bad("model.bin?status=400", FC_NETWORK, "HTTP 400");
    bad("model.bin?status=500", FC_NETWORK, "HTTP 500");
    assert_false(exists(".part"));
}

static void test_pages(void **state)
{
    (void)state;
    bad("model.bin?page", FC_FORMAT, "web page");
    fc_err err;
    fc_fetch_options o = fast();
    assert_fails(get("model.bin?hiddenpage", &o, NULL, 0, &err), FC_FORMAT, &err, "web page");
    assert_false(exists(""));
    assert_false(exists(".part"));
}

static void test_wrong_size(void **state)
{
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    assert_fails(get("model.bin", &o, NULL, FILE_SIZE + 1, &err), FC_FORMAT, &err, "3000008");
    assert_fails(get("model.bin?norange", &o, NULL, FILE_SIZE + 1, &err), FC_FORMAT, &err, "3000008");
    assert_false(exists(""));
}

static void test_wrong_hash(void **state)
{
    char wrong[65];
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    memset(wrong, 'a', 64);
    wrong[64] = 0;
    assert_fails(get("model.bin", &o, wrong, 0, &err), FC_FORMAT, &err, file_hash);
    assert_false(exists(""));
    assert_false(exists(".part"));
    assert_false(exists(".part.state"));
}

static void test_wrong_range(void **state)
{
    (void)state;
    bad("model.bin?wrongrange", FC_NETWORK, "another part");
}

/* A file that is replaced at the source while it comes must not become a mixture. */
static void test_change_in_between(void **state)
{
    fc_err err;
    fc_sha256 hash;
    (void)state;
    fc_fetch_options o = fast();
    assert_ok(get("model.bin?change=6", &o, NULL, 0, &err), &err);
    uint8_t *other = fc_alloc(FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++) other[i] = file[i] ^ 0x55u;
    fc_sha256 want;
    assert_ok(fc_sha256_bytes(other, FILE_SIZE, &want, &err), &err);
    assert_ok(fc_sha256_file(target, NULL, &hash, &err), &err);
    assert_string_equal(hash.hex, want.hex);
    fc_free(other);
}

static void test_stall(void **state)
{
    (void)state;
    fc_fetch_options o = fast();
    o.stall_seconds = 1;
    o.attempts = 1;
    o.connections = 1;
    bad_with(&o, "model.bin?stall=5000", FC_NETWORK, "attempts");
    assert_true(exists(".part.state")); /* what came is kept */
    good("model.bin?stall=5000");
    assert_true(server.stats->bytes == FILE_SIZE);
}

static void test_nobody_answers(void **state)
{
    fc_err err;
    char url[100];
    (void)state;
    fc_fetch_options o = fast();
    int port = server.port;
    httpd_stop(&server);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/model.bin", port);
    assert_fails(fc_fetch(&(fc_fetch_item){url, target, NULL, 0}, &o, NULL, &err), FC_NETWORK, &err, url);
    server = httpd_start(file, FILE_SIZE);
    /* a name that nobody knows, as when the network is not up yet: tried again like any break */
    o.attempts = 2;
    assert_fails(fc_fetch(&(fc_fetch_item){"http://models.invalid/x", target, NULL, 0}, &o, NULL, &err),
                 FC_NETWORK, &err, "2 attempts");
}

static void test_offline_and_addresses(void **state)
{
    char out[200];
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    o.offline = true;
    bad_with(&o, "model.bin", FC_NETWORK, "offline");
    assert_int_equal(server.stats->requests, 0);
    assert_ok(fc_fetch_address("https://huggingface.co/a/b", "https://m.example/hub/", out, sizeof out, &err),
              &err);
    assert_string_equal(out, "https://m.example/hub/a/b");
    assert_ok(fc_fetch_address("https://huggingface.co.evil/a", "https://m.example", out, sizeof out, &err),
              &err);
    assert_string_equal(out, "https://huggingface.co.evil/a");
    assert_fails(fc_fetch_address("file:///etc/passwd", NULL, out, sizeof out, &err), FC_ARG, &err, "http");
    assert_fails(fc_fetch_address("https://huggingface.co/a", "ftp://x", out, sizeof out, &err), FC_ARG, &err,
                 "ftp");
    assert_true(fc_fetch_same_origin("https://huggingface.co/x", FC_HUB_ORIGIN));
    assert_false(fc_fetch_same_origin("http://huggingface.co/x", FC_HUB_ORIGIN));
    assert_false(fc_fetch_same_origin("https://huggingface.co@evil/x", FC_HUB_ORIGIN));
}

static void test_mirror(void **state)
{
    char mirror[100];
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    snprintf(mirror, sizeof mirror, "http://127.0.0.1:%d", server.port);
    o.mirror = mirror;
    o.token = "secret"; /* no business of a mirror */
    fc_fetch_item item = {"https://huggingface.co/who/what/resolve/main/model.bin", target, file_hash,
                          FILE_SIZE};
    assert_ok(fc_fetch(&item, &o, NULL, &err), &err);
    check_file();
    assert_int_equal(server.stats->authorized, 0);
}

static void test_token(void **state)
{
    char origin[100];
    (void)state;
    fc_err err;
    fc_fetch_options o = fast();
    o.chunk_bytes = FILE_SIZE;
    snprintf(origin, sizeof origin, "http://127.0.0.1:%d", server.port);
    o.token = "secret";
    o.token_origin = origin;
    assert_ok(get("model.bin?away", &o, file_hash, 0, &err), &err);
    assert_int_equal(server.stats->requests, 2);
    assert_int_equal(server.stats->authorized, 1); /* the second host does not see it */
}

/* HF_TOKEN, HF_MIRROR and http_proxy, when the options say nothing. */
static void test_environment(void **state)
{
    char here[100];
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    o.token = o.mirror = NULL;
    snprintf(here, sizeof here, "http://127.0.0.1:%d", server.port);
    o.token_origin = here;
    setenv("HF_TOKEN", "secret", 1);
    fc_status s = get("model.bin", &o, file_hash, 0, &err);
    unsetenv("HF_TOKEN");
    assert_ok(s, &err);
    assert_int_equal(server.stats->authorized, server.stats->requests);
    end(NULL);
    begin(NULL);
    o = fast();
    o.mirror = NULL;
    snprintf(here, sizeof here, "http://127.0.0.1:%d/", server.port);
    setenv("HF_MIRROR", here, 1);
    s = fc_fetch(&(fc_fetch_item){"https://huggingface.co/a/model.bin", target, file_hash, 0}, &o, NULL,
                 &err);
    unsetenv("HF_MIRROR");
    assert_ok(s, &err);
    check_file();
}

static void test_proxy(void **state)
{
    char here[100];
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    snprintf(here, sizeof here, "http://127.0.0.1:%d", server.port);
    setenv("http_proxy", here, 1);
    fc_status s =
        fc_fetch(&(fc_fetch_item){"http://models.invalid/model.bin", target, file_hash, 0}, &o, NULL, &err);
    unsetenv("http_proxy");
    assert_ok(s, &err); /* the name means nothing: the proxy has answered */
    check_file();
    assert_true(server.stats->requests > 0);
}

/* Slow and steady is no break: pauses of 50 ms where 1 s without a byte is one. */
static void test_slow_server(void **state)
{
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    o.stall_seconds = 1;
    o.attempts = 1;
    o.connections = 16;
    assert_ok(get("model.bin?delay=50", &o, file_hash, FILE_SIZE, &err), &err);
    check_file();
    assert_true(server.stats->bytes == FILE_SIZE);
}

static void test_broken_safetensors(void **state)
{
    fc_err err;
    (void)state;
    fc_fetch_options o = fast();
    snprintf(target + strlen(target) - 4, 20, ".safetensors");
    assert_fails(get("x.safetensors", &o, NULL, 0, &err), FC_FORMAT, &err, "cannot be used");
    assert_false(exists(""));
    assert_false(exists(".part"));
}

static void test_cancel_and_resume(void **state)
{
    atomic_int cancel = 0;
    (void)state;
    fc_fetch_options o = fast();
    o.cancel = &cancel;
    o.on_progress = on_progress;
    o.user = &cancel;
    count_progress = 0;
    bad_with(&o, "model.bin?delay=2", FC_CANCELLED, "kept");
    assert_true(count_progress > 0);
    assert_true(server.stats->bytes < FILE_SIZE);
    good("model.bin?delay=2");
    assert_true(server.stats->bytes < FILE_SIZE + FILE_SIZE / 2);
}

/* States that do not belong to the bytes on disk. */
static void test_broken_states(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\":1,\"url\":\"%s\",\"etag\":\"\",\"total\":3000007,\"chunk\":3000007,\"done\":[3000007]}",
        "{\"version\":1,\"url\":\"%s\",\"etag\":\"\",\"total\":3000007,\"chunk\":1,\"done\":[]}",
        "{\"version\":1,\"url\":\"%s\",\"etag\":\"\",\"total\":-1,\"chunk\":100,\"done\":[-5]}",
        "{\"version\":1,\"url\":\"%s\",\"etag\":\"\",\"total\":9000000000000000000,\"chunk\":1,\"done\":[]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char name[600], text[1000], relative[64];
        end(NULL);
        begin(NULL);
        snprintf(relative, sizeof relative, "%s", target + strlen(fc_test_tmpdir()) + 1);
        snprintf(text, sizeof text, texts[i], httpd_url(&server, "model.bin"));
        snprintf(name, sizeof name, "%s.part.state", relative);
        app_write(name, text);
        good("model.bin");
    }
}

/* Bytes that went bad on this side: the hash finds it, and a whole second try mends it. */
static void test_damaged_rest(void **state)
{
    atomic_int cancel = 0;
    char path[600];
    (void)state;
    fc_fetch_options o = fast();
    o.cancel = &cancel;
    o.on_progress = on_progress;
    o.user = &cancel;
    bad_with(&o, "model.bin?delay=2", FC_CANCELLED, NULL);
    snprintf(path, sizeof path, "%s.part", target);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "damage", 6, 100), 6);
    close(fd);
    good("model.bin?delay=2");
}

static pid_t fetch_in_child(const char *rest)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    fc_fetch_options o = fast();
    fc_status s =
        fc_fetch(&(fc_fetch_item){httpd_url(&server, rest), target, file_hash, FILE_SIZE}, &o, NULL, NULL);
    _exit(s == FC_OK ? 0 : 1);
}

static void test_two_processes(void **state)
{
    int status;
    (void)state;
    pid_t a = fetch_in_child("model.bin?delay=1"), b = fetch_in_child("model.bin?delay=1");
    assert_int_equal(waitpid(a, &status, 0), a);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(b, &status, 0), b);
    assert_int_equal(status, 0);
    check_file();
    assert_true(server.stats->bytes == FILE_SIZE); /* one of them waited */
}

static void test_kill(void **state)
{
    int status;
    (void)state;
    for (int i = 0; i < 12; i++) {
        pid_t pid = fetch_in_child("model.bin?delay=2");
        nanosleep(&(struct timespec){.tv_nsec = 20000000L + i * 15000000L}, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (exists("")) break; /* it may have got through */
    }
    good("model.bin");
}

/* A file system of 1 MB when the test may mount one, else a limit on file sizes. */
static void test_full_disk(void **state)
{
    char folder[500];
    fc_err err;
    (void)state;
    snprintf(folder, sizeof folder, "%s/small", fc_test_tmpdir());
    assert_ok(fc_mkdir_all(folder, &err), &err);
    bool mounted = mount("none", folder, "tmpfs", 0, "size=1m") == 0;
    snprintf(target, sizeof target, "%s/model.bin", folder);
    fc_fetch_options o = fast();
    fc_status s;
    if (mounted) {
        s = get("model.bin", &o, file_hash, FILE_SIZE, &err);
    } else {
        struct rlimit old, limit;
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old);
        limit = (struct rlimit){1 << 20, old.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
        s = get("model.bin", &o, file_hash, FILE_SIZE, &err);
        setrlimit(RLIMIT_FSIZE, &old);
    }
    bool there = exists("");
    if (mounted) umount(folder);
    assert_fails(s, mounted ? FC_IO : FC_LIMIT, &err, mounted ? "not enough room" : "model.bin");
    assert_false(there);
    assert_true(server.stats->bytes < FILE_SIZE);
}

/* Room that ends in the middle, when the length was not known before. */
static void test_full_disk_without_length(void **state)
{
    char folder[500];
    fc_err err;
    (void)state;
    snprintf(folder, sizeof folder, "%s/small2", fc_test_tmpdir());
    assert_ok(fc_mkdir_all(folder, &err), &err);
    if (mount("none", folder, "tmpfs", 0, "size=1m") != 0) skip();
    snprintf(target, sizeof target, "%s/model.bin", folder);
    fc_fetch_options o = fast();
    fc_status s = get("model.bin?nolength", &o, file_hash, 0, &err);
    bool there = exists("");
    umount(folder);
    assert_fails(s, FC_FULL, &err, "no space is left");
    assert_false(there);
}

static int make_file(void **state)
{
    fc_sha256 hash;
    (void)state;
    file = fc_alloc(FILE_SIZE);
    if (!file) return 1;
    for (size_t i = 0; i < FILE_SIZE; i++) file[i] = (uint8_t)(fc_splitmix64(i / 8) >> (i % 8 * 8));
    if (fc_sha256_bytes(file, FILE_SIZE, &hash, NULL) != FC_OK) return 1;
    memcpy(file_hash, hash.hex, sizeof file_hash);
    return 0;
}

static int free_file(void **state)
{
    (void)state;
    fc_free(file);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_whole),
        T(test_several_at_once),
        T(test_breaks),
        T(test_breaks_after_every_byte_count),
        T(test_no_ranges),
        T(test_no_length),
        T(test_no_ranges_and_a_break),
        T(test_cut_without_length),
        T(test_redirect),
        T(test_redirects_in_a_circle),
        T(test_passing_trouble),
        T(test_refusals),
        T(test_pages),
        T(test_wrong_size),
        T(test_wrong_hash),
        T(test_wrong_range),
        T(test_change_in_between),
        T(test_stall),
        T(test_nobody_answers),
        T(test_offline_and_addresses),
        T(test_mirror),
        T(test_token),
        T(test_environment),
        T(test_proxy),
        T(test_slow_server),
        T(test_broken_safetensors),
        T(test_cancel_and_resume),
        T(test_broken_states),
        T(test_damaged_rest),
        T(test_two_processes),
        T(test_kill),
        T(test_full_disk),
        T(test_full_disk_without_length),
    };
    return cmocka_run_group_tests(tests, make_file, free_file);
}
