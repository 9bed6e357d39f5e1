/* fooocus serve: the page and the API, until a signal comes. */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "app/common/home.h"
#include "app/settings/config.h"
#include "app/settings/request.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"
#include "cli/serve_args.h"
#include "cli/tty.h"

extern char **environ;

static void print_help(void)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    cli_help_serve(tty_width(), &text);
    fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
}

static void on_warning(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "warning: %s\n", text);
}

/* Every connection is an open file, and the usual limit is 1024. */
static void allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Threads inherit the mask, so signals reach the one that waits for them. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN); /* clients go away */
}

static void open_browser(const char *url)
{
    char *argv[] = {(char *)(uintptr_t) "xdg-open", (char *)(uintptr_t)url, NULL}; /* only read */
    pid_t child;
    if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) != 0)
        fprintf(stderr, "The browser cannot be opened: xdg-open is not installed.\n");
}

static bool is_loopback(const char *ip)
{
    return !ip || fc_str_starts(ip, "127.") || strcmp(ip, "::1") == 0;
}

static void print_welcome(const cli_serve_args *args, const fc_server *server)
{
    const fc_server_config *c = &args->server;
    if (!is_loopback(c->listen) && !c->auth)
        fprintf(stderr,
                "warning: everybody who reaches this machine can use this server and see all pictures.\n"
                "         Make a user with: fooocus auth add USER --file users, and add: --auth users\n");
    if (!is_loopback(c->listen) && c->auth && !c->tls_key)
        fprintf(stderr,
                "warning: passwords travel unencrypted; add --tls CERT,KEY, or put a proxy in front.\n");
    printf("Fooocus %s is ready: open %s in a browser. Ctrl+C ends it.\n", fc_version(),
           fc_server_url(server));
    fflush(stdout);
}

/* What config.txt and the preset say wrongly is told once, here; the models of the preset are fetched when
 * they are missing. */
static fc_status use_settings(cli_serve_args *args, fc_err *err)
{
    const fc_warn warn = {on_warning, NULL};
    models_args fetching = {.yes = args->yes, .fetch = {.offline = args->offline, .mirror = args->mirror}};
    const char *home = fc_home_dir(args->server.home);
    fc_config *config = NULL;
    fc_request *request = fc_request_new();
    fc_status status = request ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_request_set(request, "home", home, err);
    if (status != FC_OK) goto out;
    status = fc_config_open(&config, home, args->preset, warn, err);
    if (status != FC_OK) goto out;
    status = fc_config_apply(config, request, warn, err);
    if (status != FC_OK) goto out;
    if (args->preset) status = models_fetch_for(request, config, &fetching, err);
out:
    fc_config_close(config);
    fc_request_free(request);
    return status;
}

static fc_status serve(cli_serve_args *args, fc_err *err)
{
    fc_server *server;
    sigset_t signals;
    int number;
    fc_status status = cli_use_library(args, err);
    if (status != FC_OK) return status;
    status = use_settings(args, err);
    if (status != FC_OK) return status;
    allow_files();
    block_signals(&signals);
    args->server.preset = args->preset;
    args->server.warn = (fc_warn){on_warning, NULL};
    status = fc_server_open(&args->server, &server, err);
    if (status != FC_OK) return status;
    print_welcome(args, server);
    if (args->open) open_browser(fc_server_url(server));
    sigwait(&signals, &number);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* once more ends at once */
    fprintf(stderr, "\nStopping. What waits in the queue goes on with the next start.\n");
    fc_server_close(server);
    return FC_OK;
}

int cli_serve(int argc, char **argv)
{
    cli_serve_args args;
    fc_err err = {0};
    fc_status status = cli_serve_args_parse(&args, argc, argv, &err);
    if (status == FC_OK && args.help) {
        print_help();
        return 0;
    }
    if (status != FC_OK) goto out;
    if (!getenv("FC_LOG"))
        fc_log_set_level(FC_LOG_ERROR); /* what fails is told to whoever keeps the server */
    status = serve(&args, &err);
out:
    return status == FC_OK ? 0 : cli_fail(&err);
}
