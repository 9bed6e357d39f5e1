/* config.txt is read once: by a command line whatever it draws, by a server once for each state of the file,
 * and a change counts from the next job on. The system counts the openings (inotify). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "support/program.h"
#include "support/support.h"

#define SMALL "--size", "64x64", "--style", "none", "--threads", "1"

/* A rename at once, as editors save: that opens no config.txt. */
static void write_config(int steps)
{
    char text[200];
    fc_err err = {0};
    snprintf(text, sizeof text, "{\"default_overwrite_step\": %d, \"default_recipe\": \"2.5\"}", steps);
    assert_ok(fc_file_write_atomic(program_path("config.txt"), text, strlen(text), &err), &err);
}

static int make_home(void **state)
{
    (void)state;
    program p = {0};
    static const char *const args[] = {"tiny_base", "models/checkpoints/tiny.safetensors", NULL};
    assert_int_equal(mkdir(program_path("models"), 0700), 0);
    assert_int_equal(mkdir(program_path("models/checkpoints"), 0700), 0);
    program_run(&p, "synth_ckpt", args);
    assert_int_equal(p.code, 0);
    program_free(&p);
    return 0;
}

/* ---- counting ---- */

static int watch_home(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, program_folder(), IN_OPEN) >= 0);
    return fd;
}

/* Openings of config.txt since the last call. */
static int count_opens(int fd)
{
    static _Alignas(struct inotify_event) char events[1 << 16];
    int count = 0;
    for (ssize_t n; (n = read(fd, events, sizeof events)) > 0;)
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *)(events + at);
            assert_false(e->mask & IN_Q_OVERFLOW);
            if (e->len && strcmp(e->name, "config.txt") == 0) count++;
            at += (ssize_t)(sizeof *e + e->len);
        }
    return count;
}

static void test_a_command_reads_it_once(void **state)
{
    (void)state;
    static const char *const args[] = {"generate", "a cat", "--home",     ".",       SMALL,
                                       "--count",  "3",     "--metadata", "fooocus", NULL};
    program p = {0};
    write_config(1);
    int fd = watch_home();
    program_run(&p, "fooocus", args);
    if (p.code != 0) fail_msg("%s", p.err);
    assert_int_equal(count_opens(fd), 1);
    assert_null(strstr(p.err, "step 2")); /* and what it says counts */
    program_free(&p);
    close(fd);
}

/* ---- the server ---- */

/* One request, one answer; the text lives until the next call. */
static const char *ask(int port, const char *method, const char *path, const char *body)
{
    static char answer[1 << 16];
    char request[2000];
    size_t have = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, path, port, strlen(body), body);
    assert_int_equal(write(fd, request, (size_t)size), size);
    for (ssize_t n; (n = read(fd, answer + have, sizeof answer - 1 - have)) > 0;) have += (size_t)n;
    answer[have] = '\0';
    close(fd);
    return answer;
}

/* The text behind "name":" in a JSON answer. */
static void member(const char *answer, const char *name, char *out, size_t size)
{
    char wanted[40];
    snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
    const char *at = strstr(answer, wanted);
    if (!at) fail_msg("no %s in %s", name, answer);
    at += strlen(wanted);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* Draws a picture and checks how many steps the configuration gave it. */
static void draw(int port, int steps)
{
    char id[100], path[140], state[40] = "", wanted[40];
    const struct timespec pause = {0, 20 * 1000 * 1000};
    const char *answer = ask(port, "POST", "/api/v1/jobs",
                             "{\"parameters\": {\"prompt\": \"a cat\", \"width\": 64, \"height\": 64}}");
    member(answer, "id", id, sizeof id);
    snprintf(path, sizeof path, "/api/v1/jobs/%s", id);
    while (strcmp(state, "done") != 0) {
        nanosleep(&pause, NULL);
        answer = ask(port, "GET", path, "");
        member(answer, "state", state, sizeof state);
        if (strcmp(state, "failed") == 0) fail_msg("%s", answer);
    }
    snprintf(wanted, sizeof wanted, "\"steps\":%d", steps);
    if (!strstr(answer, wanted)) fail_msg("not %d steps: %s", steps, answer);
}

static program server; /* ended by end_server whatever the test finds */

static int end_server(void **state)
{
    (void)state;
    program_free(&server);
    return 0;
}

static int start_server(void)
{
    static const char *const args[] = {"serve", "--port", "0", "--home", ".", "--threads", "1", NULL};
    static const char ready[] = "ready: open http://127.0.0.1:";
    fc_buf said;
    fc_err err = {0};
    program_start(&server, "fooocus", args);
    assert_true(program_wait_for(&server, ready));
    fc_buf_init(&said, 1 << 16);
    assert_ok(fc_file_read(server.out_path, &said, &err), &err);
    int port = atoi(strstr(fc_buf_cstr(&said), ready) + strlen(ready));
    fc_buf_fini(&said);
    return port;
}

static void test_a_server_reads_it_when_it_changed(void **state)
{
    (void)state;
    write_config(1);
    int fd = watch_home(), port = start_server();
    assert_int_equal(count_opens(fd), 1);
    draw(port, 1);
    draw(port, 1);
    assert_non_null(strstr(ask(port, "GET", "/api/v1/presets", ""), "200 OK"));
    assert_int_equal(count_opens(fd), 0);
    write_config(2);
    draw(port, 2);
    assert_int_equal(count_opens(fd), 1);
    draw(port, 2);
    assert_int_equal(count_opens(fd), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_reads_it_once),
        cmocka_unit_test_teardown(test_a_server_reads_it_when_it_changed, end_server),
    };
    return cmocka_run_group_tests(tests, make_home, NULL);
}
