/* Measuring: the machine's limits, medians, memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/bench/bench.h"

/* Other programs and sleeping cores disturb: the best of many short runs. */
#define PEAK_SECONDS 0.4
enum {
    COPY_RUNS = 5,
    COPY_ROWS = 32768,
    COPY_COLUMNS = 1024,
    ZEROS = 1 << 20,
    TRANSFER = 64 << 20,
    WATCH_MILLISECONDS = 10
};

/* ---- the machine ---- */

static fc_status measure_copy(bench *b, fc_dev *dev, fc_err *err)
{
    const fc_backend *be = b->backend;
    size_t bytes = (size_t)COPY_ROWS * COPY_COLUMNS * sizeof(float);
    fc_tensor x = {.dtype = FC_F32, .n = 1, .h = 1, .w = COPY_ROWS, .c = COPY_COLUMNS, .ld = COPY_COLUMNS},
              y = x;
    void *zeros = fc_calloc(ZEROS, 1);
    fc_status status = zeros ? be->mem_alloc(dev, bytes, &x.data) : FC_NOMEM;
    if (status != FC_OK) goto out;
    status = be->mem_alloc(dev, bytes, &y.data);
out:
    if (status != FC_OK) (void)fc_fail(err, status, "out of memory while measuring the memory's speed");
    for (size_t at = 0; at < bytes && status == FC_OK; at += ZEROS)
        status = be->upload(dev, (char *)x.data + at, zeros, ZEROS);
    fc_free(zeros);
    for (int run = 0; run <= COPY_RUNS && status == FC_OK; run++) {
        double start = b->now();
        status = be->copy(dev, y, x);
        if (status == FC_OK) status = be->wait(dev);
        double rate = 2.0 * (double)bytes / (b->now() - start);
        if (run > 0 && rate > b->copy_rate) b->copy_rate = rate;
    }
    be->mem_free(dev, x.data, bytes);
    be->mem_free(dev, y.data, bytes);
    return status;
}

/* One way and back between the machine's memory and a card's, all of `size` bytes. */
static fc_status transfer(bench *b, fc_dev *dev, void *there, void *here, size_t size)
{
    const fc_backend *be = b->backend;
    double start = b->now();
    fc_status status = be->upload(dev, there, here, size);
    if (status != FC_OK) return status;
    status = be->wait(dev);
    if (status != FC_OK) return status;
    double middle = b->now();
    status = be->download(dev, here, there, size);
    double up = (double)size / (middle - start), down = (double)size / (b->now() - middle);
    if (up > b->upload_rate) b->upload_rate = up;
    if (down > b->download_rate) b->download_rate = down;
    return status;
}

static fc_status measure_transfer(bench *b, fc_dev *dev, fc_err *err)
{
    void *there = NULL, *here = fc_calloc(TRANSFER, 1);
    fc_status status = here ? b->backend->mem_alloc(dev, TRANSFER, &there) : FC_NOMEM;
    for (int run = 0; run < COPY_RUNS && status == FC_OK; run++)
        status = transfer(b, dev, there, here, TRANSFER);
    b->backend->mem_free(dev, there, TRANSFER);
    fc_free(here);
    return status == FC_OK ? FC_OK : fc_fail(err, status, "measuring transfers: %s", b->backend->why(dev));
}

fc_dtype bench_type(const bench *b)
{
    return strcmp(b->precision, "bf16") == 0 ? FC_BF16 : strcmp(b->precision, "f16") == 0 ? FC_F16 : FC_F32;
}

fc_backend_opts bench_backend_opts(const bench *b)
{
    const fc_engine_config *c = &b->args.engine;
    return (fc_backend_opts){.device = b->card[0] ? b->card : NULL,
                             .memory_limit = c->device_memory,
                             .threads = c->threads,
                             .isa = c->isa};
}

fc_status bench_measure_machine(bench *b, fc_err *err)
{
    const fc_backend_opts opts = bench_backend_opts(b);
    fc_dev *dev;
    fc_status status = b->backend->open(&opts, &dev, err);
    if (status != FC_OK) return status;
    b->backend->info(dev, &b->info);
    for (int kind = 0; kind < FC_PEAK_KINDS && b->backend->peak_work; kind++) {
        double flop = 1.0, begin = b->now(), start = begin;
        while (flop > 0 && start - begin < PEAK_SECONDS) {
            flop = b->backend->peak_work(dev, (fc_peak)kind);
            double end = b->now(), rate = flop / (end - start);
            if (rate > b->peak[kind]) b->peak[kind] = rate;
            start = end;
        }
    }
    status = measure_copy(b, dev, err);
    if (status != FC_OK) goto out;
    if (b->card[0]) status = measure_transfer(b, dev, err);
out:
    b->backend->close(dev);
    return status;
}

double bench_peak_of(const bench *b, fc_dtype operands)
{
    double bf16 = b->peak[FC_PEAK_BF16], f32 = b->peak[FC_PEAK_F32];
    if (operands == FC_F16 && b->peak[FC_PEAK_F16] > f32) return b->peak[FC_PEAK_F16];
    return operands == FC_BF16 && bf16 > f32 ? bf16 : f32;
}

/* ---- times ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *times, int count)
{
    qsort(times, (size_t)count, sizeof *times, by_value);
    return count % 2 ? times[count / 2] : (times[count / 2 - 1] + times[count / 2]) / 2;
}

fc_status bench_open_engine(const bench *b, fc_engine **engine, fc_err *err)
{
    const fc_model_choice files = {
        .base = b->files.base, .vae = b->files.vae, .preview_decoder = b->files.preview_decoder};
    fc_status status = fc_engine_open(&b->args.engine, engine, err);
    if (status != FC_OK) return status;
    status = fc_engine_load(*engine, &files, NULL, err);
    if (status != FC_OK) fc_engine_close(*engine);
    if (status != FC_OK) *engine = NULL;
    return status;
}

/* ---- memory ---- */

/* "RssAnon:     1234 kB" -> bytes */
static uint64_t field(const char *text, const char *name)
{
    uint64_t kib = 0;
    char digits[24];
    const char *at = strstr(text, name);
    if (!at) return 0;
    at += strlen(name);
    at += strspn(at, " \t");
    size_t n = strspn(at, "0123456789");
    if (n >= sizeof digits) return 0;
    memcpy(digits, at, n);
    digits[n] = '\0';
    return fc_parse_u64(digits, &kib) ? kib * 1024 : 0;
}

static void look(bench_memory *m)
{
    fc_buf text;
    fc_buf_init(&text, 64 * 1024);
    if (fc_file_read("/proc/self/status", &text, NULL) == FC_OK) {
        uint64_t anonymous = field(fc_buf_cstr(&text), "RssAnon:"), all = field(fc_buf_cstr(&text), "VmRSS:");
        if (anonymous > m->anonymous_peak) m->anonymous_peak = anonymous;
        if (all > m->resident_peak) m->resident_peak = all;
    }
    fc_buf_fini(&text);
}

static void *watch(void *user)
{
    bench_memory *m = user;
    const struct timespec pause = {.tv_nsec = WATCH_MILLISECONDS * 1000000L};
    while (!atomic_load(&m->stop)) {
        look(m);
        nanosleep(&pause, NULL);
    }
    look(m);
    return NULL;
}

void bench_memory_start(bench_memory *m)
{
    *m = (bench_memory){0};
    m->running = pthread_create(&m->thread, NULL, watch, m) == 0;
}

void bench_memory_stop(bench_memory *m)
{
    if (!m->running) return;
    atomic_store(&m->stop, true);
    pthread_join(m->thread, NULL);
    m->running = false;
}
