/* fooocus bench text, vae, load, e2e: the other parts of a picture, and the whole. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "cli/bench/bench.h"

/* One thing that is run again and again: cold is the first run. */
typedef struct repeated {
    double cold, warm; /* seconds; warm: the median of the others */
    bench_memory memory;
    fc_engine_report engine;
} repeated;

typedef fc_status (*run_fn)(bench *b, fc_engine *e, int what, fc_err *err);

/* In an engine of its own, so that nothing is prepared yet. */
static fc_status repeat(bench *b, run_fn run, int what, repeated *out, fc_err *err)
{
    fc_engine *e = NULL;
    double *times = fc_alloc((size_t)b->args.repeat * sizeof *times);
    if (!times) return fc_fail(err, FC_NOMEM, "out of memory");
    bench_memory_start(&out->memory);
    fc_status status = bench_open_engine(b, &e, err);
    for (int i = -1; i < b->args.repeat && status == FC_OK; i++) {
        double start = b->now();
        status = run(b, e, what, err);
        *(i < 0 ? &out->cold : &times[i]) = b->now() - start;
    }
    bench_memory_stop(&out->memory);
    if (status == FC_OK) out->warm = bench_median(times, b->args.repeat);
    if (status == FC_OK) fc_engine_describe(e, &out->engine);
    fc_engine_close(e);
    fc_free(times);
    return status;
}

static json_t *repeated_json(const repeated *r)
{
    json_t *o = json_object();
    bench_json_real(o, "cold_ms", r->cold * 1e3);
    bench_json_real(o, "median_ms", r->warm * 1e3);
    bench_json_int(o, "packed_bytes", r->engine.packed_bytes);
    bench_json_int(o, "activation_peak_bytes", r->engine.stack_peak_bytes);
    bench_json_memory(o, &r->memory);
    return o;
}

/* ---- text ---- */

static fc_status run_text(bench *b, fc_engine *e, int what, fc_err *err)
{
    const fc_task task = fc_bench_task(b->width, b->height, 1);
    (void)what;
    return fc_bench_text(e, &task, err);
}

fc_status bench_text(bench *b, fc_err *err)
{
    repeated r;
    fc_status status = repeat(b, run_text, 0, &r, err);
    if (status != FC_OK) return status;
    bench_print(b, "\nText encoders, a prompt and a negative one\n");
    bench_print(b, "  %.3f s, median of %d; the first time %.3f s\n", r.warm, b->args.repeat, r.cold);
    bench_print_memory(b, &r.memory);
    json_object_set_new(b->json, "text", repeated_json(&r));
    return FC_OK;
}

/* ---- vae ---- */

static const char *const decoders[FC_BENCH_DECODERS] = {"whole", "strips", "taesd"};

static fc_status run_decode(bench *b, fc_engine *e, int what, fc_err *err)
{
    return fc_bench_decode(e, (fc_bench_decoder)what, b->width, b->height, err);
}

/* Which decoders the files have. */
static fc_status find_decoders(bench *b, bool can[FC_BENCH_DECODERS], fc_err *err)
{
    fc_engine *e;
    fc_status status = bench_open_engine(b, &e, err);
    if (status != FC_OK) return status;
    for (int d = 0; d < FC_BENCH_DECODERS; d++) can[d] = fc_bench_can_decode(e, (fc_bench_decoder)d);
    fc_engine_close(e);
    return FC_OK;
}

fc_status bench_vae(bench *b, fc_err *err)
{
    bool can[FC_BENCH_DECODERS];
    fc_status status = find_decoders(b, can, err);
    if (status != FC_OK) return status;
    json_t *all = json_object();
    json_object_set_new(b->json, "vae", all);
    bench_print(b, "\nDecoding a latent to %dx%d\n", b->width, b->height);
    for (int d = 0; d < FC_BENCH_DECODERS && status == FC_OK; d++) {
        repeated r;
        if (!can[d]) {
            bench_print(b, "  %-6s there is none\n", decoders[d]);
            continue;
        }
        status = repeat(b, run_decode, d, &r, err);
        if (status != FC_OK) return status;
        bench_print(b, "  %-6s %.3f s, median of %d; the first time %.3f s; activations at most %.2f GB\n",
                    decoders[d], r.warm, b->args.repeat, r.cold, (double)r.engine.stack_peak_bytes * 1e-9);
        bench_print_memory(b, &r.memory);
        json_object_set_new(all, decoders[d], repeated_json(&r));
    }
    return status;
}

/* ---- load: the smallest picture there is needs every weight, and little else ---- */

