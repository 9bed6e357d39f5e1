/* See lora_tags.h. */
#include "app/prompt/lora_tags.h"

#include <stdio.h>
#include <string.h>
#include "app/common/file_name.h"
#include "base/buf.h"
#include "base/str.h"

static const char opening[] = "<lora:";
enum { OPENING_SIZE = sizeof opening - 1, MAX_WEIGHT_TEXT = 64 };

/* ---- tidying ---- */

/* Copies the line (out may be the line) with runs of one character made one; -> its new size */
static size_t squeeze(char *out, const char *line, size_t size, char squeezed)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        if (line[i] != squeezed || n == 0 || out[n - 1] != squeezed) out[n++] = line[i];
    return n;
}

const char *fc_prompt_tidy(fc_arena *arena, const char *line, size_t size)
{
    char *text = fc_arena_array(arena, size + 1, 1);
    char *out = fc_arena_array(arena, size + 1, 2); /* "a,b" -> "a, b" */
    if (!text || !out) return NULL;
    size_t n = squeeze(text, line, size, ' '), length = 0;
    n = squeeze(text, text, n, ',');
    for (const char *at = text, *end = text + n; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *item = at, *next = comma ? comma : end;
        size_t item_size = (size_t)(next - at);
        fc_text_strip(&item, &item_size);
        if (item_size) {
            if (length) memcpy(out + length, ", ", 2);
            length += length ? 2 : 0;
            memcpy(out + length, item, item_size);
            length += item_size;
        }
        at = next + 1;
    }
    out[length] = 0;
    return out;
}

/* ---- tags ---- */

/* [+-] (digits [. digits] | . digits): its length, 0 when there is none. */
static size_t weight_length(const char *at, const char *end)
{
    const char *p = at;
    if (p < end && (*p == '+' || *p == '-')) p++;
    const char *digits = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    size_t before = (size_t)(p - digits), after = 0;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        after = (size_t)(p - fraction);
    }
    return before + after ? (size_t)(p - at) : 0;
}

typedef struct tag_place {
    const char *name, *weight;
    size_t name_size, weight_size, size; /* size: of the whole tag */
} tag_place;

/* A tag that starts exactly at `at`. */
static bool match_tag(const char *at, const char *end, tag_place *t)
{
    if ((size_t)(end - at) < OPENING_SIZE || memcmp(at, opening, OPENING_SIZE) != 0) return false;
    t->name = at + OPENING_SIZE;
    const char *colon = memchr(t->name, ':', (size_t)(end - t->name));
    if (!colon || colon == t->name) return false;
    t->name_size = (size_t)(colon - t->name);
    t->weight = colon + 1;
    t->weight_size = weight_length(t->weight, end);
    const char *close = t->weight + t->weight_size;
    t->size = (size_t)(close + 1 - at);
    return t->weight_size > 0 && close < end && *close == '>';
}

/* "+0.7", "1.", ".5": what Python's float takes, within the parser of base/str.h, which wants digits around
 * the dot. */
static double weight_value(const tag_place *t)
{
    char text[MAX_WEIGHT_TEXT + 4];
    double value = 0;
    const char *p = t->weight;
    size_t n = t->weight_size;
    bool negative = *p == '-';
    if (*p == '+' || *p == '-') p++, n--;
    if (n > MAX_WEIGHT_TEXT) n = MAX_WEIGHT_TEXT; /* no weight that anybody means has more digits */
    snprintf(text, sizeof text, "0%.*s%s", (int)n, p, p[n - 1] == '.' ? "0" : "");
    if (!fc_parse_f64(text, &value)) value = 0;
    return negative ? -value : value;
}

/* Removes from text (size bytes) every occurrence of the tag, as str.replace does. */
static size_t remove_all(char *text, size_t size, const char *tag, size_t tag_size)
{
    size_t out = 0;
    for (size_t i = 0; i < size;) {
        if (size - i >= tag_size && !memcmp(text + i, tag, tag_size))
            i += tag_size;
        else
            text[out++] = text[i++];
    }
    return out;
}

static fc_status add_tag(fc_lora_tags *out, const tag_place *t, fc_arena *arena, fc_err *err)
{
    if (out->count == FC_LORA_MAX_TAGS)
        return fc_fail(err, FC_LIMIT, "more than %d LoRA tags in the prompt", (int)FC_LORA_MAX_TAGS);
    out->items[out->count].name = fc_arena_strndup(arena, t->name, t->name_size);
    out->items[out->count++].weight = weight_value(t);
    return arena->status;
}

