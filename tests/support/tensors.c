#include "support/tensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/hash.h"
#include "base/mem.h"
#include "support/late.h"

#define GUARD_BYTES 256
#define GUARD_FILL  0xA5

const fc_backend *tt_backend(const char *name)
{
    return strcmp(name, "late") == 0 ? &fc_backend_late : fc_backend_get(name);
}

const char *tt_device(const char *backend)
{
    const char *named = getenv("FC_TEST_DEVICE");
    if (strcmp(backend, "vulkan") != 0) return NULL;
    return named && *named ? named : "llvmpipe";
}

tt_dev tt_open(const char *backend, int threads, const char *isa)
{
    tt_dev d = {.be = tt_backend(backend)};
    assert_non_null(d.be);
    fc_err err = {0};
    fc_backend_opts opts = {.device = tt_device(backend), .threads = threads, .isa = isa};
    if (d.be->open(&opts, &d.dev, &err) != FC_OK) fail_msg("%s: %s", backend, err.message);
    return d;
}

void tt_close(tt_dev d)
{
    d.be->close(d.dev);
}

fc_dtype tt_stats_type(tt_dev d)
{
    fc_backend_info info;
    d.be->info(d.dev, &info);
    return info.stats;
}

tt tt_new(tt_dev d, fc_dtype dtype, int32_t n, int32_t h, int32_t w, int32_t c, int64_t ld)
{
    tt t = {.d = d};
    if (ld == 0) ld = c;
    t.t = (fc_tensor){.dtype = dtype, .n = n, .h = h, .w = w, .c = c, .ld = ld};
    t.bytes = 2 * GUARD_BYTES + (size_t)(fc_tensor_rows(t.t) * ld) * fc_dtype_size(dtype);
    assert_int_equal(d.be->mem_alloc(d.dev, t.bytes, &t.raw), FC_OK);
    t.t.data = (char *)t.raw + GUARD_BYTES;
    void *fill = fc_alloc(t.bytes);
    assert_non_null(fill);
    memset(fill, GUARD_FILL, t.bytes);
    assert_int_equal(d.be->upload(d.dev, t.raw, fill, t.bytes), FC_OK);
    fc_free(fill);
    return t;
}

void tt_free(tt *t)
{
    t->d.be->mem_free(t->d.dev, t->raw, t->bytes);
    *t = (tt){0};
}

size_t tt_count(const tt *t)
{
    return (size_t)fc_tensor_rows(t->t) * (size_t)t->t.c;
}

/* A host copy of everything, guards included. */
static char *snapshot(const tt *t)
{
    char *host = fc_alloc(t->bytes);
    assert_non_null(host);
    assert_int_equal(t->d.be->download(t->d.dev, host, t->raw, t->bytes), FC_OK);
    return host;
}

void tt_set(tt *t, const float *values)
{
    char *host = snapshot(t);
    size_t size = fc_dtype_size(t->t.dtype), c = (size_t)t->t.c;
    for (int64_t r = 0; r < fc_tensor_rows(t->t); r++)
        fc_from_f32(host + GUARD_BYTES + (size_t)(r * t->t.ld) * size, t->t.dtype, values + (size_t)r * c, c);
    assert_int_equal(t->d.be->upload(t->d.dev, t->raw, host, t->bytes), FC_OK);
    fc_free(host);
}

void tt_get(const tt *t, float *values)
{
    char *host = snapshot(t);
    size_t size = fc_dtype_size(t->t.dtype), c = (size_t)t->t.c;
    for (int64_t r = 0; r < fc_tensor_rows(t->t); r++)
        fc_to_f32(values + (size_t)r * c, host + GUARD_BYTES + (size_t)(r * t->t.ld) * size, t->t.dtype, c);
    fc_free(host);
}

float *tt_values(const tt *t)
{
    float *v = fc_alloc(tt_count(t) * sizeof *v);
    assert_non_null(v);
    tt_get(t, v);
    return v;
}

float tt_rand(uint64_t seed, uint64_t index)
{
    uint64_t bits = fc_splitmix64(fc_splitmix64(seed) + index * 0x9E3779B97F4A7C15u);
    return (float)(int32_t)(bits >> 40) / (float)(1 << 23) - 1.0f;
}

void tt_random(tt *t, uint64_t seed, float scale)
{
    size_t count = tt_count(t);
    float *v = fc_alloc(count * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < count; i++) v[i] = tt_rand(seed, i) * scale;
    tt_set(t, v);
    fc_free(v);
}

tt tt_like(const tt *from, tt_dev d, fc_dtype dtype, int64_t ld)
{
    tt t = tt_new(d, dtype, from->t.n, from->t.h, from->t.w, from->t.c, ld);
    float *v = tt_values(from);
    tt_set(&t, v);
    fc_free(v);
    return t;
}

static bool untouched(const char *host, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if ((unsigned char)host[i] != GUARD_FILL) return false;
    return true;
}

void tt_check_guards(const tt *t)
{
    char *host = snapshot(t);
    size_t size = fc_dtype_size(t->t.dtype), at = GUARD_BYTES;
    bool before = untouched(host, 0, GUARD_BYTES), between = true;
    for (int64_t r = 0; r < fc_tensor_rows(t->t); r++) {
        between = between && untouched(host, at + (size_t)t->t.c * size, at + (size_t)t->t.ld * size);
        at += (size_t)t->t.ld * size;
    }
    bool behind = untouched(host, at, t->bytes);
    fc_free(host);
    if (!before || !between || !behind)
        fail_msg("written outside the tensor: before %d, between rows %d, behind %d", !before, !between,
                 !behind);
}

static fc_status read_rows(void *user, int32_t first, int32_t count, float *dst)
{
    const tt_weight *w = user;
    size_t n = (size_t)count * (size_t)w->cols, at = (size_t)first * (size_t)w->cols;
    for (size_t i = 0; i < n; i++) dst[i] = w->offset + w->scale * tt_rand(w->seed, at + i);
    return FC_OK;
}

fc_pack_src tt_source(tt_weight *w, int32_t rows, int32_t cin, int32_t kh, int32_t kw)
{
    w->cols = cin * kh * kw;
    return (fc_pack_src){.name = "test.weight",
                         .rows = rows,
                         .cin = cin,
                         .kh = kh,
                         .kw = kw,
                         .user = w,
                         .read_rows = read_rows};
}

tt_diff tt_compare(const float *want, const float *got, size_t count)
{
    double top = 0.0, max = 0.0, sum = 0.0, power = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)want[i] - (double)got[i]);
        if (!(d <= 1e30)) d = 1e30; /* also when one of them is not a number */
        if (d > max) max = d;
        if (fabs((double)want[i]) > top) top = fabs((double)want[i]);
        sum += d * d;
        power += (double)want[i] * (double)want[i];
    }
    if (top == 0.0) top = 1.0;
    if (power == 0.0) power = 1.0;
    return (tt_diff){max / top, sqrt(sum / power)};
}
