/* Times the backend's operations on the shapes of an SDXL step and decoder, and relates them to the
 * arithmetic peak measured in the same run. Options:
 * - --isa NAME, --threads N: as the backend takes them
 * - --size 1024 or 512: of the picture
 * - --only TEXT: operations whose name has it
 * - --bf16 or --f32: one dtype only
 * - --own: the own products also where oneDNN's are the default
 * - --cpu: one thread, and its CPU time instead of the time on the wall: for machines that others use too
 *
 * Columns: operation, dtype, milliseconds (median), GFLOP/s or GB/s, share of the peak. */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <omp.h>
#include "backend/cpu/dev.h"
#include "base/hash.h"
#include "nn/backend.h"

#define MAX_RUNS    9
#define MAX_SECONDS 1.0

struct bench {
    const fc_backend *be;
    fc_dev *dev;
    const char *only;
    fc_dtype type;
    double peak; /* FLOP/s of all threads in this dtype */
    int scale;   /* 1: 1024 x 1024, 2: 512 x 512 */
};

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the peak: independent multiply-adds in registers
 * --------------------------------------------------------------- */

#define LOOPS 4000000

__attribute__((target("avx512f"))) static double loop_avx512(void)
{
    __m512 a[12];
    const __m512 x = _mm512_set1_ps(1e-9f), one = _mm512_set1_ps(1.0f);
    for (int i = 0; i < 12; i++) a[i] = _mm512_set1_ps((float)i);
    for (long n = 0; n < LOOPS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) a[i] = _mm512_fmadd_ps(a[i], x, one);
    }
    float sum = 0.0f;
    for (int i = 0; i < 12; i++) sum += _mm512_reduce_add_ps(a[i]);
    return sum > 0.0f ? 12.0 * 32.0 * LOOPS : 0.0;
}

__attribute__((target("avx512f,avx512bf16"))) static double loop_bf16(void)
{
    __m512 a[12];
    const __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    for (int i = 0; i < 12; i++) a[i] = _mm512_set1_ps((float)i);
    for (long n = 0; n < LOOPS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) a[i] = _mm512_dpbf16_ps(a[i], x, x);
    }
    float sum = 0.0f;
    for (int i = 0; i < 12; i++) sum += _mm512_reduce_add_ps(a[i]);
    return sum > 0.0f ? 12.0 * 64.0 * LOOPS : 0.0;
}

__attribute__((target("avx2,fma"))) static double loop_avx2(void)
{
    __m256 a[12];
    const __m256 x = _mm256_set1_ps(1e-9f), one = _mm256_set1_ps(1.0f);
    for (int i = 0; i < 12; i++) a[i] = _mm256_set1_ps((float)i);
    for (long n = 0; n < LOOPS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) a[i] = _mm256_fmadd_ps(a[i], x, one);
    }
    float lanes[8], sum = 0.0f;
    for (int i = 0; i < 12; i++) {
        _mm256_storeu_ps(lanes, a[i]);
        sum += lanes[0] + lanes[7];
    }
    return sum > 0.0f ? 12.0 * 16.0 * LOOPS : 0.0;
}

static double measure_peak(fc_isa isa, fc_dtype type, int threads)
{
    double best = 0.0;
    if (isa < FC_ISA_AVX2) return 0.0;
    for (int run = 0; run < 3; run++) {
        double flops = 0.0, start = now();
#pragma omp parallel num_threads(threads) reduction(+ : flops)
        flops += isa >= FC_ISA_AVX512BF16 && type == FC_BF16 ? loop_bf16()
                 : isa >= FC_ISA_AVX512                      ? loop_avx512()
                                                             : loop_avx2();
        double rate = flops / (now() - start);
        if (rate > best) best = rate;
    }
    return best;
}

