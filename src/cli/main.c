/* fooocus: finds the command and runs it. */
#include <stdio.h>
#include <string.h>
#include "app/params.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"

static const cli_command commands[] = {
    {"generate", "generate \"PROMPT\" [--model FILE] [flags]", "Make pictures from a sentence.",
     cli_generate},
    {"serve", "serve [--listen [IP]] [--port N] [--auth FILE] [flags]", "The web page and the API.",
     cli_serve},
    {"auth", "auth add|token|remove NAME [--file FILE]", "Users and API tokens of the server.", cli_auth},
    {"setup", "setup [--preset NAME]", "Fetch the models that pictures need, after one question.", cli_setup},
    {"models", "models list|get|verify|remove [NAME ...]", "Fetch and check model files.", cli_models},
    {"config", "config [KEY ...]", "Show settings and where they come from.", cli_config},
    {"bench", "bench [ops|step|text|vae|load|e2e ...] [flags]", "Measure speed and memory.", cli_bench},
    {"doctor", "doctor [FILE ...]", "Describe model files, or this machine.", cli_doctor},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const cli_command *cli_command_at(int index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

int cli_fail(const fc_err *err)
{
    fprintf(stderr, "fooocus: %s\n", err->message[0] ? err->message : fc_status_text(err->status));
    return fc_status_exit_code(err->status);
}

static int print(void (*write)(fc_buf *out))
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    write(&text);
    fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
    return fflush(stdout) == 0 ? 0 : fc_status_exit_code(FC_IO);
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

int main(int argc, char **argv)
{
    fc_log_init_from_env();
    if (argc < 2) {
        print(cli_help_main);
        return fc_status_exit_code(FC_ARG);
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return print(cli_help_main);
    if (!strcmp(word, "--version")) return printf("fooocus %s\n", fc_version()) < 0;
    if (!strcmp(word, "--man")) return print(cli_help_man);
    if (!strcmp(word, "--settings")) return print(fc_params_markdown);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(commands[i].name, word)) return commands[i].run(argc - 1, argv + 1);
    return unknown_command(word);
}
