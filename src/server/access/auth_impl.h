/* Inside the authentication: the entries of its file. */
#ifndef FC_SERVER_ACCESS_AUTH_IMPL_H
#define FC_SERVER_ACCESS_AUTH_IMPL_H

#include <stdint.h>
#include "server/access/auth.h"

enum {
    FC_AUTH_HASH = 32,
    FC_AUTH_SALT = 16,
    FC_AUTH_ENTRIES = 1000,
    FC_AUTH_FILE = 1 << 20,
    FC_AUTH_LOG2N = 15 /* 32 MiB and some 80 ms for each attempt */
};

typedef enum fc_auth_kind { FC_AUTH_SCRYPT, FC_AUTH_SHA256, FC_AUTH_TOKEN, FC_AUTH_KEY } fc_auth_kind;

typedef struct fc_auth_entry {
    fc_auth_kind kind; /* SHA256: a password of Fooocus's auth.json */
    char name[FC_AUTH_NAME];
    int log2n, r, p;
    uint8_t salt[FC_AUTH_SALT], hash[FC_AUTH_HASH]; /* hash: also the key of KEY */
} fc_auth_entry;

typedef struct fc_auth_entries {
    fc_auth_entry *items; /* FC_AUTH_ENTRIES of them */
    size_t count;
} fc_auth_entries;

fc_status fc_auth_entries_init(fc_auth_entries *e, fc_err *err) FC_MUST_USE;
void fc_auth_entries_fini(fc_auth_entries *e);
/* Either format. Errors name the line. */
fc_status fc_auth_parse(const char *text, size_t size, fc_auth_entries *e, fc_err *err) FC_MUST_USE;
fc_status fc_auth_scrypt(const fc_auth_entry *entry, const char *password, uint8_t hash[FC_AUTH_HASH],
                         fc_err *err) FC_MUST_USE;
void fc_auth_hex(const uint8_t *bytes, size_t count, char *out);

#endif
