/* Tables for people. */
#include <stdarg.h>
#include <stdio.h>
#include "cli/bench/bench.h"

void bench_print(const bench *b, const char *format, ...)
{
    va_list args;
    if (b->args.json) return;
    va_start(args, format);
    vfprintf(stdout, format, args);
    va_end(args);
    fflush(stdout);
}

void bench_print_memory(const bench *b, const bench_memory *m)
{
    if (m->resident_peak)
        bench_print(b, "  memory at most: %.2f GB anonymous, %.2f GB with the pages of mapped files\n",
                    (double)m->anonymous_peak * 1e-9, (double)m->resident_peak * 1e-9);
}

void bench_json_memory(json_t *object, const bench_memory *m)
{
    bench_json_int(object, "anonymous_peak_bytes", m->anonymous_peak);
    bench_json_int(object, "resident_peak_bytes", m->resident_peak);
}

void bench_json_real(json_t *object, const char *name, double value)
{
    json_object_set_new(object, name, json_real(value));
}

void bench_json_int(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

void bench_json_text(json_t *object, const char *name, const char *value)
{
    json_object_set_new(object, name, json_string(value));
}