/* ---- measuring
 * ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef fc_status (*run_fn)(const struct bench *b, const void *job);

/* work: FLOP, or bytes when bytes is true */
static void report(const struct bench *b, const char *name, run_fn run, const void *job, double work,
                   bool bytes)
{
    double times[MAX_RUNS], start = now();
    int n = 0;
    if (run(b, job) != FC_OK) {
        printf("%-44s failed\n", name);
        return;
    }
    while (n < MAX_RUNS && (n < 3 || now() - start < MAX_SECONDS)) {
        double t = now();
        (void)run(b, job);
        times[n++] = now() - t;
    }
    qsort(times, (size_t)n, sizeof *times, by_value);
    double t = times[n / 2], rate = work / t;
    printf("%-44s %-5s %9.3f ms %8.1f %s", name, fc_dtype_name(b->type), t * 1e3, rate / 1e9,
           bytes ? "GB/s" : "GFLOP/s");
    if (!bytes && b->peak > 0.0) printf("  %3.0f%%", 100.0 * rate / b->peak);
    printf("\n");
    (void)fflush(stdout);
}

static bool wanted(const struct bench *b, const char *name)
{
    return !b->only || strstr(name, b->only);
}

static fc_tensor tensor(const struct bench *b, int32_t n, int32_t h, int32_t w, int32_t c)
{
    fc_tensor t = {.dtype = b->type, .n = n, .h = h, .w = w, .c = c, .ld = c};
    size_t count = (size_t)fc_tensor_rows(t) * (size_t)c, size = fc_dtype_size(b->type);
    t.data = b->be->mem_alloc(b->dev, count * size, false);
    if (!t.data) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        float v = (float)(fc_splitmix64(i) >> 40) / (float)(1 << 23) - 1.0f;
        fc_from_f32((char *)t.data + i * size, b->type, &v, 1);
    }
    return t;
}

static void drop(const struct bench *b, fc_tensor t)
{
    b->be->mem_free(b->dev, t.data, 0, false);
}

static fc_status small_values(void *user, int32_t first, int32_t count, float *dst)
{
    const size_t cols = *(const size_t *)user;
    for (size_t i = 0; i < (size_t)count * cols; i++)
        dst[i] = (float)((i + (size_t)first * 31) % 61) * 1e-3f - 0.03f;
    return FC_OK;
}

static fc_packed *pack(const struct bench *b, int32_t rows, int32_t cin, const fc_conv_geom *g)
{
    size_t cols = (size_t)cin * (size_t)(g ? g->kh * g->kw : 1);
    fc_pack_src src = {"bench", rows, cin, g ? g->kh : 1, g ? g->kw : 1, &cols, small_values};
    fc_packed *p = NULL;
    fc_status s = g          ? b->be->pack_conv(b->dev, &src, g, b->type, &p, NULL)
                  : cin == 1 ? b->be->pack_vector(b->dev, &src, &p, NULL)
                             : b->be->pack_linear(b->dev, &src, b->type, &p, NULL);
    if (s != FC_OK) {
        fprintf(stderr, "packing failed\n");
        exit(1);
    }
    return p;
}

/* ---- the operations
 * --------------------------------------------------------------------------------------------------- */

struct product {
    fc_tensor y, x;
    fc_packed *w, *bias;
    fc_conv_geom geom; /* kh 0: linear */
    fc_epi epi;
};

static fc_status run_product(const struct bench *b, const void *job)
{
    const struct product *p = job;
    if (p->geom.kh) return b->be->conv2d(b->dev, p->y, p->x, p->w, p->bias, &p->geom, &p->epi);
    return b->be->linear(b->dev, p->y, p->x, p->w, p->bias, &p->epi);
}

static void bench_product(const struct bench *b, const char *kind, int32_t n, int32_t side, int32_t cin,
                          int32_t cout, int32_t k, bool add)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s %dx%dx%d %d->%d%s", kind, n, side, side, cin, cout,
                   add ? " +add" : "");
    if (!wanted(b, name)) return;
    struct product p = {.x = tensor(b, n, side, side, cin), .y = tensor(b, n, side, side, cout)};
    if (k) p.geom = (fc_conv_geom){k, k, 1, k / 2, k / 2, k / 2, k / 2};
    p.w = pack(b, cout, cin, k ? &p.geom : NULL);
    p.bias = pack(b, cout, 1, NULL);
    if (add) p.epi.add = tensor(b, n, side, side, cout);
    double flops = 2.0 * n * side * side * cin * cout * (k ? k * k : 1);
    report(b, name, run_product, &p, flops, false);
    drop(b, p.x);
    drop(b, p.y);
    if (add) drop(b, p.epi.add);
    b->be->packed_free(b->dev, p.w);
    b->be->packed_free(b->dev, p.bias);
}

