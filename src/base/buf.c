/* Growable byte buffer. cap counts the byte for the final NUL, len and max do not. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

#ifdef FC_HARD
enum { FIRST_CAP = 2 };
#else
enum { FIRST_CAP = 64 };
#endif

void fc_buf_init(fc_buf *b, size_t max_bytes)
{
    *b = (fc_buf){.max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1};
}

void fc_buf_fini(fc_buf *b)
{
    fc_free(b->data);
    *b = (fc_buf){.max = b->max};
}

void fc_buf_reset(fc_buf *b)
{
    b->len = 0;
    b->status = FC_OK;
    if (b->data) b->data[0] = '\0';
}

/* Makes room for extra bytes behind len; false (and sticky) when it cannot. */
static bool grow(fc_buf *b, size_t extra)
{
    if (b->status != FC_OK) return false;
    if (extra > b->max - b->len) {
        b->status = FC_LIMIT;
        return false;
    }
    size_t need = b->len + extra + 1;
    if (need <= b->cap) return true;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max + 1) cap = b->max + 1;
    char *data = fc_realloc(b->data, cap);
    if (!data) {
        b->status = FC_NOMEM;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void fc_buf_append(fc_buf *b, const void *data, size_t size)
{
    if (!grow(b, size)) return;
    if (size) memcpy(b->data + b->len, data, size);
    b->len += size;
    b->data[b->len] = '\0';
}

void fc_buf_puts(fc_buf *b, const char *s)
{
    fc_buf_append(b, s, strlen(s));
}

void fc_buf_putc(fc_buf *b, char c)
{
    fc_buf_append(b, &c, 1);
}

void fc_buf_printf(fc_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !grow(b, (size_t)n)) return;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

const char *fc_buf_cstr(const fc_buf *b)
{
    return b->data ? b->data : "";
}

char *fc_buf_take(fc_buf *b)
{
    char *data = NULL;
    if (grow(b, 0)) {
        data = b->data;
        data[b->len] = '\0';
        b->data = NULL;
    }
    fc_buf_fini(b);
    return data;
}
