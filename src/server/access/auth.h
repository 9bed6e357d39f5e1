/* Who may use the server: users with passwords, API tokens, sessions by signed cookie.
 *
 * The file has one line each: "NAME:scrypt$LOG2N$R$P$SALT$HASH" for a user, "token/NAME:sha256$HASH" for a
 * token, "key/session:HEX" for the key that signs cookies, "#" for comments; `fooocus auth` writes it.
 * Fooocus's auth.json, [{"user", "pass"} or {"user", "hash": SHA-256}], is read too. Passwords are compared
 * in constant time, and attempts are limited for each address and in all. */
#ifndef FC_SERVER_ACCESS_AUTH_H
#define FC_SERVER_ACCESS_AUTH_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/status.h"

typedef struct fc_auth fc_auth;

enum { FC_AUTH_NAME = 64, FC_AUTH_TOKEN_TEXT = 64, FC_AUTH_COOKIE_TEXT = 256 };

fc_status fc_auth_open(const char *path, fc_auth **auth, fc_err *err) FC_MUST_USE;
void fc_auth_close(fc_auth *a);

/* All of these may be called by any thread. name: whose it is. */

/* DENIED: wrong. LIMIT: too many attempts; try again in *wait seconds. address: of the client. */
fc_status fc_auth_password(fc_auth *a, const char *address, const char *user, const char *password, int *wait,
                           fc_err *err) FC_MUST_USE;
bool fc_auth_token(fc_auth *a, const char *token, char name[FC_AUTH_NAME]);
/* A cookie for a user whose password was right. */
fc_status fc_auth_cookie_make(fc_auth *a, const char *user, char out[FC_AUTH_COOKIE_TEXT],
                              fc_err *err) FC_MUST_USE;
bool fc_auth_cookie(fc_auth *a, const char *cookie, char name[FC_AUTH_NAME]);
/* A signature that lets a link work without login: hex. */
void fc_auth_sign(fc_auth *a, const char *what, char out[33]);
bool fc_auth_signed(fc_auth *a, const char *what, const char *signature);

/* ---- the file ---- */

/* Adds a user or changes the password; makes the file (for its owner only) when it is not there. */
fc_status fc_auth_file_add_user(const char *path, const char *user, const char *password,
                                fc_err *err) FC_MUST_USE;
/* Adds a token and tells it: only its hash is kept. */
fc_status fc_auth_file_add_token(const char *path, const char *name, char token[FC_AUTH_TOKEN_TEXT],
                                 fc_err *err) FC_MUST_USE;
fc_status fc_auth_file_remove(const char *path, const char *name, fc_err *err) FC_MUST_USE;

#endif
