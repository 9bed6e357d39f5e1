/* See lines.h. */
#include "app/common/lines.h"

#include <string.h>
#include "base/str.h"
#include "text/unicode.h"

void fc_lines_init(fc_lines *l, fc_arena *arena)
{
    *l = (fc_lines){.arena = arena};
}

/* Takes a text that lives in the arena already. */
static void push(fc_lines *l, const char *text)
{
    if (!text) return;
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        const char **items = fc_arena_array(l->arena, cap, sizeof *items);
        if (!items) return;
        if (l->count) memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    l->items[l->count++] = text;
}

void fc_lines_add(fc_lines *l, const char *text, size_t size)
{
    push(l, fc_arena_strndup(l->arena, text, size));
}

static bool ends_line(uint32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

size_t fc_line_next(const char **at, const char *end)
{
    const char *start = *at;
    while (*at < end) {
        const char *here = *at;
        uint32_t c;
        *at += fc_utf8_decode(here, (size_t)(end - here), &c);
        if (!ends_line(c)) continue;
        if (c == '\r' && *at < end && **at == '\n') ++*at;
        return (size_t)(here - start);
    }
    return (size_t)(end - start);
}

void fc_lines_split(fc_lines *l, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    while (at < end) {
        const char *line = at;
        size_t n = fc_line_next(&at, end);
        fc_lines_add(l, line, n);
    }
}

/* Start of the character that ends at end. */
static const char *last_character(const char *start, const char *end)
{
    const char *p = end - 1;
    while (p > start && end - p < 4 && ((unsigned char)*p & 0xc0) == 0x80) p--;
    return p;
}

void fc_text_strip(const char **text, size_t *size)
{
    const char *start = *text, *end = start + *size;
    uint32_t c;
    while (start < end) {
        size_t n = fc_utf8_decode(start, (size_t)(end - start), &c);
        if (!fc_unicode_is_space(c)) break;
        start += n;
    }
    while (end > start) {
        const char *last = last_character(start, end);
        if (fc_utf8_decode(last, (size_t)(end - last), &c) != (size_t)(end - last) || !fc_unicode_is_space(c))
            break;
        end = last;
    }
    *text = start;
    *size = (size_t)(end - start);
}

static bool is_trimmed_off(char c)
{
    return c == ',' || c == '.' || c == ' ' || c == '\r' || c == '\n';
}

/* One line of a prompt box; nothing is added when nothing is left of it. */
static void add_prompt_line(fc_lines *l, const char *line, size_t size)
{
    while (size > 0 && is_trimmed_off(line[0])) line++, size--;
    while (size > 0 && is_trimmed_off(line[size - 1])) size--;
    char *text = size ? fc_arena_strndup(l->arena, line, size) : NULL;
    if (!text) return;
    size_t length = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' || text[i - 1] != ' ') text[length++] = text[i];
    text[length] = 0;
    push(l, text);
}

void fc_prompt_split(fc_lines *l, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    size_t before = l->count;
    while (at < end) {
        const char *line = at;
        size_t n = fc_line_next(&at, end);
        add_prompt_line(l, line, n);
    }
    if (l->count == before) fc_lines_add(l, "", 0);
}
