/* Diagnostics on stderr: one write per line, so that lines of several threads do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/str.h"

static const char *const names[] = {"off", "error", "warn", "info", "debug"};
static atomic_int log_level = FC_LOG_OFF;

void fc_log_set_level(fc_log_level level)
{
    atomic_store(&log_level, (int)level);
}

void fc_log_init_from_env(void)
{
    const char *wanted = getenv("FC_LOG");
    for (int level = FC_LOG_OFF; wanted && level <= FC_LOG_DEBUG; level++)
        if (fc_str_eq_nocase(wanted, names[level])) fc_log_set_level((fc_log_level)level);
}

void fc_log(fc_log_level level, const char *format, ...)
{
    if (level == FC_LOG_OFF || (int)level > atomic_load_explicit(&log_level, memory_order_relaxed)) return;
    char line[1024];
    int n = snprintf(line, sizeof line, "%.3f %s: ", fc_now(), names[level]);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    if (m < 0) return;
    size_t len = (size_t)n + (size_t)m;
    if (len > sizeof line - 2) len = sizeof line - 2;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) return; /* nowhere left to complain */
}