/* One item between commas: its tags go to out, what is left of it to `rest`. */
static fc_status parse_item(const char *item, size_t size, fc_arena *arena, fc_lora_tags *out, fc_buf *rest,
                            fc_err *err)
{
    size_t left = size;
    const char *end = item + size;
    char *text = fc_arena_strndup(arena, item, size);
    if (!text) return arena->status;
    for (const char *at = item; at < end;) {
        tag_place t;
        if (!match_tag(at, end, &t)) {
            at++;
            continue;
        }
        fc_status status = add_tag(out, &t, arena, err);
        if (status) return status;
        left = remove_all(text, left, at, t.size);
        at += t.size;
    }
    fc_buf_append(rest, text, left);
    return rest->status;
}

fc_status fc_lora_tags_parse(const char *line, fc_arena *arena, fc_lora_tags *out, fc_err *err)
{
    size_t size = strlen(line);
    const char *end = line + size;
    fc_status status = FC_OK;
    fc_err details = {0};
    fc_buf rest;
    fc_buf_init(&rest, size + 1);
    *out = (fc_lora_tags){.items = fc_arena_array(arena, FC_LORA_MAX_TAGS, sizeof *out->items)};
    if (!out->items) status = arena->status;
    for (const char *at = line; at <= end && !status;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *next = comma ? comma : end;
        status = parse_item(at, (size_t)(next - at), arena, out, &rest, &details);
        if (comma) fc_buf_putc(&rest, ',');
        at = next + 1;
    }
    if (status != FC_OK) goto out;
    status = rest.status;
    if (!status) out->prompt = fc_prompt_tidy(arena, fc_buf_cstr(&rest), rest.len);
    if (status != FC_OK) goto out;
    status = arena->status;
out:
    fc_buf_fini(&rest);
    if (status && details.message[0]) return fc_fail(err, status, "%s", details.message);
    return status ? fc_fail(err, status, "not enough memory to read the LoRA tags of the prompt") : FC_OK;
}

/* ---- from names to files ---- */

static const char *find_file(const fc_lora_merge *with, const char *name)
{
    size_t count = with->file_count, i = fc_file_name_find(with->files, count, name);
    if (i < count && with->excluded && strcmp(with->files[i], with->excluded) == 0) {
        size_t rest = count - i - 1;
        i += 1 + fc_file_name_find(with->files + i + 1, rest, name);
    }
    return i < count ? with->files[i] : NULL;
}

/* The user's rows win over a tag for the same file; a tag that says the same twice counts once. */
static bool is_repeated(const fc_lora_merge *with, const fc_lora_choice *found, size_t found_count,
                        fc_lora_choice tag)
{
    for (size_t i = 0; i < with->chosen_count; i++)
        if (!strcmp(with->chosen[i].path, tag.path)) return true;
    for (size_t i = 0; i < found_count; i++)
        if (!strcmp(found[i].path, tag.path) &&
            !(found[i].weight < tag.weight || found[i].weight > tag.weight))
            return true;
    return false;
}

fc_status fc_lora_tags_merge(const fc_lora_tags *tags, const fc_lora_merge *with, fc_arena *arena,
                             fc_lora_choice **out, size_t *count, fc_err *err)
{
    size_t found = 0, n = 0;
    fc_lora_choice *all = fc_arena_array(arena, with->chosen_count + tags->count + 1, sizeof *all);
    fc_lora_choice *fresh = fc_arena_array(arena, tags->count + 1, sizeof *fresh);
    if (!all || !fresh) return fc_fail(err, arena->status, "out of memory for LoRAs");
    for (size_t i = 0; i < tags->count; i++) {
        fc_lora_choice choice = {find_file(with, tags->items[i].name), tags->items[i].weight};
        if (!choice.path)
            fc_warn_emit(with->warn, "there is no LoRA \"%.200s\"; the tag in the prompt was left out",
                         tags->items[i].name);
        else if (!is_repeated(with, fresh, found, choice))
            fresh[found++] = choice;
    }
    for (size_t i = 0; i < with->chosen_count; i++)
        if (strcmp(with->chosen[i].path, "None") != 0) all[n++] = with->chosen[i];
    memcpy(all + n, fresh, found * sizeof *all);
    n += found;
    if (n > with->limit) fc_warn_emit(with->warn, "only the first %zu of %zu LoRAs are used", with->limit, n);
    *out = all;
    *count = n > with->limit ? with->limit : n;
    return FC_OK;
}
