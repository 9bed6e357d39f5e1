#include "support/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/support.h"

enum { MAX_ARGS = 40, MAX_OUTPUT = 8 << 20, POLL_MICROSECONDS = 2000 };

const char *program_folder(void)
{
    static char folder[300];
    fc_err err = {0};
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/work", fc_test_tmpdir());
        assert_ok(fc_mkdir_all(folder, &err), &err);
    }
    return folder;
}

const char *program_path(const char *name)
{
    static char paths[4][600];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", program_folder(), name);
    return paths[next];
}

static void redirect(const char *path, int to)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(120);
    close(fd);
}

static void become(const program *p, const char *path, char *const *argv)
{
    redirect(p->no_output ? "/dev/full" : p->out_path, STDOUT_FILENO);
    if (!p->typed) {
        redirect(p->err_path, STDERR_FILENO);
        int nothing = open("/dev/null", O_RDONLY);
        if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) _exit(120);
    }
    unsetenv("FOOOCUS_HOME");
    unsetenv("HF_TOKEN");
    unsetenv("HF_MIRROR");
    if (chdir(program_folder()) != 0) _exit(121);
    if (p->file_limit)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)p->file_limit, (rlim_t)p->file_limit});
#ifndef __SANITIZE_ADDRESS__ /* address checks reserve far more addresses than any limit allows */
    if (p->space_limit)
        setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)p->space_limit, (rlim_t)p->space_limit});
#endif
    execv(path, argv);
    _exit(122);
}

void program_start(program *p, const char *name, const char *const *args)
{
    static int number;
    char path[600];
    char *argv[MAX_ARGS + 2] = {path};
    int count = 0;
    for (; args[count]; count++) {
        assert_true(count < MAX_ARGS);
        argv[count + 1] = (char *)(uintptr_t)args[count];
    }
    *p = (program){.file_limit = p->file_limit,
                   .space_limit = p->space_limit,
                   .typed = p->typed,
                   .no_output = p->no_output};
    snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : FC_BINARY_DIR, *name == '/' ? "" : "/", name);
    snprintf(p->out_path, sizeof p->out_path, "%s/out%d", fc_test_tmpdir(), ++number);
    snprintf(p->err_path, sizeof p->err_path, "%s/err%d", fc_test_tmpdir(), number);
    p->pid = p->typed ? forkpty(&p->terminal, NULL, NULL, NULL) : fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) become(p, path, argv);
    if (p->typed) assert_int_equal(write(p->terminal, p->typed, strlen(p->typed)), strlen(p->typed));
}

/* Until the program has ended: then the terminal has no other side any more. */
static void save_screen(program *p)
{
    char block[4096];
    ssize_t n;
    int fd = open(p->err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    while ((n = read(p->terminal, block, sizeof block)) > 0) assert_int_equal(write(fd, block, (size_t)n), n);
    close(fd);
    close(p->terminal);
}

static char *content(const char *path)
{
    fc_buf text;
    fc_buf_init(&text, MAX_OUTPUT);
    if (fc_file_read(path, &text, NULL) != FC_OK) fc_buf_reset(&text);
    return fc_buf_take(&text);
}

static void finish(program *p, int status)
{
    p->code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    p->pid = 0;
    p->out = content(p->out_path);
    p->err = content(p->err_path);
    if (p->code >= 120 && p->code <= 122) fail_msg("the program could not be started (%d)", p->code);
}

void program_wait(program *p)
{
    int status;
    if (p->pid && p->typed) save_screen(p);
    while (p->pid && waitpid(p->pid, &status, 0) < 0) assert_int_equal(errno, EINTR);
    if (p->pid) finish(p, status);
}

void program_run(program *p, const char *name, const char *const *args)
{
    program_start(p, name, args);
    program_wait(p);
}

bool program_wait_for(program *p, const char *text)
{
    while (p->pid) {
        int status;
        char *now = content(p->out_path);
        bool found = strstr(now, text) != NULL;
        fc_free(now);
        if (found) return true;
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) finish(p, status);
        usleep(POLL_MICROSECONDS);
    }
    return strstr(p->out, text) != NULL;
}

void program_free(program *p)
{
    if (p->pid) {
        kill(p->pid, SIGKILL);
        program_wait(p);
    }
    fc_free(p->out);
    fc_free(p->err);
    *p = (program){0};
}
