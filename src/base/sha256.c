/* SHA-256 through libcrypto's EVP interface, which uses the SHA instructions of the machine. */
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include "base/mem.h"

#ifdef FC_HARD
enum { READ_SIZE = 4093 };
#else
enum { READ_SIZE = 1 << 20 };
#endif

static fc_status finish(EVP_MD_CTX *ctx, fc_sha256 *out, fc_err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_DigestFinal_ex(ctx, digest, &len) != 1 || len != 32)
        return fc_fail(err, FC_INTERNAL, "SHA-256 could not be computed");
    for (unsigned i = 0; i < len; i++) {
        out->hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out->hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out->hex[64] = '\0';
    return FC_OK;
}

static EVP_MD_CTX *start(fc_err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) return ctx;
    EVP_MD_CTX_free(ctx);
    fc_fail(err, FC_NOMEM, "out of memory while starting SHA-256");
    return NULL;
}

fc_status fc_sha256_bytes(const void *data, size_t size, fc_sha256 *out, fc_err *err)
{
    EVP_MD_CTX *ctx = start(err);
    if (!ctx) return FC_NOMEM;
    fc_status status = EVP_DigestUpdate(ctx, data, size) == 1
                           ? finish(ctx, out, err)
                           : fc_fail(err, FC_INTERNAL, "SHA-256 could not be computed");
    EVP_MD_CTX_free(ctx);
    return status;
}

static fc_status hash_stream(EVP_MD_CTX *ctx, int fd, unsigned char *block, const char *path,
                             const fc_sha256_watch *watch, fc_err *err)
{
    for (uint64_t done = 0;;) {
        if (watch->cancel && atomic_load(watch->cancel))
            return fc_fail(err, FC_CANCELLED, "hashing %s was stopped", path);
        ssize_t n = read(fd, block, READ_SIZE);
        if (n == 0) return FC_OK;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fc_fail_errno(err, errno, "cannot read %s", path);
        if (EVP_DigestUpdate(ctx, block, (size_t)n) != 1)
            return fc_fail(err, FC_INTERNAL, "SHA-256 could not be computed");
        done += (uint64_t)n;
        if (watch->on_bytes) watch->on_bytes(watch->user, done);
    }
}

fc_status fc_sha256_file(const char *path, const atomic_int *cancel, fc_sha256 *out, fc_err *err)
{
    return fc_sha256_file_watched(path, &(fc_sha256_watch){.cancel = cancel}, out, err);
}

fc_status fc_sha256_file_watched(const char *path, const fc_sha256_watch *watch, fc_sha256 *out, fc_err *err)
{
    fc_status status = FC_NOMEM;
    EVP_MD_CTX *ctx = NULL;
    unsigned char *block = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fc_fail_errno(err, errno, "cannot open %s", path);
    block = fc_alloc(READ_SIZE);
    if (!block) {
        fc_fail(err, FC_NOMEM, "out of memory while hashing %s", path);
        goto out;
    }
    ctx = start(err);
    if (!ctx) goto out;
    status = hash_stream(ctx, fd, block, path, watch, err);
    if (status != FC_OK) goto out;
    status = finish(ctx, out, err);
out:
    EVP_MD_CTX_free(ctx);
    fc_free(block);
    close(fd);
    return status;
}