struct attention {
    fc_tensor y, q, k, v;
    int32_t heads;
};

static fc_status run_attention(const struct bench *b, const void *job)
{
    const struct attention *a = job;
    return b->be->attention(b->dev, a->y, a->q, a->k, a->v, a->heads, false);
}

static void bench_attention(const struct bench *b, int32_t n, int32_t tq, int32_t tk, int32_t heads,
                            int32_t d)
{
    char name[96];
    (void)snprintf(name, sizeof name, "attention %dx%dx%d %d heads of %d", n, tq, tk, heads, d);
    if (!wanted(b, name)) return;
    int32_t c = heads * d;
    fc_tensor qkv = tensor(b, n, 1, tq > tk ? tq : tk, 3 * c);
    struct attention a = {.y = tensor(b, n, 1, tq, c), .heads = heads};
    a.q = fc_tensor_channels(qkv, 0, c);
    a.k = fc_tensor_channels(qkv, c, c);
    a.v = fc_tensor_channels(qkv, 2 * c, c);
    a.q.w = tq;
    a.k.w = a.v.w = tk;
    report(b, name, run_attention, &a, 4.0 * n * tq * tk * c, false);
    drop(b, qkv);
    drop(b, a.y);
}

struct rowwise {
    int op;
    fc_tensor y, x;
    fc_packed *gamma, *beta;
};

static fc_status run_rowwise(const struct bench *b, const void *job)
{
    const struct rowwise *r = job;
    switch (r->op) {
    case 0:
        return b->be->group_norm(b->dev, r->y, r->x, r->gamma, r->beta, 32, 1e-5f, FC_ACT_SILU);
    case 1:
        return b->be->layer_norm(b->dev, r->y, r->x, r->gamma, r->beta, 1e-5f);
    case 2:
        return b->be->geglu(b->dev, r->y, r->x);
    case 3:
        return b->be->axpby(b->dev, r->y, 1.0f, r->x, 1.0f, r->y);
    case 4:
        return b->be->upsample(b->dev, r->y, r->x);
    default:
        return b->be->copy(b->dev, r->y, r->x);
    }
}

static void bench_rowwise(const struct bench *b, int op, int32_t n, int32_t side, int32_t c)
{
    static const char *const ops[] = {"group_norm+silu", "layer_norm", "geglu", "axpby", "upsample", "copy"};
    char name[96];
    (void)snprintf(name, sizeof name, "%s %dx%dx%d %d", ops[op], n, side, side, c);
    if (!wanted(b, name)) return;
    int32_t out = op == 4 ? 2 * side : side;
    struct rowwise r = {op, tensor(b, n, out, out, c), tensor(b, n, side, side, op == 2 ? 2 * c : c), NULL,
                        NULL};
    r.gamma = pack(b, c, 1, NULL);
    r.beta = pack(b, c, 1, NULL);
    double values = (double)fc_tensor_rows(r.y) * c + (double)fc_tensor_rows(r.x) * r.x.c +
                    (op == 3 ? (double)fc_tensor_rows(r.y) * c : 0.0);
    report(b, name, run_rowwise, &r, values * (double)fc_dtype_size(b->type), true);
    drop(b, r.x);
    drop(b, r.y);
    b->be->packed_free(b->dev, r.gamma);
    b->be->packed_free(b->dev, r.beta);
}

