/* See multipart.h. */
#include "format/multipart.h"

#include <string.h>
#include <strings.h>

enum { MAX_BOUNDARY = 70, MAX_PART_HEAD = 4096 };

typedef struct span {
    const char *at;
    size_t size;
} span;

bool fc_multipart_is(const char *content_type)
{
    static const char kind[] = "multipart/form-data";
    size_t n = sizeof kind - 1;
    return content_type && strncasecmp(content_type, kind, n) == 0 && strchr("; \t", content_type[n]);
}

/* The value of "name=value" or name="value" behind a semicolon of a header's value; at NULL: not there.
 * Quotes keep no escapes but \" and \\, which are left as they are: browsers write %22 instead. */
static span parameter(span header, const char *name)
{
    size_t n = strlen(name);
    const char *end = header.at + header.size;
    for (const char *s = header.at; s < end; s++) {
        if (*s == '"') { /* over the quoted value of another one */
            for (s++; s < end && *s != '"'; s++)
                if (*s == '\\' && s + 1 < end) s++;
            continue;
        }
        if (*s != ';') continue;
        const char *key = s + 1;
        while (key < end && (*key == ' ' || *key == '\t')) key++;
        if ((size_t)(end - key) <= n || strncasecmp(key, name, n) != 0 || key[n] != '=') continue;
        const char *value = key + n + 1, *stop = value;
        if (stop < end && *stop == '"') {
            for (value = ++stop; stop < end && *stop != '"'; stop++)
                if (*stop == '\\' && stop + 1 < end) stop++;
        } else {
            while (stop < end && !strchr("; \t", *stop)) stop++;
        }
        return (span){value, (size_t)(stop - value)};
    }
    return (span){NULL, 0};
}

/* The value of a header among the lines of a part's head. */
static span header_of(span head, const char *name)
{
    size_t n = strlen(name);
    const char *end = head.at + head.size;
    for (const char *line = head.at; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((stop ? stop : end) - line);
        if (size > n && strncasecmp(line, name, n) == 0 && line[n] == ':')
            return (span){line + n + 1, size - n - 1 - (line[size - 1] == '\r')};
        line += size + 1;
    }
    return (span){NULL, 0};
}

static fc_status read_head(span head, fc_part *part, fc_err *err)
{
    span disposition = header_of(head, "Content-Disposition");
    span name = disposition.at ? parameter(disposition, "name") : disposition;
    if (!name.at || name.size == 0 || name.size >= sizeof part->name || memchr(name.at, '\0', name.size))
        return fc_fail(err, FC_FORMAT, "a part of the form has no name, or one that is too long");
    memcpy(part->name, name.at, name.size);
    part->name[name.size] = '\0';
    part->is_file =
        parameter(disposition, "filename").at != NULL || parameter(disposition, "filename*").at != NULL;
    return FC_OK;
}

static const char *find(const char *from, const char *end, const char *what, size_t size)
{
    return from < end ? memmem(from, (size_t)(end - from), what, size) : NULL;
}

/* *at is behind a boundary's line; afterwards behind the next one. */
static fc_status read_part(const char **at, const char *end, span delimiter, fc_part *part, fc_err *err)
{
    const char *data = find(*at, end, "\r\n\r\n", 4);
    if (!data || data - *at > MAX_PART_HEAD)
        return fc_fail(err, FC_FORMAT, "a part of the form has no head that ends");
    fc_status status = read_head((span){*at, (size_t)(data - *at)}, part, err);
    if (status != FC_OK) return status;
    part->data = data + 4;
    const char *next =
        find(data + 2, end, delimiter.at, delimiter.size); /* an empty part: its line break is the head's */
    if (!next) return fc_fail(err, FC_FORMAT, "the form ends before its last boundary");
    part->size = next > part->data ? (size_t)(next - part->data) : 0;
    *at = next + delimiter.size;
    return FC_OK;
}

fc_status fc_multipart_cut(const char *content_type, const char *body, size_t size, fc_part *parts,
                           size_t max, size_t *count, fc_err *err)
{
    char text[MAX_BOUNDARY + 8] = "\r\n--";
    const char *end = body + size, *at;
    *count = 0;
    if (!fc_multipart_is(content_type)) return fc_fail(err, FC_FORMAT, "this is no multipart/form-data");
    span boundary = parameter((span){content_type, strlen(content_type)}, "boundary");
    if (!boundary.at || boundary.size == 0 || boundary.size > MAX_BOUNDARY)
        return fc_fail(err, FC_FORMAT, "the form names no boundary of 1 to %d characters", MAX_BOUNDARY);
    memcpy(text + 4, boundary.at, boundary.size);
    const span delimiter = {text, boundary.size + 4};
    bool first = size >= delimiter.size - 2 && memcmp(body, text + 2, delimiter.size - 2) == 0;
    at = first ? body + delimiter.size - 2 : find(body, end, delimiter.at, delimiter.size);
    if (!at) return fc_fail(err, FC_FORMAT, "the form has no boundary in it");
    if (!first) at += delimiter.size;
    for (;;) {
        if (end - at >= 2 && memcmp(at, "--", 2) == 0) return FC_OK;
        while (at < end && (*at == ' ' || *at == '\t')) at++;
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            return fc_fail(err, FC_FORMAT, "the form ends before its last boundary");
        at += 2;
        if (*count == max) return fc_fail(err, FC_LIMIT, "the form has more than %zu parts", max);
        fc_status status = read_part(&at, end, delimiter, &parts[*count], err);
        if (status != FC_OK) return status;
        (*count)++;
    }
}
