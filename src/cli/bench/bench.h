/* What the parts of `fooocus bench` share. Each part measures, prints its table, and adds an object to the
 * JSON; with
 * --json nothing but that object is printed. */
#ifndef FC_CLI_BENCH_BENCH_H
#define FC_CLI_BENCH_BENCH_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include "app/models/files.h"
#include "cli/bench/args.h"
#include "engine/bench.h"

typedef struct bench {
    cli_bench_args args;
    fc_arena arena;
    fc_model_files files;
    int32_t width, height, steps;
    double (*now)(void); /* seconds: the clock that is measured with */
    const fc_backend *backend;
    fc_backend_info info;
    char precision[8];                 /* "bf16": activations and weights */
    double peak[FC_PEAK_KINDS];        /* FLOP/s; 0: the machine has no such arithmetic */
    double copy_rate;                  /* bytes/s, read and written, of a copy that no cache holds */
    double upload_rate, download_rate; /* bytes/s between the machine and a card; 0: there is none */
    char card[64];                     /* its name; "": the processor computes */
    json_t *json;
} bench;

fc_status bench_ops(bench *b, fc_err *err) FC_MUST_USE;
fc_status bench_step(bench *b, fc_err *err) FC_MUST_USE;
fc_status bench_text(bench *b, fc_err *err) FC_MUST_USE;
fc_status bench_vae(bench *b, fc_err *err) FC_MUST_USE;
fc_status bench_load(bench *b, fc_err *err) FC_MUST_USE;
fc_status bench_e2e(bench *b, fc_err *err) FC_MUST_USE;

/* measure.c: the limits of the machine, into b->peak and b->copy_rate. */
fc_dtype bench_type(const bench *b); /* of b->precision */
/* How the engine would open the device. */
fc_backend_opts bench_backend_opts(const bench *b);
fc_status bench_measure_machine(bench *b, fc_err *err) FC_MUST_USE;
/* FLOP/s that products of these operands cannot exceed; 0: not known. */
double bench_peak_of(const bench *b, fc_dtype operands);
/* Sorts them. */
double bench_median(double *times, int count);
/* An engine with the files of the bench loaded. */
fc_status bench_open_engine(const bench *b, fc_engine **engine, fc_err *err) FC_MUST_USE;

/* Memory of this process while something runs: looked at every few milliseconds by a thread of its own. 0
 * where the system does not tell. */
typedef struct bench_memory {
    pthread_t thread;
    bool running;
    atomic_bool stop;
    uint64_t anonymous_peak, resident_peak; /* bytes; valid when stopped */
} bench_memory;
void bench_memory_start(bench_memory *m);
void bench_memory_stop(bench_memory *m);

/* report.c: tables for people; silent with --json. */
void bench_print(const bench *b, const char *format, ...) FC_PRINTF(2, 3);
/* "anonymous memory 6.1 GB, ..." */
void bench_print_memory(const bench *b, const bench_memory *m);
void bench_json_memory(json_t *object, const bench_memory *m);
void bench_json_real(json_t *object, const char *name, double value);
void bench_json_int(json_t *object, const char *name, uint64_t value);
void bench_json_text(json_t *object, const char *name, const char *value);

#endif