static void bench_all(const struct bench *b)
{
    int32_t s128 = 128 / b->scale, s64 = 64 / b->scale, s32 = 32 / b->scale, s = b->scale;
    bench_product(b, "linear", 2, s64, 640, 1920, 0, false);
    bench_product(b, "linear", 2, s64, 640, 640, 0, true);
    bench_product(b, "linear", 2, s64, 640, 5120, 0, false);
    bench_product(b, "linear", 2, s64, 2560, 640, 0, true);
    bench_product(b, "linear", 2, s32, 1280, 3840, 0, false);
    bench_product(b, "linear", 2, s32, 1280, 1280, 0, true);
    bench_product(b, "linear", 2, s32, 1280, 10240, 0, false);
    bench_product(b, "linear", 2, s32, 5120, 1280, 0, true);
    bench_product(b, "linear", 2, 9, 2048, 1280, 0, false); /* keys of the text: 81 for 77 rows */
    bench_product(b, "linear", 2, 1, 1280, 1280, 0, false);
    bench_product(b, "conv3x3", 2, s128, 320, 320, 3, false);
    bench_product(b, "conv3x3", 2, s128, 320, 320, 3, true);
    bench_product(b, "conv3x3", 2, s64, 640, 640, 3, false);
    bench_product(b, "conv3x3", 2, s32, 1280, 1280, 3, false);
    bench_product(b, "conv3x3", 2, s32, 2560, 1280, 3, false);
    bench_product(b, "conv3x3", 2, s128, 4, 320, 3, false);
    bench_product(b, "conv3x3", 2, s128, 320, 4, 3, false);
    bench_product(b, "conv1x1", 2, s64, 1920, 640, 1, false);
    bench_product(b, "conv3x3", 1, 128 / s, 512, 512, 3, false); /* the decoder */
    bench_product(b, "conv3x3", 1, 256 / s, 512, 512, 3, false);
    bench_product(b, "conv3x3", 1, 512 / s, 256, 256, 3, false);
    bench_product(b, "conv3x3", 1, 1024 / s, 128, 128, 3, false);
    bench_product(b, "conv3x3", 1, 1024 / s, 128, 3, 3, false);
    bench_attention(b, 2, s64 * s64, s64 * s64, 10, 64);
    bench_attention(b, 2, s32 * s32, s32 * s32, 20, 64);
    bench_attention(b, 2, s64 * s64, 77, 10, 64);
    bench_attention(b, 2, s32 * s32, 77, 20, 64);
    bench_attention(b, 1, 4096 / s / s, 4096 / s / s, 1, 512); /* the decoder's has four times the tokens */
    bench_rowwise(b, 0, 2, s128, 320);
    bench_rowwise(b, 0, 2, s64, 640);
    bench_rowwise(b, 0, 2, s32, 1280);
    bench_rowwise(b, 0, 1, 1024 / s, 128);
    bench_rowwise(b, 1, 2, s64, 640);
    bench_rowwise(b, 1, 2, s32, 1280);
    bench_rowwise(b, 2, 2, s64, 2560);
    bench_rowwise(b, 2, 2, s32, 5120);
    bench_rowwise(b, 3, 2, s128, 320);
    bench_rowwise(b, 4, 2, s64, 640);
    bench_rowwise(b, 5, 2, s128, 320);
}

int main(int argc, char **argv)
{
    fc_backend_opts opts = {0};
    struct bench b = {.scale = 1};
    int types = 3;
    bool own = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--own") == 0)
            own = true;
        else if (strcmp(argv[i], "--bf16") == 0)
            types = 2;
        else if (strcmp(argv[i], "--f32") == 0)
            types = 1;
        else if (strcmp(argv[i], "--cpu") == 0) {
            clock_used = CLOCK_PROCESS_CPUTIME_ID;
            opts.threads = 1;
        } else if (strcmp(argv[i], "--isa") == 0)
            opts.isa = argv[++i];
        else if (strcmp(argv[i], "--only") == 0)
            b.only = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && ++i)
            opts.threads = (int)strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--size") == 0 && ++i)
            b.scale = strcmp(value, "512") == 0 ? 2 : 1;
        else {
            fprintf(stderr, "usage: bench_ops [--isa NAME] [--threads N] [--size 1024|512] [--only TEXT] "
                            "[--bf16 | --f32] [--cpu] [--own]\n");
            return 2;
        }
    }
    fc_err err = {0};
    b.be = fc_backend_get("cpu");
    if (!b.be || b.be->open(&opts, &b.dev, &err) != FC_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (own) b.dev->own_products = true;
    fc_backend_info info;
    b.be->info(b.dev, &info);
    fc_isa isa = fc_isa_detect(), cap;
    if (opts.isa && fc_isa_parse(opts.isa, &cap) && cap < isa) isa = cap;
    printf("%s\n", info.description);
    for (int t = 0; t < 2; t++) {
        if (!(types & (1 << t))) continue;
        b.type = t ? FC_BF16 : FC_F32;
        b.peak = measure_peak(isa, b.type, info.threads);
        printf("peak %s: %.1f GFLOP/s\n", fc_dtype_name(b.type), b.peak / 1e9);
        bench_all(&b);
    }
    b.be->close(b.dev);
    return 0;
}
