/* See arrays.h. */
#include "app/prompt/arrays.h"

#include <stdbool.h>
#include <string.h>

/* The next array at or behind text: its content between the brackets; NULL when there is none. */
static const char *next_array(const char *text, size_t *size)
{
    for (const char *open = text; (open = strstr(open, "[[")); open++) {
        const char *content = open + 2, *close = strstr(content, "]]");
        if (!close) return NULL;
        *size = (size_t)(close - content);
        if (!memchr(content, '\n', *size)) return content;
    }
    return NULL;
}

static uint64_t count_items(const char *content, size_t size)
{
    uint64_t count = 1;
    for (size_t i = 0; i < size; i++) count += content[i] == ',';
    return count;
}

static void append_item(const char *content, size_t size, uint64_t index, fc_buf *out)
{
    const char *at = content, *end = content + size, *comma;
    for (; index > 0; index--) at = (const char *)memchr(at, ',', (size_t)(end - at)) + 1;
    comma = memchr(at, ',', (size_t)(end - at));
    fc_buf_append(out, at, (size_t)((comma ? comma : end) - at));
}

void fc_arrays_apply(const char *text, uint64_t index, fc_buf *out)
{
    size_t size;
    for (const char *content; (content = next_array(text, &size));) {
        uint64_t count = count_items(content, size);
        fc_buf_append(out, text, (size_t)(content - 2 - text));
        append_item(content, size, index % count, out);
        index /= count;
        text = content + size + 2;
    }
    fc_buf_puts(out, text);
}

uint64_t fc_arrays_count(const char *text)
{
    uint64_t total = 1;
    size_t size;
    for (const char *content; (content = next_array(text, &size)); text = content + size + 2)
        if (__builtin_mul_overflow(total, count_items(content, size), &total)) return UINT64_MAX;
    return total;
}
