/* fooocus auth: the file of users and tokens for `fooocus serve --auth`. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "base/str.h"
#include "cli/cli.h"
#include "server/access/auth.h"

enum { MAX_PASSWORD = 1000 };

static const char usage[] =
    "usage: fooocus auth add USER [--file FILE]     add a user, or change the password\n"
    "       fooocus auth token NAME [--file FILE]   make an API token and print it\n"
    "       fooocus auth remove NAME [--file FILE]  remove a user or token\n"
    "\nFILE is users when it is left out. The password is asked for; without a terminal it is the first line "
    "of\n"
    "the input.\n";

static bool read_line(char *out, size_t size)
{
    if (!fgets(out, (int)size, stdin)) return false;
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

/* Without showing it. */
static bool ask(const char *question, char *out, size_t size)
{
    struct termios shown, hidden;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &shown) == 0;
    if (terminal) {
        fprintf(stderr, "%s", question);
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool read = read_line(out, size);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    return read;
}

static fc_status add_user(const char *file, const char *user, fc_err *err)
{
    char password[MAX_PASSWORD], again[MAX_PASSWORD];
    if (!ask("Password: ", password, sizeof password)) return fc_fail(err, FC_ARG, "there is no password");
    if (isatty(STDIN_FILENO) && (!ask("Once more: ", again, sizeof again) || strcmp(password, again) != 0))
        return fc_fail(err, FC_ARG, "the passwords are not the same");
    fc_status status = fc_auth_file_add_user(file, user, password, err);
    if (status == FC_OK) printf("%s may log in. Start the server with: --auth %s\n", user, file);
    return status;
}

static fc_status add_token(const char *file, const char *name, fc_err *err)
{
    char token[FC_AUTH_TOKEN_TEXT];
    fc_status status = fc_auth_file_add_token(file, name, token, err);
    if (status == FC_OK) puts(token);
    return status;
}

int cli_auth(int argc, char **argv)
{
    fc_err err = {0};
    fc_status status;
    const char *file = "users";
    if (argc < 3 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return argc >= 2 && argv[1][0] == '-' ? 0 : fc_status_exit_code(FC_ARG);
    }
    if (argc == 5 && strcmp(argv[3], "--file") == 0)
        file = argv[4];
    else if (argc == 4 && fc_str_starts(argv[3], "--file="))
        file = argv[3] + 7;
    else if (argc != 3)
        argv[1] = argv[3]; /* not understood: told below */
    if (strcmp(argv[1], "add") == 0)
        status = add_user(file, argv[2], &err);
    else if (strcmp(argv[1], "token") == 0)
        status = add_token(file, argv[2], &err);
    else if (strcmp(argv[1], "remove") == 0)
        status = fc_auth_file_remove(file, argv[2], &err);
    else
        status = fc_fail(&err, FC_ARG, "'%.60s' is not understood, see fooocus auth --help", argv[1]);
    return status == FC_OK ? 0 : cli_fail(&err);
}
