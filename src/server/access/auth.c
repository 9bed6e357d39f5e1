/* Passwords, tokens, signed cookies and links; attempts are counted. See auth.h. */
#include "server/access/auth.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "server/access/auth_impl.h"

enum {
    ADDRESS = 48,
    BUCKETS = 512,
    REMEMBERED = 64,
    SESSION_DAYS = 30,
    MAX_PASSWORD = 1000,
    BURST = 10,     /* attempts of one address at once */
    BURST_ALL = 60, /* of all together */
    MAC_TEXT = 2 * FC_AUTH_HASH
};
static const double refill = 1.0 / 6; /* attempts a second of one address */
static const double refill_all = 2;

typedef struct bucket {
    char address[ADDRESS];
    double attempts, at; /* left; when that was so, fc_now() */
} bucket;

struct fc_auth {
    fc_auth_entries entries; /* does not change after opening */
    uint8_t key[FC_AUTH_HASH];

    pthread_mutex_t lock;
    bucket all, buckets[BUCKETS];
    uint8_t remembered[REMEMBERED][FC_AUTH_HASH]; /* MACs of passwords that were right lately */
    unsigned next_remembered;
};

static void mac(const fc_auth *a, const char *text, uint8_t out[FC_AUTH_HASH])
{
    unsigned size = FC_AUTH_HASH;
    HMAC(EVP_sha256(), a->key, FC_AUTH_HASH, (const unsigned char *)text, strlen(text), out, &size);
}

