/* Who asks: by cookie, token, password or signed link. Without --auth everybody may do everything. */
#include "server/access/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/base64.h"
#include "base/str.h"
#include "server/server_impl.h"

#define COOKIE "fooocus_session"
enum { SESSION_SECONDS = 30 * 86400 };

static void refuse_attempts(fc_http *h, int wait, const fc_err *err)
{
    char seconds[16];
    fc_http_problem_as(h, 429, err->status, err->message, NULL);
    snprintf(seconds, sizeof seconds, "%d", wait);
    fc_http_add_header(h, "Retry-After", seconds);
}

/* False: an answer is set. */
static bool try_basic(fc_http *h, const char *encoded)
{
    char token[FC_AUTH_NAME];
    int wait;
    fc_err err = {0};
    fc_buf pair;
    fc_buf_init(&pair, 2000);
    bool goes_on = true;
    if (fc_base64_decode(encoded, strlen(encoded), &pair) && strlen(fc_buf_cstr(&pair)) == pair.len) {
        char *colon = pair.len ? strchr(pair.data, ':') : NULL;
        if (colon) {
            *colon = '\0';
            if (fc_auth_token(h->server->auth, colon + 1, token)) { /* a token does as the password */
                h->user = fc_arena_strdup(&h->arena, token);
                fc_buf_fini(&pair);
                return true;
            }
            fc_status status =
                fc_auth_password(h->server->auth, h->peer.client, pair.data, colon + 1, &wait, &err);
            if (status == FC_OK) h->user = fc_arena_strdup(&h->arena, pair.data);
            if (status == FC_LIMIT) {
                refuse_attempts(h, wait, &err);
                goes_on = false;
            }
        }
    }
    fc_buf_fini(&pair);
    return goes_on;
}

/* False: an answer is set. */
static bool find_user(fc_http *h)
{
    char name[FC_AUTH_NAME];
    fc_auth *auth = h->server->auth;
    const char *cookie = MHD_lookup_connection_value(h->connection, MHD_COOKIE_KIND, COOKIE);
    const char *key = fc_http_header(h, "X-API-KEY"), *header = fc_http_header(h, "Authorization");
    bool found = cookie && fc_auth_cookie(auth, cookie, name);
    if (!found && key) found = fc_auth_token(auth, key, name);
    if (!found && header && strncasecmp(header, "Bearer ", 7) == 0)
        found = fc_auth_token(auth, header + 7, name);
    if (found) {
        h->user = fc_arena_strdup(&h->arena, name);
        return true;
    }
    return !(header && strncasecmp(header, "Basic ", 6) == 0) || try_basic(h, header + 6);
}

static bool has_signature(fc_http *h)
{
    const char *signature = fc_http_query(h, "key");
    return (h->route->flags & FC_ROUTE_SIGNED) && signature &&
           fc_auth_signed(h->server->auth, h->path, signature);
}

bool fc_access_check(fc_http *h)
{
    if (!h->server->auth) return true;
    if (!find_user(h)) return false;
    if (h->user || has_signature(h)) return true;
    if (h->route->flags & FC_ROUTE_PUBLIC) return true;
    fc_http_problem_as(h, 401, FC_DENIED, "log in, or send an API token", NULL);
    /* clients of these two wait for the challenge; on our own paths Basic would make browsers ask */
    bool basic = fc_str_starts(h->path, "/sdapi/") || fc_str_starts(h->path, "/v1/generation/");
    fc_http_add_header(h, "WWW-Authenticate",
                       basic ? "Basic realm=\"Fooocus\", charset=\"UTF-8\"" : "Bearer");
    return false;
}

/* ---- login and logout ---- */

static void set_cookie(fc_http *h, const char *value, int seconds)
{
    char text[FC_AUTH_COOKIE_TEXT + 400];
    snprintf(text, sizeof text, COOKIE "=%s; Path=%s/; HttpOnly; SameSite=Strict; Max-Age=%d%s", value,
             h->peer.prefix, seconds, strcmp(h->peer.scheme, "https") == 0 ? "; Secure" : "");
    fc_http_add_header(h, "Set-Cookie", text);
}

static void log_in(fc_http *h, const char *user, const char *password)
{
    char cookie[FC_AUTH_COOKIE_TEXT];
    int wait = 0;
    fc_err err = {0};
    fc_status status = fc_auth_password(h->server->auth, h->peer.client, user, password, &wait, &err);
    if (status != FC_OK) goto out;
    status = fc_auth_cookie_make(h->server->auth, user, cookie, &err);
out:
    if (status == FC_OK) {
        fc_http_json(h, 200, json_pack("{s:b, s:s}", "authentication", 1, "user", user));
        set_cookie(h, cookie, SESSION_SECONDS);
    } else if (status == FC_LIMIT) {
        refuse_attempts(h, wait, &err);
    } else {
        fc_http_problem_as(h, status == FC_DENIED ? 401 : 0, status, err.message, NULL);
    }
}

void fc_api_login(fc_http *h)
{
    json_t *body = fc_http_body_json(h, false);
    if (!body) return;
    const char *user = json_string_value(json_object_get(body, "user"));
    const char *password = json_string_value(json_object_get(body, "password"));
    if (!user || !password)
        fc_http_problem_as(h, 0, FC_ARG, "want the texts user and password", user ? "password" : "user");
    else if (!h->server->auth)
        fc_http_json(h, 200, json_pack("{s:b, s:n}", "authentication", 0, "user"));
    else
        log_in(h, user, password);
    json_decref(body);
}

void fc_api_logout(fc_http *h)
{
    fc_http_empty(h, 204);
    set_cookie(h, "", 0);
}

void fc_api_session(fc_http *h)
{
    fc_http_json(h, 200,
                 json_pack("{s:b, s:o}", "authentication", h->server->auth != NULL, "user",
                           h->user ? json_string(h->user) : json_null()));
}
