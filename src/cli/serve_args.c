/* Reading the flags of `fooocus serve`. See serve_args.h. */
#include "cli/serve_args.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "cli/flags.h"

enum { DEFAULT_PORT = 7865, PORT_TRIES = 100 };

typedef enum option_id {
#define CLI_OPTION(name, ...) OPTION_##name,
#include "cli/serve_options.def"
#undef CLI_OPTION
    OPTION_COUNT
} option_id;

/* ---- values ---- */

static fc_status set_port(cli_serve_args *a, const char *value, fc_err *err)
{
    int64_t port;
    if (!fc_parse_i64(value, &port) || port < 0 || port > 65535)
        return fc_fail(err, FC_ARG, "--port: '%.60s' is no number from 0 to 65535", value);
    a->server.port = (int)port;
    a->server.port_tries = 0; /* this one, and no other */
    return FC_OK;
}

static fc_status set_tls(cli_serve_args *a, const char *value, fc_err *err)
{
    const char *comma = strchr(value, ',');
    size_t n = comma ? (size_t)(comma - value) : 0;
    if (!n || !comma[1] || n >= sizeof a->tls_cert || strlen(comma + 1) >= sizeof a->tls_key)
        return fc_fail(err, FC_ARG, "--tls: give two files, as in --tls cert.pem,key.pem");
    memcpy(a->tls_cert, value, n);
    a->tls_cert[n] = '\0';
    memcpy(a->tls_key, comma + 1, strlen(comma + 1) + 1);
    a->server.tls_cert = a->tls_cert;
    a->server.tls_key = a->tls_key;
    return FC_OK;
}

/* The next place of a list; what stays empty behind it ends the list. */
static fc_status add_text(const char *list[FC_SERVER_MAX_HOSTS], const char *flag, const char *value,
                          fc_err *err)
{
    int count = 0;
    while (count < FC_SERVER_MAX_HOSTS && list[count]) count++;
    if (count == FC_SERVER_MAX_HOSTS)
        return fc_fail(err, FC_LIMIT, "%s: more than %d of them", flag, FC_SERVER_MAX_HOSTS);
    list[count] = value;
    return FC_OK;
}

static fc_status add_origin(cli_serve_args *a, const char *value, fc_err *err)
{
    const char *at = strstr(value, "://");
    if (strcmp(value, "*") != 0 && (!at || at == value || !at[3] || strpbrk(at + 3, "/?# ")))
        return fc_fail(
            err, FC_ARG,
            "--allow-origin: want scheme, name and port as in https://app.example.org, got '%.60s'", value);
    return add_text(a->server.origins, "--allow-origin", value, err);
}

static fc_status add_proxy(cli_serve_args *a, const char *value, fc_err *err)
{
    struct in6_addr any;
    if (inet_pton(AF_INET, value, &any) != 1 && inet_pton(AF_INET6, value, &any) != 1)
        return fc_fail(err, FC_ARG, "--trust-proxy: '%.60s' is no IP address", value);
    return add_text(a->server.proxies, "--trust-proxy", value, err);
}

static fc_status set_pixels(cli_serve_args *a, const char *value, fc_err *err)
{
    if (fc_parse_i64(value, &a->server.max_pixels) && a->server.max_pixels > 0) return FC_OK;
    return fc_fail(err, FC_ARG, "--max-pixels: '%.60s' is no number above 0", value);
}

fc_status cli_set_lease(cli_serve_args *a, const char *value, fc_err *err)
{
    int64_t seconds;
    if (!fc_parse_i64(value, &seconds) || seconds < 3 || seconds > 3600)
        return fc_fail(err, FC_ARG, "--lease: '%.60s' is no number of seconds from 3 to 3600", value);
    a->server.lease_seconds = (int)seconds;
    return FC_OK;
}

