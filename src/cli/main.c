/* fooocus: finds the command and runs it. */
#include <limits.h>
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

static const cli_command commands[] = {
    {"generate", "generate \"PROMPT\" [--model FILE] [flags]", "Make pictures from a sentence.", NULL, NULL,
     cli_generate, true},
    {"serve", "serve [--listen [IP]] [--port N] [--auth FILE] [flags]", "The web page and the API.", NULL,
     NULL, cli_serve, true},
    {"auth", "auth add|token|remove NAME [--file FILE]", "Users and API tokens of the server.",
     "add token remove", NULL, cli_auth, false},
    {"setup", "setup [--preset NAME] [flags]", "Fetch the models that pictures need, after one question.",
     NULL,
     "Without --preset the set of preset sai: the SDXL base model, its refiner and the\n"
     "offset LoRA (13 GB). What is already there stays. A break is no harm: the same\n"
     "command goes on where it stopped.\n",
     cli_setup, false},
    {"models", "models list|get|verify|remove [NAME ...] [flags]", "Fetch and check model files.",
     "list get verify remove",
     "models list             what is here; --all: also what could be fetched\n"
     "models get NAME ...     fetch models of the list, or all that --preset NAME needs\n"
     "models verify [NAME ...]  compare files with their known SHA-256, without names all;\n"
     "                        a broken one is moved aside and fetched again if you agree\n"
     "models remove NAME ...  delete files, after a question\n"
     "\n"
     "An access token in HF_TOKEN is sent to huggingface.co alone; proxies are those of\n"
     "the environment (https_proxy).\n",
     cli_models, false},
    {"config", "config [KEY ...] [flags]", "Show settings and where they come from.", NULL,
     "Later sources win: built in, the preset default, config.txt, --preset, environment\n"
     "variables of the same name. Nothing is ever written.\n",
     cli_config, false},
    {"bench", "bench [ops|step|text|vae|load|e2e ...] [flags]", "Measure speed and memory.",
     "ops step text vae load e2e", NULL, cli_bench, true},
    {"doctor", "doctor [FILE ...] [flags]", "Describe model files, or this machine.", NULL,
     "Without FILE: what this machine has, which models are there, and what speed to\n"
     "expect, measured for about a second. With FILE, a path or the name of a model file:\n"
     "its kind and parts, what is missing in it and what nothing uses.\n",
     cli_doctor, false},
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