enum { SMALLEST = 64 };

static fc_status small_picture(bench *b, fc_engine *e, const char *prompt, double *seconds, fc_err *err)
{
    fc_task task = fc_bench_task(SMALLEST, SMALLEST, 1);
    fc_picture picture;
    task.positive.texts = &prompt; /* another one each time: known texts are not encoded again */
    double start = b->now();
    fc_status status = fc_engine_run(e, &task, NULL, &picture, err);
    *seconds = b->now() - start;
    fc_picture_fini(&picture);
    return status;
}

fc_status bench_load(bench *b, fc_err *err)
{
    fc_engine *e = NULL;
    fc_engine_report engine = {0};
    bench_memory memory;
    double open, first = 0, second = 0, start = b->now();
    bench_memory_start(&memory);
    fc_status status = bench_open_engine(b, &e, err);
    open = b->now() - start;
    if (status != FC_OK) goto out;
    status = small_picture(b, e, "one", &first, err);
    if (status != FC_OK) goto out;
    status = small_picture(b, e, "two", &second, err);
out:
    bench_memory_stop(&memory);
    if (status == FC_OK) fc_engine_describe(e, &engine);
    fc_engine_close(e);
    if (status != FC_OK) return status;
    double packing = first - second;
    bench_print(b,
                "\nLoading\n  open and bind %.1f ms; all weights prepared in %.3f s, %.2f GB (%.2f GB/s)\n",
                open * 1e3, packing, (double)engine.packed_bytes * 1e-9,
                packing > 0 ? (double)engine.packed_bytes / packing * 1e-9 : 0);
    bench_print_memory(b, &memory);
    json_t *o = json_object();
    bench_json_real(o, "open_ms", open * 1e3);
    bench_json_real(o, "pack_ms", packing * 1e3);
    bench_json_int(o, "packed_bytes", engine.packed_bytes);
    bench_json_memory(o, &memory);
    json_object_set_new(b->json, "load", o);
    return FC_OK;
}

/* ---- e2e ---- */

enum { MAX_PHASES = 16 };

typedef struct phases {
    bench *b;
    int count;
    struct {
        char name[64];
        double start;
    } phase[MAX_PHASES];
} phases;

static void on_event(void *user, const fc_event *event)
{
    phases *p = user;
    if (event->kind != FC_EVENT_PHASE || p->count == MAX_PHASES) return;
    (void)snprintf(p->phase[p->count].name, sizeof p->phase[0].name, "%s", event->text);
    p->phase[p->count++].start = p->b->now();
}

static fc_status whole_picture(phases *p, fc_err *err)
{
    const bench *b = p->b;
    const fc_hooks hooks = {.user = p, .on_event = on_event};
    const fc_model_choice files = {.base = b->files.base, .vae = b->files.vae};
    const fc_task task = fc_bench_task(b->width, b->height, b->steps);
    fc_engine *e;
    fc_picture picture;
    fc_status status = fc_engine_open(&b->args.engine, &e, err);
    if (status != FC_OK) return status;
    status = fc_engine_load(e, &files, &hooks, err);
    if (status == FC_OK) {
        status = fc_engine_run(e, &task, &hooks, &picture, err);
        fc_picture_fini(&picture);
    }
    fc_engine_close(e);
    return status;
}

fc_status bench_e2e(bench *b, fc_err *err)
{
    phases p = {.b = b};
    bench_memory memory;
    double start = b->now();
    bench_memory_start(&memory);
    fc_status status = whole_picture(&p, err);
    bench_memory_stop(&memory);
    double end = b->now();
    if (status != FC_OK) return status;
    json_t *o = json_object(), *list = json_array();
    bench_print(b, "\nA picture of %dx%d in %d steps, from nothing\n  %.2f s\n", b->width, b->height,
                b->steps, end - start);
    for (int i = 0; i < p.count; i++) {
        double seconds = (i + 1 < p.count ? p.phase[i + 1].start : end) - p.phase[i].start;
        bench_print(b, "  %-24s %8.2f s\n", p.phase[i].name, seconds);
        json_array_append_new(list, json_pack("{s:s, s:f}", "phase", p.phase[i].name, "ms", seconds * 1e3));
    }
    bench_print_memory(b, &memory);
    bench_json_int(o, "steps", (uint64_t)b->steps);
    bench_json_real(o, "total_ms", (end - start) * 1e3);
    json_object_set_new(o, "phases", list);
    bench_json_memory(o, &memory);
    json_object_set_new(b->json, "e2e", o);
    return FC_OK;
}