/* The folder that all programs share; pictures that people put in lie there too. */
static fc_status use_outputs(const char *folder, bool shared, fc_err *err)
{
    char path[4096], inputs[4200];
    if (!fc_path_is_dir(folder))
        return fc_fail(err, FC_NOT_FOUND, "--outputs: there is no folder %s%s", folder,
                       shared ? ": mount the one that all servers and workers share" : ", make it first");
    if (access(folder, W_OK | X_OK) != 0)
        return fc_fail_errno(err, errno, "--outputs: cannot write into the folder %s", folder);
    if (!realpath(folder, path))
        return fc_fail_errno(err, errno, "--outputs: cannot use the folder %s", folder);
    snprintf(inputs, sizeof inputs, "%s/.library", path);
    if (setenv("path_outputs", path, 1) != 0 || (shared && setenv("FOOOCUS_INPUTS", inputs, 1) != 0))
        return fc_fail(err, FC_NOMEM, "out of memory");
    return FC_OK;
}

fc_status cli_use_library(cli_serve_args *a, fc_err *err)
{
    const char *usual = getenv("FOOOCUS_LIBRARY");
    if (!a->server.library && usual && *usual) a->server.library = usual;
    const char *url = a->server.library;
    if (!url && (a->server.no_worker || a->server.name || a->server.lease_seconds))
        return fc_fail(err, FC_ARG, "--no-worker, --name and --lease mean something with --library only");
    if (url && !fc_str_starts(url, "postgresql://") && !fc_str_starts(url, "postgres://"))
        return fc_fail(err, FC_ARG,
                       "--library: want an address like postgresql://user@host/database, got '%.40s'", url);
    if (url && !a->outputs)
        return fc_fail(err, FC_ARG,
                       "--library needs --outputs DIR, the folder of pictures that all servers and "
                       "workers share");
    return a->outputs ? use_outputs(a->outputs, url != NULL, err) : FC_OK;
}

static fc_status set_option(cli_serve_args *a, option_id id, const char *value, fc_err *err)
{
    switch (id) {
    case OPTION_listen:
        a->server.listen = value ? value : "0.0.0.0";
        return FC_OK;
    case OPTION_port:
        return set_port(a, value, err);
    case OPTION_open:
        a->open = true;
        return FC_OK;
    case OPTION_auth:
        a->server.auth = value;
        return FC_OK;
    case OPTION_tls:
        return set_tls(a, value, err);
    case OPTION_host:
        return add_text(a->server.hosts, "--host", value, err);
    case OPTION_public_url:
        a->server.public_url = value;
        return FC_OK;
    case OPTION_trust_proxy:
        return add_proxy(a, value, err);
    case OPTION_allow_origin:
        return add_origin(a, value, err);
    case OPTION_home:
        a->server.home = value;
        return FC_OK;
    case OPTION_model:
        a->server.model = value;
        return FC_OK;
    case OPTION_preset:
        a->preset = value;
        return FC_OK;
    case OPTION_yes:
        a->yes = true;
        return FC_OK;
    case OPTION_offline:
        a->offline = true;
        return FC_OK;
    case OPTION_hf_mirror:
        a->mirror = value;
        return FC_OK;
    case OPTION_library:
        a->server.library = value;
        return FC_OK;
    case OPTION_outputs:
        a->outputs = value;
        return FC_OK;
    case OPTION_no_worker:
        a->server.no_worker = true;
        return FC_OK;
    case OPTION_name:
        a->server.name = value;
        return FC_OK;
    case OPTION_lease:
        return cli_set_lease(a, value, err);
    case OPTION_max_pixels:
        return set_pixels(a, value, err);
    case OPTION_web:
        a->server.web = value;
        return FC_OK;
    case OPTION_COUNT:
        break;
    case OPTION_help:
        a->help = true;
        return FC_OK;
    }
    return fc_fail(err, FC_INTERNAL, "an option without meaning");
}

/* ---- arguments ---- */

fc_status cli_serve_args_parse(cli_serve_args *args, int argc, char **argv, fc_err *err)
{
    const cli_flags flags = {"serve", cli_serve_options, OPTION_COUNT};
    fc_status status = FC_OK;
    *args = (cli_serve_args){.server = {.port = DEFAULT_PORT, .port_tries = PORT_TRIES}};
    for (int at = 1; at < argc && status == FC_OK; at++) {
        const char *value;
        int option;
        status = cli_flags_read(&flags, &args->server.engine, argc, argv, &at, &option, &value, err);
        if (status == FC_OK && option >= 0) status = set_option(args, (option_id)option, value, err);
    }
    return status;
}
