#include "support/postgres.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "app/queue/store_pg.h"
#include "base/file.h"
#include "support/support.h"

static struct {
    char folder[64], bin[200];
    int port;
    pid_t pid, owner; /* of the server; of the test program */
} pg;

static const char settings[] = "fsync = off\nunix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n"
                               "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n"
                               "log_min_messages = panic\nlc_messages = 'C'\nmax_connections = 60\n";
static const char access_rules[] =
    "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n";

/* ---- the folder of its programs ---- */

bool postgres_is_installed(void)
{
    glob_t found;
    if (pg.bin[0]) return true;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc) {
        const char *last = found.gl_pathv[found.gl_pathc - 1];
        snprintf(pg.bin, sizeof pg.bin, "%.*s", (int)(strlen(last) - strlen("/initdb")), last);
    }
    globfree(&found);
    return pg.bin[0] != '\0';
}

/* In the child: nobody instead of root, and quiet. */
static void become(char *const *argv)
{
    const struct passwd *nobody = getpwnam("nobody");
    char log[100];
    snprintf(log, sizeof log, "%s/log", pg.folder);
    if (geteuid() == 0 && (!nobody || setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0)) _exit(120);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(121);
    if (chdir(pg.folder) != 0) _exit(123);
    execv(argv[0], argv);
    _exit(122);
}

static pid_t start(char *const *argv)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) become(argv);
    return pid;
}

static void run(const char *program, const char *const *args)
{
    char path[260];
    char *argv[16] = {path};
    int state, count = 1;
    snprintf(path, sizeof path, "%s/%s", pg.bin, program);
    for (; args[count - 1]; count++) argv[count] = (char *)(uintptr_t)args[count - 1];
    pid_t pid = start(argv);
    assert_int_equal(waitpid(pid, &state, 0), pid);
    if (state != 0) fail_msg("%s ended with %d, see %s/log", program, state, pg.folder);
}

/* ---- start and end ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void end(int signal)
{
    if (pg.pid <= 0) return;
    kill(pg.pid, signal);
    waitpid(pg.pid, NULL, 0);
    pg.pid = 0;
}

static void end_at_exit(void)
{
    if (getpid() != pg.owner) return;
    end(SIGQUIT);
    nftw(pg.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void write_file(const char *name, const char *text, const char *mode)
{
    char path[100];
    snprintf(path, sizeof path, "%s/data/%s", pg.folder, name);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

const char *postgres_certificate(void)
{
    return fc_test_source_path("tests/http/tls/cert.pem");
}

/* The key must belong to the server and be nobody else's to read. */
static void copy_key(const char *from, const char *to)
{
    fc_buf text;
    fc_err err;
    char path[100];
    const struct passwd *nobody = getpwnam("nobody");
    snprintf(path, sizeof path, "%s/data/%s", pg.folder, to);
    fc_buf_init(&text, 1 << 20);
    assert_ok(fc_file_read(fc_test_source_path(from), &text, &err), &err);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    if (geteuid() == 0) assert_int_equal(fchown(fd, nobody->pw_uid, nobody->pw_gid), 0);
    close(fd);
    fc_buf_fini(&text);
}

void postgres_restart(void)
{
    char path[260], data[100], port[16];
    fc_lib_conn conn = {0};
    fc_err err = {0};
    snprintf(path, sizeof path, "%s/postgres", pg.bin);
    snprintf(data, sizeof data, "%s/data", pg.folder);
    snprintf(port, sizeof port, "%d", pg.port);
    char *const argv[] = {path, (char *)(uintptr_t) "-D", data, (char *)(uintptr_t) "-p", port, NULL};
    pg.pid = start(argv);
    assert_ok(fc_lib_conn_init(&conn, &err), &err);
    while (fc_pg_connect(&conn, postgres_url("fooocus", "postgres", ""), 0, &err) != FC_OK) {
        if (waitpid(pg.pid, NULL, WNOHANG) != 0) fail_msg("PostgreSQL ended: %s/log", pg.folder);
        conn.store->close(&conn);
        usleep(20000);
    }
    fc_lib_conn_fini(&conn);
}

void postgres_kill(void)
{
    end(SIGQUIT); /* what it has not written is lost, as with the power */
}

void postgres_start(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    char data[100];
    if (pg.pid > 0) return;
    if (!postgres_is_installed()) {
        print_message("skipped: PostgreSQL is not installed (apt-get install postgresql)\n");
        skip();
    }
    snprintf(pg.folder, sizeof pg.folder, "/tmp/fc-pg-XXXXXX");
    assert_non_null(mkdtemp(pg.folder));
    if (geteuid() == 0) assert_int_equal(chown(pg.folder, nobody->pw_uid, nobody->pw_gid), 0);
    pg.owner = getpid();
    pg.port = free_port();
    atexit(end_at_exit);
    snprintf(data, sizeof data, "%s/data", pg.folder);
    run("initdb", (const char *const[]){"-D", data, "-U", "fooocus", "-A", "trust", "-E", "UTF8",
                                        "--locale=C.UTF-8", "-N", "-g", NULL});
    write_file("postgresql.conf", settings, "a");
    write_file("pg_hba.conf", access_rules, "w");
    copy_key("tests/http/tls/cert.pem", "server.crt");
    copy_key("tests/http/tls/key.pem", "server.key");
    postgres_restart();
    postgres_run(postgres_url("fooocus", "postgres", ""), "CREATE USER guarded PASSWORD 'secret'");
}

/* ---- databases ---- */

const char *postgres_url(const char *user, const char *database, const char *parameters)
{
    static char urls[8][300];
    static int next;
    next = (next + 1) % 8;
    snprintf(urls[next], sizeof urls[next], "postgresql://%s@127.0.0.1:%d/%s%s", user, pg.port, database,
             parameters);
    return urls[next];
}

static void open_conn(fc_lib_conn *conn, const char *url)
{
    fc_err err = {0};
    *conn = (fc_lib_conn){0};
    assert_ok(fc_lib_conn_init(conn, &err), &err);
    assert_ok(fc_pg_connect(conn, url, 0, &err), &err);
}

void postgres_run(const char *url, const char *sql)
{
    fc_lib_conn conn;
    fc_query q;
    fc_err err = {0};
    open_conn(&conn, url);
    fc_query_begin_once(&q, &conn, sql, &err);
    assert_ok(fc_query_end(&q, NULL), &err);
    fc_lib_conn_fini(&conn);
}

long postgres_number(const char *url, const char *sql)
{
    fc_lib_conn conn;
    fc_query q;
    fc_err err = {0};
    open_conn(&conn, url);
    fc_query_begin_once(&q, &conn, sql, &err);
    long number = fc_query_row(&q) ? (long)fc_query_get_int(&q, 0) : -1;
    assert_ok(fc_query_end(&q, NULL), &err);
    fc_lib_conn_fini(&conn);
    return number;
}

const char *postgres_database(void)
{
    static int number;
    char name[16], sql[64];
    postgres_start();
    snprintf(name, sizeof name, "db%d", ++number);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    postgres_run(postgres_url("fooocus", "postgres", ""), sql);
    return postgres_url("fooocus", name, "");
}
