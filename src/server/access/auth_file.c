/* Reading and changing files of users. */
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "server/access/auth_impl.h"

enum { SCRYPT_R = 8, SCRYPT_P = 1, MAX_LOG2N = 20, MAX_MEMORY = 256 << 20, PARTS = 6 };

fc_status fc_auth_entries_init(fc_auth_entries *e, fc_err *err)
{
    e->count = 0;
    e->items = fc_calloc(FC_AUTH_ENTRIES, sizeof *e->items);
    return e->items ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

void fc_auth_entries_fini(fc_auth_entries *e)
{
    fc_free(e->items);
    e->items = NULL;
}

/* ---- hexadecimal ---- */

void fc_auth_hex(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool read_hex(const char *text, uint8_t *out, size_t count)
{
    if (strlen(text) != 2 * count) return false;
    for (size_t i = 0; i < count; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- our format ---- */

static bool name_is_good(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < FC_AUTH_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") == n;
}

static bool small_number(const char *text, int lowest, int highest, int *out)
{
    int64_t value;
    if (!fc_parse_i64(text, &value) || value < lowest || value > highest) return false;
    *out = (int)value;
    return true;
}

/* Cuts "a$b$c" in place; returns how many parts there are, at most PARTS. */
static int cut(char *text, char *parts[PARTS])
{
    int n = 0;
    while (n < PARTS) {
        parts[n++] = text;
        char *next = strchr(text, '$');
        if (!next) break;
        *next = '\0';
        text = next + 1;
    }
    return n;
}

static bool parse_secret(char *text, fc_auth_entry *entry)
{
    char *parts[PARTS];
    int n = cut(text, parts);
    if (entry->kind == FC_AUTH_KEY) return n == 1 && read_hex(parts[0], entry->hash, FC_AUTH_HASH);
    if (entry->kind == FC_AUTH_TOKEN)
        return n == 2 && strcmp(parts[0], "sha256") == 0 && read_hex(parts[1], entry->hash, FC_AUTH_HASH);
    return n == 6 && strcmp(parts[0], "scrypt") == 0 &&
           small_number(parts[1], 10, MAX_LOG2N, &entry->log2n) && small_number(parts[2], 1, 16, &entry->r) &&
           small_number(parts[3], 1, 16, &entry->p) && read_hex(parts[4], entry->salt, FC_AUTH_SALT) &&
           read_hex(parts[5], entry->hash, FC_AUTH_HASH);
}

static bool parse_line(char *line, fc_auth_entry *entry)
{
    char *colon = strchr(line, ':');
    const char *name = line;
    if (!colon) return false;
    *colon = '\0';
    *entry = (fc_auth_entry){.kind = FC_AUTH_SCRYPT};
    if (fc_str_starts(line, "token/")) {
        entry->kind = FC_AUTH_TOKEN;
        name += 6;
    } else if (fc_str_starts(line, "key/")) {
        entry->kind = FC_AUTH_KEY;
        name += 4;
    }
    if (!name_is_good(name)) return false;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return parse_secret(colon + 1, entry);
}

static fc_status parse_lines(const char *text, size_t size, fc_auth_entries *e, fc_err *err)
{
    char line[512];
    int number = 0;
    for (const char *end = text + size; text < end;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((newline ? newline : end) - text), used = n;
        while (used > 0 && (text[used - 1] == '\r' || text[used - 1] == ' ')) used--;
        number++;
        if (used > 0 && *text != '#') {
            if (e->count == FC_AUTH_ENTRIES) return fc_fail(err, FC_LIMIT, "too many users and tokens");
            if (used >= sizeof line) return fc_fail(err, FC_FORMAT, "line %d is too long", number);
            memcpy(line, text, used);
            line[used] = '\0';
            if (strlen(line) != used || !parse_line(line, &e->items[e->count]))
                return fc_fail(err, FC_FORMAT,
                               "line %d is no line of a file of users; make them with: fooocus auth add USER",
                               number);
            e->count++;
        }
        text += n + 1;
    }
    return FC_OK;
}

/* ---- Fooocus's auth.json ---- */

static bool parse_json_user(const json_t *user, fc_auth_entry *entry)
{
    const char *name = json_string_value(json_object_get(user, "user"));
    const char *hash = json_string_value(json_object_get(user, "hash"));
    const char *password = json_string_value(json_object_get(user, "pass"));
    *entry = (fc_auth_entry){.kind = FC_AUTH_SHA256};
    if (!name || !*name || strlen(name) >= FC_AUTH_NAME) return false;
    snprintf(entry->name, sizeof entry->name, "%s", name);
    if (hash) return read_hex(hash, entry->hash, FC_AUTH_HASH);
    if (!password || !*password) return false;
    SHA256((const unsigned char *)password, strlen(password), entry->hash);
    return true;
}

static fc_status parse_json(const char *text, size_t size, fc_auth_entries *e, fc_err *err)
{
    json_error_t where;
    fc_status status = FC_OK;
    json_t *root = json_loadb(text, size, 0, &where);
    if (!json_is_array(root)) status = fc_fail(err, FC_FORMAT, "no valid JSON array: line %d", where.line);
    for (size_t i = 0; i < json_array_size(root) && status == FC_OK; i++) {
        if (e->count == FC_AUTH_ENTRIES) {
            status = fc_fail(err, FC_LIMIT, "too many users");
        } else if (!parse_json_user(json_array_get(root, i), &e->items[e->count])) {
            status = fc_fail(err, FC_FORMAT, "entry %zu: want {\"user\", \"pass\"} or {\"user\", \"hash\"}",
                             i + 1);
        } else {
            e->count++;
        }
    }
    json_decref(root);
    return status;
}

fc_status fc_auth_parse(const char *text, size_t size, fc_auth_entries *e, fc_err *err)
{
    size_t blank = 0;
    while (blank < size && strchr(" \t\r\n", text[blank]) && text[blank]) blank++;
    return blank < size && text[blank] == '[' ? parse_json(text, size, e, err)
                                              : parse_lines(text, size, e, err);
}

/* ---- changing a file ---- */

fc_status fc_auth_scrypt(const fc_auth_entry *entry, const char *password, uint8_t hash[FC_AUTH_HASH],
                         fc_err *err)
{
    if (EVP_PBE_scrypt(password, strlen(password), entry->salt, FC_AUTH_SALT, (uint64_t)1 << entry->log2n,
                       (uint64_t)entry->r, (uint64_t)entry->p, MAX_MEMORY, hash, FC_AUTH_HASH) == 1)
        return FC_OK;
    return fc_fail(err, FC_NOMEM, "cannot compute the hash of a password");
}

static void write_entry(const fc_auth_entry *entry, fc_buf *out)
{
    char salt[2 * FC_AUTH_SALT + 1], hash[2 * FC_AUTH_HASH + 1];
    fc_auth_hex(entry->salt, FC_AUTH_SALT, salt);
    fc_auth_hex(entry->hash, FC_AUTH_HASH, hash);
    if (entry->kind == FC_AUTH_KEY)
        fc_buf_printf(out, "key/%s:%s\n", entry->name, hash);
    else if (entry->kind == FC_AUTH_TOKEN)
        fc_buf_printf(out, "token/%s:sha256$%s\n", entry->name, hash);
    else
        fc_buf_printf(out, "%s:scrypt$%d$%d$%d$%s$%s\n", entry->name, entry->log2n, entry->r, entry->p, salt,
                      hash);
}

static fc_status load(const char *path, fc_auth_entries *e, fc_err *err)
{
    fc_buf text;
    fc_status status = FC_OK;
    fc_buf_init(&text, FC_AUTH_FILE);
    if (fc_path_exists(path)) {
        status = fc_file_read(path, &text, err);
        if (status != FC_OK) goto out;
        status = text.len && strchr("[ \t\r\n", text.data[0])
                     ? fc_fail(err, FC_UNSUPPORTED, "%s is a file of Fooocus; give a new name", path)
                     : fc_auth_parse(fc_buf_cstr(&text), text.len, e, err);
    }
out:
    fc_buf_fini(&text);
    return status;
}

static fc_auth_entry *find(fc_auth_entries *e, fc_auth_kind kind, const char *name)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->items[i].kind == kind && strcmp(e->items[i].name, name) == 0) return &e->items[i];
    return NULL;
}

/* The entry of this name, made if need be. */
static fc_status take_entry(fc_auth_entries *e, fc_auth_kind kind, const char *name, fc_auth_entry **out,
                            fc_err *err)
{
    if (!name_is_good(name))
        return fc_fail(err, FC_ARG, "a name has 1 to %d letters, digits, and . _ @ -", FC_AUTH_NAME - 1);
    *out = find(e, kind, name);
    if (*out) return FC_OK;
    if (e->count == FC_AUTH_ENTRIES) return fc_fail(err, FC_LIMIT, "too many users and tokens");
    *out = &e->items[e->count++];
    **out = (fc_auth_entry){.kind = kind};
    snprintf((*out)->name, sizeof(*out)->name, "%s", name);
    return FC_OK;
}

/* Every file gets a key, so that logins outlive a restart. */
static fc_status store(const char *path, fc_auth_entries *e, fc_err *err)
{
    fc_auth_entry *key;
    fc_buf text;
    bool had_key = find(e, FC_AUTH_KEY, "session") != NULL;
    fc_status status = take_entry(e, FC_AUTH_KEY, "session", &key, err);
    if (status != FC_OK) return status;
    if (!had_key) status = fc_random_bytes(key->hash, FC_AUTH_HASH, err);
    if (status != FC_OK) return status;
    fc_buf_init(&text, FC_AUTH_FILE);
    fc_buf_puts(&text, "# Users and tokens, made by: fooocus auth\n");
    for (size_t i = 0; i < e->count; i++) write_entry(&e->items[i], &text);
    mode_t former = umask(0077); /* for its owner alone */
    status = text.status == FC_OK ? fc_file_write_atomic(path, text.data, text.len, err)
                                  : fc_fail(err, text.status, "the file of users grows too large");
    umask(former);
    fc_buf_fini(&text);
    return status;
}

fc_status fc_auth_file_add_user(const char *path, const char *user, const char *password, fc_err *err)
{
    fc_auth_entries e;
    fc_auth_entry *entry;
    if (strlen(password) < 4) return fc_fail(err, FC_ARG, "a password has at least 4 characters");
    fc_status status = fc_auth_entries_init(&e, err);
    if (status != FC_OK) goto out;
    status = load(path, &e, err);
    if (status != FC_OK) goto out;
    status = take_entry(&e, FC_AUTH_SCRYPT, user, &entry, err);
    if (status != FC_OK) goto out;
    entry->log2n = FC_AUTH_LOG2N;
    entry->r = SCRYPT_R;
    entry->p = SCRYPT_P;
    status = fc_random_bytes(entry->salt, FC_AUTH_SALT, err);
    if (status != FC_OK) goto out;
    status = fc_auth_scrypt(entry, password, entry->hash, err);
    if (status != FC_OK) goto out;
    status = store(path, &e, err);
out:
    fc_auth_entries_fini(&e);
    return status;
}

fc_status fc_auth_file_add_token(const char *path, const char *name, char token[FC_AUTH_TOKEN_TEXT],
                                 fc_err *err)
{
    uint8_t secret[20];
    fc_auth_entries e;
    fc_auth_entry *entry;
    fc_status status = fc_auth_entries_init(&e, err);
    if (status != FC_OK) goto out;
    status = load(path, &e, err);
    if (status != FC_OK) goto out;
    status = take_entry(&e, FC_AUTH_TOKEN, name, &entry, err);
    if (status != FC_OK) goto out;
    status = fc_random_bytes(secret, sizeof secret, err);
    if (status != FC_OK) goto out;
    memcpy(token, "fc-", 3);
    fc_auth_hex(secret, sizeof secret, token + 3);
    SHA256((const unsigned char *)token, strlen(token), entry->hash);
    status = store(path, &e, err);
out:
    fc_auth_entries_fini(&e);
    return status;
}

fc_status fc_auth_file_remove(const char *path, const char *name, fc_err *err)
{
    fc_auth_entries e;
    size_t kept = 0;
    fc_status status = fc_auth_entries_init(&e, err);
    if (status != FC_OK) goto out;
    status = load(path, &e, err);
    if (status != FC_OK) goto out;
    for (size_t i = 0; i < e.count; i++)
        if (e.items[i].kind == FC_AUTH_KEY || strcmp(e.items[i].name, name) != 0)
            e.items[kept++] = e.items[i];
    if (kept == e.count) {
        status = fc_fail(err, FC_NOT_FOUND, "%s has no user or token %s", path, name);
        goto out;
    }
    e.count = kept;
    status = store(path, &e, err);
out:
    fc_auth_entries_fini(&e);
    return status;
}
