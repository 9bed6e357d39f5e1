/* fooocus: finds the command and runs it. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/settings/params.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/help.h"

static const struct {
    int (*run)(int argc, char **argv);
    const char *name;
    bool computes;
} commands[] = {
#define CLI_COMMAND(name, computes, ...) {cli_##name, #name, computes},
#include "cli/commands.def"
#undef CLI_COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static int print(void (*write)(fc_buf *out))
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    write(&text);
    fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
    return fflush(stdout) == 0 ? 0 : fc_status_exit_code(FC_IO);
}

static int print_completion(const char *shell)
{
    fc_buf text;
    fc_err err = {0};
    fc_buf_init(&text, 1 << 20);
    fc_status status = cli_completion(shell, &text, &err);
    if (status == FC_OK) fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
    return status == FC_OK ? 0 : cli_fail(&err);
}

static int unknown_command(const char *name)
{
    const char *names[COMMAND_COUNT];
    fc_err err = {0};
    for (int i = 0; i < COMMAND_COUNT; i++) names[i] = commands[i].name;
    const char *near = fc_str_closest(name, names, COMMAND_COUNT);
    if (near)
        fc_fail(&err, FC_ARG, "there is no command '%.60s', did you mean %s?", name, near);
    else
        fc_fail(&err, FC_ARG, "there is no command '%.60s', see fooocus --help", name);
    return cli_fail(&err);
}

/* Threads that wait for the others spin unless told otherwise: 3 % faster on an idle machine, many times
 * slower on a busy one (docs/SPEED.md). libgomp reads the setting before main, so the program begins once
 * more with it. */
static void wait_calmly(char **argv)
{
    char path[PATH_MAX];
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
    path[n] = '\0';
    execv(path, argv); /* when that fails, it goes on as it is */
}

int main(int argc, char **argv)
{
    fc_log_init_from_env();
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error to tell, no reason to die */
    if (argc < 2) {
        print(cli_help_main);
        return fc_status_exit_code(FC_ARG);
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return print(cli_help_main);
    if (!strcmp(word, "--version")) return printf("fooocus %s\n", fc_version()) < 0;
    if (!strcmp(word, "--man")) return print(cli_help_man);
    if (!strcmp(word, "--completion")) return print_completion(argc > 2 ? argv[2] : "");
    if (!strcmp(word, "--settings")) return print(fc_params_markdown);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, word) != 0) continue;
        if (commands[i].computes) wait_calmly(argv);
        return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(word);
}
