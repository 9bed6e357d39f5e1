/* The real server over the painter of tests/support instead of the engine: what HTTP tests talk to when they
 * need pictures at once, or a job that takes its time.
 *   painter_server HOME [KEY=VALUE]...
 * The keys are those of set() below. Prints its URL and runs until stdin is closed or a signal comes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/str.h"
#include "server/server.h"
#include "support/painter.h"

static int number(const char *text)
{
    int64_t value = 0;
    return fc_parse_i64(text, &value) ? (int)value : 0;
}

static void set(fc_server_config *config, painter *p, const char *key, const char *value)
{
    if (strcmp(key, "port") == 0) config->port = number(value);
    if (strcmp(key, "tries") == 0) config->port_tries = number(value);
    if (strcmp(key, "listen") == 0) config->listen = value;
    if (strcmp(key, "model") == 0) config->model = value;
    if (strcmp(key, "auth") == 0) config->auth = value;
    if (strcmp(key, "host") == 0) config->hosts[0] = value;
    if (strcmp(key, "public_url") == 0) config->public_url = value;
    if (strcmp(key, "proxy") == 0) config->proxies[0] = value;
    if (strcmp(key, "origin") == 0) config->origins[0] = value;
    if (strcmp(key, "web") == 0) config->web = value;
    if (strcmp(key, "cert") == 0) config->tls_cert = value;
    if (strcmp(key, "key") == 0) config->tls_key = value;
    if (strcmp(key, "head_seconds") == 0) config->head_seconds = number(value);
    if (strcmp(key, "body_seconds") == 0) config->body_seconds = number(value);
    if (strcmp(key, "queue") == 0) config->max_queued = number(value);
    if (strcmp(key, "threads") == 0) config->threads = number(value);
    if (strcmp(key, "pixels") == 0) config->max_pixels = number(value);
    if (strcmp(key, "library") == 0) config->library = value;
    if (strcmp(key, "name") == 0) config->name = value;
    if (strcmp(key, "lease") == 0) config->lease_seconds = number(value);
    if (strcmp(key, "no_worker") == 0) config->no_worker = true;
    if (strcmp(key, "only_worker") == 0) config->only_worker = true;
    if (strcmp(key, "step_millis") == 0) p->step_millis = number(value);
    if (strcmp(key, "steps") == 0) p->steps = number(value);
    if (strcmp(key, "fail") == 0) p->fail_with = strcmp(value, "full") == 0 ? FC_FULL : FC_NUMERIC;
}

int main(int argc, char **argv)
{
    static char outputs[4096];
    painter p;
    fc_server *server;
    fc_err err;
    char byte;
    if (argc < 2 || !realpath(argv[1], outputs)) return 2;
    strncat(outputs, "/outputs", sizeof outputs - strlen(outputs) - 1);
    signal(SIGPIPE, SIG_IGN);
    fc_log_init_from_env();
    painter_init(&p, outputs);
    fc_server_config config = {.home = argv[1], .run = painter_run, .run_user = &p};
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) return 2;
        *equals = '\0';
        set(&config, &p, argv[i], equals + 1);
    }
    if (fc_server_open(&config, &server, &err) != FC_OK) {
        fprintf(stderr, "%s\n", err.message);
        return fc_status_exit_code(err.status);
    }
    puts(fc_server_url(server));
    fflush(stdout);
    while (read(0, &byte, 1) > 0) continue;
    fc_server_close(server);
    painter_fini(&p);
    return 0;
}
