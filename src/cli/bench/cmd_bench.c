/* fooocus bench: what this machine computes how fast with a model. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/settings/request.h"
#include "base/clock.h"
#include "cli/bench/bench.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/tty.h"

enum { ARENA_BYTES = 64 << 20, DEFAULT_SIZE = 1024, DEFAULT_STEPS = 30 };

/* Files, size and steps of the request. */
static fc_status resolve(bench *b, fc_err *err)
{
    fc_params params;
    fc_status status = fc_request_resolve(b->args.request, &b->arena, &params, err);
    if (status != FC_OK) return status;
    fc_config *config;
    status = fc_config_open(&config, params.home, NULL, (fc_warn){0}, err);
    if (status != FC_OK) return status;
    status = fc_model_files_find(config, &params, b->args.request, &b->arena, &b->files, err);
    fc_config_close(config);
    if (status != FC_OK) return status;
    bool sized = fc_request_is_set(b->args.request, FC_P_width);
    b->width = sized ? params.width : DEFAULT_SIZE;
    b->height = sized ? params.height : DEFAULT_SIZE;
    b->steps = fc_request_is_set(b->args.request, FC_P_steps) ? params.steps : DEFAULT_STEPS;
    return FC_OK;
}

/* The device and the arithmetic, as the engine chooses them. */
static fc_status choose(bench *b, fc_err *err)
{
    fc_engine *e;
    fc_engine_report report;
    fc_status status = fc_engine_open(&b->args.engine, &e, err);
    if (status != FC_OK) return status;
    fc_engine_describe(e, &report);
    fc_engine_close(e);
    memcpy(b->precision, report.precision, sizeof b->precision);
    b->backend = fc_backend_get(report.backend);
    if (b->backend->stage) (void)snprintf(b->card, sizeof b->card, "%s", report.machine);
    return bench_measure_machine(b, err);
}

static void set_peak(json_t *peak, const char *name, double rate)
{
    if (rate > 0) bench_json_real(peak, name, rate * 1e-9);
}

static void describe(const bench *b)
{
    static const char *const memory[] = {"auto", "fast", "low"};
    json_t *o = b->json, *peak = json_object();
    char size[32];
    (void)snprintf(size, sizeof size, "%dx%d", b->width, b->height);
    bench_json_text(o, "version", fc_version());
    bench_json_text(o, "device", b->info.description);
    bench_json_text(o, "cpu", b->info.machine);
    bench_json_text(o, "isa", b->info.isa);
    bench_json_text(o, "library", b->info.library);
    bench_json_int(o, "threads", (uint64_t)b->info.threads);
    bench_json_text(o, "precision", b->precision);
    bench_json_text(o, "memory", memory[b->args.engine.memory]);
    bench_json_text(o, "clock", b->args.cpu_time ? "processor" : "wall");
    bench_json_text(o, "model", b->files.base);
    bench_json_text(o, "size", size);
    bench_json_int(o, "repeat", (uint64_t)b->args.repeat);
    set_peak(peak, "f32_gflop_per_s", b->peak[FC_PEAK_F32]);
    set_peak(peak, "bf16_gflop_per_s", b->peak[FC_PEAK_BF16]);
    set_peak(peak, "bf16_loaded_gflop_per_s", b->peak[FC_PEAK_BF16_LOADED]);
    set_peak(peak, "f16_gflop_per_s", b->peak[FC_PEAK_F16]);
    set_peak(peak, "copy_gb_per_s", b->copy_rate);
    set_peak(peak, "upload_gb_per_s", b->upload_rate);
    set_peak(peak, "download_gb_per_s", b->download_rate);
    json_object_set_new(o, "peak", peak);

    bench_print(b, "fooocus %s on %s\n", fc_version(), b->info.description);
    bench_print(b, "model %s, %s, %s, times by the %s\n", b->files.base, size, b->precision,
                b->args.cpu_time ? "processor time of one thread" : "clock on the wall");
    bench_print(b, "peak: f32 %.0f GFLOP/s", b->peak[FC_PEAK_F32] * 1e-9);
    if (b->peak[FC_PEAK_BF16] > 0) bench_print(b, ", bf16 %.0f GFLOP/s", b->peak[FC_PEAK_BF16] * 1e-9);
    if (b->peak[FC_PEAK_BF16_LOADED] > 0)
        bench_print(b, ", bf16 with loads %.0f GFLOP/s", b->peak[FC_PEAK_BF16_LOADED] * 1e-9);
    if (b->peak[FC_PEAK_F16] > 0) bench_print(b, ", f16 %.0f GFLOP/s", b->peak[FC_PEAK_F16] * 1e-9);
    bench_print(b, "; copying memory %.1f GB/s", b->copy_rate * 1e-9);
    if (b->card[0])
        bench_print(b, "; to the card %.1f GB/s, from it %.1f", b->upload_rate * 1e-9,
                    b->download_rate * 1e-9);
    bench_print(b, "\n");
}

static fc_status print_json(const bench *b, fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, 64 << 20);
    fc_json_write(b->json, JSON_INDENT(1), &text);
    puts(fc_buf_cstr(&text));
    fc_status status = text.status;
    fc_buf_fini(&text);
    return status == FC_OK ? FC_OK : fc_fail(err, status, "out of memory for the JSON");
}

/* When a part fails, what the others have measured is not lost. */
static fc_status run_parts(bench *b, fc_err *err)
{
    static fc_status (*const parts[])(bench * b, fc_err * err) = {bench_ops, bench_step, bench_text,
                                                                  bench_vae, bench_load, bench_e2e};
    fc_status status = FC_OK;
    int done = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == FC_OK; i++) {
        if (!(b->args.parts & (1u << i))) continue;
        status = parts[i](b, err);
        done += status == FC_OK;
    }
    if (!b->args.json || !done) return status;
    fc_status printed = print_json(b, status == FC_OK ? err : NULL);
    return status != FC_OK ? status : printed;
}

static fc_status run(bench *b, fc_err *err)
{
    b->now = b->args.cpu_time ? fc_cpu_now : fc_now;
    b->json = json_object();
    if (!b->json) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = resolve(b, err);
    if (status != FC_OK) return status;
    status = choose(b, err);
    if (status != FC_OK) return status;
    describe(b);
    return run_parts(b, err);
}

static void print_help(void)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 20);
    cli_help_bench(tty_width(), &text);
    fputs(fc_buf_cstr(&text), stdout);
    fc_buf_fini(&text);
}

int cli_bench(int argc, char **argv)
{
    bench b = {0};
    fc_err err = {0};
    fc_arena_init(&b.arena, ARENA_BYTES);
    fc_status status = cli_bench_args_parse(&b.args, argc, argv, &err);
    if (b.args.help) {
        print_help();
        status = FC_OK;
    } else if (status == FC_OK) {
        status = run(&b, &err);
    }
    json_decref(b.json);
    fc_arena_fini(&b.arena);
    cli_bench_args_fini(&b.args);
    return status == FC_OK ? 0 : cli_fail(&err);
}