static bool same(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

/* ---- opening ---- */

static fc_status take_key(fc_auth *a, fc_err *err)
{
    for (size_t i = 0; i < a->entries.count; i++) {
        if (a->entries.items[i].kind != FC_AUTH_KEY) continue;
        memcpy(a->key, a->entries.items[i].hash, FC_AUTH_HASH);
        return FC_OK;
    }
    return fc_random_bytes(a->key, FC_AUTH_HASH, err); /* logins end with the program */
}

fc_status fc_auth_open(const char *path, fc_auth **auth, fc_err *err)
{
    fc_buf text;
    *auth = NULL;
    fc_auth *a = fc_calloc(1, sizeof *a);
    if (!a) return fc_fail(err, FC_NOMEM, "out of memory");
    pthread_mutex_init(&a->lock, NULL);
    a->all = (bucket){.attempts = BURST_ALL, .at = fc_now()};
    fc_buf_init(&text, FC_AUTH_FILE);
    fc_status status = fc_auth_entries_init(&a->entries, err);
    if (status != FC_OK) goto out;
    status = fc_file_read(path, &text, err);
    if (status == FC_OK) {
        status = fc_auth_parse(fc_buf_cstr(&text), text.len, &a->entries, err);
        if (status != FC_OK) fc_fail_prefix(err, "%s", path);
    }
    if (status != FC_OK) goto out;
    status = take_key(a, err);
    if (status != FC_OK) goto out;
    if (a->entries.count == 0)
        status = fc_fail(err, FC_FORMAT, "%s has no users; add one with: fooocus auth add USER", path);
out:
    OPENSSL_cleanse(text.data, text.len);
    fc_buf_fini(&text);
    if (status != FC_OK)
        fc_auth_close(a);
    else
        *auth = a;
    return status;
}

void fc_auth_close(fc_auth *a)
{
    if (!a) return;
    pthread_mutex_destroy(&a->lock);
    fc_auth_entries_fini(&a->entries);
    OPENSSL_cleanse(a->key, sizeof a->key);
    fc_free(a);
}

static const fc_auth_entry *find_user(const fc_auth *a, const char *name)
{
    for (size_t i = 0; i < a->entries.count; i++) {
        const fc_auth_entry *e = &a->entries.items[i];
        if ((e->kind == FC_AUTH_SCRYPT || e->kind == FC_AUTH_SHA256) && strcmp(e->name, name) == 0) return e;
    }
    return NULL;
}

/* ---- limits ---- */

static void fill(bucket *b, double capacity, double per_second, double now)
{
    b->attempts += (now - b->at) * per_second;
    if (b->attempts > capacity) b->attempts = capacity;
    b->at = now;
}

/* The bucket of an address; a new one takes the place of the one that was quiet longest. */
static bucket *bucket_of(fc_auth *a, const char *address, double now)
{
    bucket *oldest = &a->buckets[0];
    for (int i = 0; i < BUCKETS; i++) {
        bucket *b = &a->buckets[i];
        if (strcmp(b->address, address) == 0) return b;
        if (b->at < oldest->at) oldest = b;
    }
    *oldest = (bucket){.attempts = BURST, .at = now};
    snprintf(oldest->address, sizeof oldest->address, "%s", address);
    return oldest;
}

static bool take_attempt(fc_auth *a, const char *address, int *wait)
{
    double now = fc_now();
    pthread_mutex_lock(&a->lock);
    bucket *b = bucket_of(a, address, now);
    fill(b, BURST, refill, now);
    fill(&a->all, BURST_ALL, refill_all, now);
    bool taken = b->attempts >= 1 && a->all.attempts >= 1;
    *wait = b->attempts < 1 ? (int)((1 - b->attempts) / refill) + 1 : 1;
    if (taken) {
        b->attempts -= 1;
        a->all.attempts -= 1;
    }
    pthread_mutex_unlock(&a->lock);
    return taken;
}

static void give_attempt_back(fc_auth *a, const char *address)
{
    pthread_mutex_lock(&a->lock);
    bucket_of(a, address, fc_now())->attempts += 1;
    a->all.attempts += 1;
    pthread_mutex_unlock(&a->lock);
}

/* ---- passwords ---- */

/* Clients with basic authentication send the password with each request; scrypt is meant to be slow. */
static bool is_remembered(fc_auth *a, const uint8_t m[FC_AUTH_HASH])
{
    static const uint8_t empty[FC_AUTH_HASH];
    bool found = false;
    pthread_mutex_lock(&a->lock);
    for (int i = 0; i < REMEMBERED; i++) found |= same(a->remembered[i], m, FC_AUTH_HASH);
    pthread_mutex_unlock(&a->lock);
    return found && !same(m, empty, FC_AUTH_HASH);
}

static void remember(fc_auth *a, const uint8_t m[FC_AUTH_HASH])
{
    pthread_mutex_lock(&a->lock);
    memcpy(a->remembered[a->next_remembered++ % REMEMBERED], m, FC_AUTH_HASH);
    pthread_mutex_unlock(&a->lock);
}

/* An unknown user takes as long as a wrong password. */
static fc_status compare(const fc_auth_entry *user, const char *password, bool *right, fc_err *err)
{
    static const fc_auth_entry nobody = {.kind = FC_AUTH_SCRYPT, .log2n = FC_AUTH_LOG2N, .r = 8, .p = 1};
    uint8_t hash[FC_AUTH_HASH];
    fc_status status = FC_OK;
    if (user && user->kind == FC_AUTH_SHA256)
        SHA256((const unsigned char *)password, strlen(password), hash);
    else
        status = fc_auth_scrypt(user ? user : &nobody, password, hash, err);
    *right = status == FC_OK && user && same(hash, user->hash, FC_AUTH_HASH);
    return status;
}

fc_status fc_auth_password(fc_auth *a, const char *address, const char *user, const char *password, int *wait,
                           fc_err *err)
{
    char text[FC_AUTH_NAME + MAX_PASSWORD + 16];
    uint8_t m[FC_AUTH_HASH];
    bool right;
    *wait = 0;
    if (strlen(user) >= FC_AUTH_NAME || strlen(password) > MAX_PASSWORD)
        return fc_fail(err, FC_DENIED, "wrong user or password");
    snprintf(text, sizeof text, "basic\n%s\n%s", user, password);
    mac(a, text, m);
    OPENSSL_cleanse(text, sizeof text);
    if (is_remembered(a, m)) return FC_OK;
    if (!take_attempt(a, address, wait))
        return fc_fail(err, FC_LIMIT, "too many attempts, try again in %d seconds", *wait);
    fc_status status = compare(find_user(a, user), password, &right, err);
    if (status != FC_OK) return status;
    if (!right) return fc_fail(err, FC_DENIED, "wrong user or password");
    give_attempt_back(a, address);
    remember(a, m);
    return FC_OK;
}

bool fc_auth_token(fc_auth *a, const char *token, char name[FC_AUTH_NAME])
{
    uint8_t hash[FC_AUTH_HASH];
    bool found = false;
    SHA256((const unsigned char *)token, strlen(token), hash);
    for (size_t i = 0; i < a->entries.count; i++) {
        const fc_auth_entry *e = &a->entries.items[i];
        if (e->kind != FC_AUTH_TOKEN || !same(hash, e->hash, FC_AUTH_HASH)) continue;
        memcpy(name, e->name, FC_AUTH_NAME);
        found = true;
    }
    return found;
}

/* ---- cookies: "NAME in hex.EXPIRY.MAC" ---- */

/* The password's hash is part of it, so a new password ends all sessions. */
static void cookie_mac(const fc_auth *a, const fc_auth_entry *user, const char *expiry,
                       char out[MAC_TEXT + 1])
{
    char text[3 * FC_AUTH_NAME + 200], hash[2 * FC_AUTH_HASH + 1];
    uint8_t m[FC_AUTH_HASH];
    fc_auth_hex(user->hash, FC_AUTH_HASH, hash);
    snprintf(text, sizeof text, "session\n%s\n%s\n%s", user->name, expiry, hash);
    mac(a, text, m);
    fc_auth_hex(m, FC_AUTH_HASH, out);
}

fc_status fc_auth_cookie_make(fc_auth *a, const char *user, char out[FC_AUTH_COOKIE_TEXT], fc_err *err)
{
    char expiry[24], m[MAC_TEXT + 1], name[2 * FC_AUTH_NAME + 1];
    const fc_auth_entry *entry = find_user(a, user);
    if (!entry) return fc_fail(err, FC_DENIED, "there is no such user");
    snprintf(expiry, sizeof expiry, "%" PRId64, fc_unix_millis() / 1000 + (int64_t)SESSION_DAYS * 86400);
    cookie_mac(a, entry, expiry, m);
    fc_auth_hex((const uint8_t *)user, strlen(user), name);
    snprintf(out, FC_AUTH_COOKIE_TEXT, "%s.%s.%s", name, expiry, m);
    return FC_OK;
}

/* Finds the user whose name in hex stands in front, without decoding what a stranger sent. */
static const fc_auth_entry *user_of_cookie(const fc_auth *a, const char *cookie, size_t size)
{
    char name[2 * FC_AUTH_NAME + 1];
    for (size_t i = 0; i < a->entries.count; i++) {
        const fc_auth_entry *e = &a->entries.items[i];
        if (e->kind != FC_AUTH_SCRYPT && e->kind != FC_AUTH_SHA256) continue;
        fc_auth_hex((const uint8_t *)e->name, strlen(e->name), name);
        if (strlen(name) == size && memcmp(name, cookie, size) == 0) return e;
    }
    return NULL;
}

bool fc_auth_cookie(fc_auth *a, const char *cookie, char name[FC_AUTH_NAME])
{
    char expiry[24], m[MAC_TEXT + 1];
    int64_t until;
    const char *first = strchr(cookie, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || strlen(second + 1) != MAC_TEXT) return false;
    size_t n = (size_t)(second - first - 1);
    if (n == 0 || n >= sizeof expiry) return false;
    memcpy(expiry, first + 1, n);
    expiry[n] = '\0';
    const fc_auth_entry *user = user_of_cookie(a, cookie, (size_t)(first - cookie));
    if (!user) return false;
    cookie_mac(a, user, expiry, m);
    if (!same(m, second + 1, MAC_TEXT)) return false;
    if (!fc_parse_i64(expiry, &until) || until < fc_unix_millis() / 1000) return false;
    memcpy(name, user->name, FC_AUTH_NAME);
    return true;
}

/* ---- links ---- */

void fc_auth_sign(fc_auth *a, const char *what, char out[33])
{
    char text[400];
    uint8_t m[FC_AUTH_HASH];
    snprintf(text, sizeof text, "link\n%s", what);
    mac(a, text, m);
    fc_auth_hex(m, 16, out);
}

bool fc_auth_signed(fc_auth *a, const char *what, const char *signature)
{
    char wanted[33];
    fc_auth_sign(a, what, wanted);
    return strlen(signature) == 32 && same(wanted, signature, 32);
}
