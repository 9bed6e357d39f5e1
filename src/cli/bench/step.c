/* fooocus bench step: sampling steps of a real run, split by kind of operation and by block. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "cli/bench/bench.h"

typedef struct steps {
    bench *b;
    fc_engine *engine;
    double opened, started, drawing, last; /* seconds; opened: how long that took */
    double first;                          /* the step that also prepares weights */
    double *times;                         /* of the steps behind it */
    int count;
    int stop;
    fc_status status;
    fc_err *err;
} steps;

static void on_event(void *user, const fc_event *event)
{
    steps *s = user;
    double t = s->b->now();
    if (event->kind == FC_EVENT_PHASE && strcmp(event->text, FC_PHASE_DRAWING) == 0) s->drawing = t;
    if (event->kind != FC_EVENT_STEP) return;
    if (event->step == 1) {
        s->first = t - s->drawing;
        s->status = fc_engine_profile_start(s->engine, s->b->now, s->err);
    } else {
        s->times[s->count++] = t - s->last;
    }
    if (s->count == s->b->args.repeat || s->status != FC_OK) s->stop = FC_STOP;
    s->last = s->b->now();
}

/* Stops by itself after the last step that counts. */
static fc_status run(steps *s)
{
    bench *b = s->b;
    const fc_hooks hooks = {.user = s, .on_event = on_event};
    const fc_task task = fc_bench_task(b->width, b->height, b->args.repeat + 2);
    fc_picture picture;
    s->started = b->now();
    fc_engine_lend_cancel_flag(s->engine, &s->stop);
    fc_status status = fc_engine_run(s->engine, &task, &hooks, &picture, s->err);
    fc_engine_lend_cancel_flag(s->engine, NULL);
    fc_picture_fini(&picture);
    if (s->status != FC_OK) return s->status;
    if (status != FC_CANCELLED)
        return status != FC_OK ? status : fc_fail(s->err, FC_INTERNAL, "the steps did not stop");
    return FC_OK;
}

static json_t *rows(const fc_profile_row *row, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_t *o = json_object();
        if (!row[i].calls) {
            json_decref(o);
            continue;
        }
        bench_json_text(o, "name", row[i].name);
        bench_json_int(o, "calls", row[i].calls);
        bench_json_real(o, "ms", row[i].seconds * 1e3);
        bench_json_real(o, "gflop", row[i].flops * 1e-9);
        json_array_append_new(list, o);
    }
    return list;
}

static void report(const steps *s, const bench_memory *memory, double median)
{
    const bench *b = s->b;
    fc_profile one = *fc_engine_profile(s->engine);
    fc_engine_report engine;
    double flops = 0, peak = bench_peak_of(b, bench_type(b));
    fc_buf text;
    fc_profile_divide(&one, s->count);
    fc_engine_describe(s->engine, &engine);
    for (int i = 0; i < FC_OP_KINDS; i++) flops += one.kinds[i].flops;
    bench_print(b, "\nA step of %dx%d with guidance\n", b->width, b->height);
    bench_print(b, "  %.3f s, median of %d: %.2f TFLOP, %.0f GFLOP/s, %.0f %% of the peak\n", median,
                s->count, flops * 1e-12, flops / median * 1e-9, peak > 0 ? 100 * flops / median / peak : 0);
    bench_print(b, "  the first step takes %.3f s more; before it texts %.3f s, opening %.3f s\n",
                s->first - median, s->drawing - s->started, s->opened);
    bench_print(b, "  prepared weights %.2f GB, activations at most %.2f GB\n",
                (double)engine.packed_bytes * 1e-9, (double)engine.stack_peak_bytes * 1e-9);
    bench_print_memory(b, memory);
    fc_buf_init(&text, 1 << 20);
    fc_profile_print(&one, &text);
    bench_print(b, "\n%s", fc_buf_cstr(&text));
    fc_buf_fini(&text);

    json_t *o = json_object();
    bench_json_real(o, "median_ms", median * 1e3);
    bench_json_real(o, "first_extra_ms", (s->first - median) * 1e3);
    bench_json_real(o, "open_ms", s->opened * 1e3);
    bench_json_real(o, "texts_ms", (s->drawing - s->started) * 1e3);
    bench_json_real(o, "tflop", flops * 1e-12);
    bench_json_real(o, "gflop_per_s", flops / median * 1e-9);
    if (peak > 0) bench_json_real(o, "share_of_peak", flops / median / peak);
    bench_json_int(o, "packed_bytes", engine.packed_bytes);
    bench_json_int(o, "activation_peak_bytes", engine.stack_peak_bytes);
    bench_json_memory(o, memory);
    json_t *times = json_array();
    for (int i = 0; i < s->count; i++) json_array_append_new(times, json_real(s->times[i] * 1e3));
    json_object_set_new(o, "sorted_ms", times);
    json_object_set_new(o, "kinds", rows(one.kinds, FC_OP_KINDS));
    json_object_set_new(o, "blocks", rows(one.blocks, one.block_count));
    json_object_set_new(b->json, "step", o);
}

fc_status bench_step(bench *b, fc_err *err)
{
    bench_memory memory;
    steps s = {.b = b, .err = err, .times = fc_alloc((size_t)b->args.repeat * sizeof *s.times)};
    if (!s.times) return fc_fail(err, FC_NOMEM, "out of memory");
    bench_memory_start(&memory);
    s.started = b->now();
    fc_status status = bench_open_engine(b, &s.engine, err);
    s.opened = b->now() - s.started;
    if (status != FC_OK) goto out;
    status = run(&s);
out:
    bench_memory_stop(&memory);
    if (status == FC_OK) report(&s, &memory, bench_median(s.times, s.count));
    fc_engine_close(s.engine);
    fc_free(s.times);
    return status;
}
