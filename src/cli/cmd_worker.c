/* fooocus worker: draws jobs of a shared queue, until a signal comes. It is a server without page and API. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "cli/cli.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/serve_args.h"
#include "cli/tty.h"

typedef enum option_id {
#define CLI_OPTION(name, ...) OPTION_##name,
#include "cli/worker_options.def"
#undef CLI_OPTION
    OPTION_COUNT
} option_id;

static fc_status set_port(cli_serve_args *a, const char *value, fc_err *err)
{
    int64_t port;
    if (!fc_parse_i64(value, &port) || port < 0 || port > 65535)
        return fc_fail(err, FC_ARG, "--port: '%.60s' is no number from 0 to 65535", value);
    a->server.port = (int)port;
    a->server.no_http = false;
    return FC_OK;
}

static fc_status set_option(cli_serve_args *a, option_id id, const char *value, fc_err *err)
{
    switch (id) {
    case OPTION_library:
        a->server.library = value;
        return FC_OK;
    case OPTION_outputs:
        a->outputs = value;
        return FC_OK;
    case OPTION_name:
        a->server.name = value;
        return FC_OK;
    case OPTION_home:
        a->server.home = value;
        return FC_OK;
    case OPTION_model:
        a->server.model = value;
        return FC_OK;
    case OPTION_lease:
        return cli_set_lease(a, value, err);
    case OPTION_port:
        return set_port(a, value, err);
    case OPTION_listen:
        a->server.listen = value ? value : "0.0.0.0";
        return FC_OK;
    case OPTION_help:
        a->help = true;
        return FC_OK;
    case OPTION_COUNT:
        break;
    }
    return fc_fail(err, FC_INTERNAL, "an option without meaning");
}

static fc_status parse(cli_serve_args *args, int argc, char **argv, fc_err *err)
{
    const cli_flags flags = {"worker", cli_worker_options, OPTION_COUNT};
    fc_status status = FC_OK;
    *args = (cli_serve_args){.server = {.only_worker = true, .no_http = true}};
    for (int at = 1; at < argc && status == FC_OK; at++) {
        const char *value;
        int option;
        status = cli_flags_read(&flags, &args->server.engine, argc, argv, &at, &option, &value, err);
        if (status == FC_OK && option >= 0) status = set_option(args, (option_id)option, value, err);
    }
    return status;
}

static void on_warning(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "warning: %s\n", text);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static fc_status work(cli_serve_args *args, fc_err *err)
{
    fc_server *server;
    sigset_t signals;
    int number;
    fc_status status = cli_use_library(args, err);
    if (status != FC_OK) return status;
    if (!args->server.library)
        return fc_fail(err, FC_ARG, "--library is missing: whose jobs is this worker to draw?");
    if (args->server.listen && args->server.no_http)
        return fc_fail(err, FC_ARG, "--listen: give --port too, without it no port is opened");
    block_signals(&signals);
    args->server.warn = (fc_warn){on_warning, NULL};
    status = fc_server_open(&args->server, &server, err);
    if (status != FC_OK) return status;
    printf("Fooocus %s draws for the shared queue. Ctrl+C ends it.\n", fc_version());
    if (!args->server.no_http) printf("Health: %shealthz\n", fc_server_url(server));
    fflush(stdout);
    sigwait(&signals, &number);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* once more ends at once */
    fprintf(stderr, "\nStopping. The picture in work goes back to the queue.\n");
    fc_server_close(server);
    return FC_OK;
}

int cli_worker(int argc, char **argv)
{
    cli_serve_args args;
    fc_err err = {0};
    fc_buf text;
    fc_status status = parse(&args, argc, argv, &err);
    if (status == FC_OK && args.help) {
        fc_buf_init(&text, 1 << 20);
        cli_help_worker(tty_width(), &text);
        fputs(fc_buf_cstr(&text), stdout);
        fc_buf_fini(&text);
        return 0;
    }
    if (status != FC_OK) goto out;
    status = work(&args, &err);
out:
    return status == FC_OK ? 0 : cli_fail(&err);
}
