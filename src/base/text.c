/* See text.h. */
#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static fc_status not_text(fc_err *err, const char *what)
{
    return fc_fail(err, FC_FORMAT, "%s; save the text as UTF-8", what);
}

/* Line ends of other systems become '\n'. */
static void append_lines(const char *text, size_t size, fc_buf *out)
{
    for (const char *end = text + size; text < end;) {
        const char *cr = memchr(text, '\r', (size_t)(end - text));
        fc_buf_append(out, text, (size_t)((cr ? cr : end) - text));
        if (!cr) return;
        fc_buf_putc(out, '\n');
        text = cr + 1;
        if (text < end && *text == '\n') text++;
    }
}

static uint32_t unit_at(const uint8_t *bytes, bool big)
{
    return big ? (uint32_t)(bytes[0] << 8 | bytes[1]) : (uint32_t)(bytes[1] << 8 | bytes[0]);
}

/* One code point of UTF-16; false when a surrogate has no partner. */
static bool next_point(const uint8_t **at, const uint8_t *end, bool big, uint32_t *point)
{
    uint32_t first = unit_at(*at, big);
    *at += 2;
    *point = first;
    if (first < 0xd800 || first > 0xdfff) return true;
    if (first > 0xdbff || end - *at < 2) return false;
    uint32_t second = unit_at(*at, big);
    if (second < 0xdc00 || second > 0xdfff) return false;
    *at += 2;
    *point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    return true;
}

static fc_status append_utf16(const uint8_t *at, const uint8_t *end, bool big, fc_buf *out, fc_err *err)
{
    fc_buf text;
    fc_status status =
        (end - at) % 2 ? not_text(err, "it begins like UTF-16 and has an odd number of bytes") : FC_OK;
    fc_buf_init(&text, SIZE_MAX);
    while (at < end && status == FC_OK) {
        char bytes[4];
        uint32_t point;
        if (!next_point(&at, end, big, &point) || point == 0)
            status = not_text(err, "it begins like UTF-16 and is malformed");
        else
            fc_buf_append(&text, bytes, fc_utf8_encode(point, bytes));
        if (status == FC_OK) status = text.status;
    }
    if (status == FC_OK) append_lines(fc_buf_cstr(&text), text.len, out);
    fc_buf_fini(&text);
    return status;
}

static fc_status append_text(const uint8_t *bytes, size_t size, fc_buf *out, fc_err *err)
{
    bool little = size >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe;
    bool big = size >= 2 && bytes[0] == 0xfe && bytes[1] == 0xff;
    if (little || big) return append_utf16(bytes + 2, bytes + size, big, out, err);
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) bytes += 3, size -= 3;
    if (size > 0 && memchr(bytes, 0, size)) return not_text(err, "it has NUL characters");
    if (!fc_utf8_valid((const char *)bytes, size))
        return not_text(err, "it is not UTF-8 (an old Windows encoding, perhaps)");
    append_lines((const char *)bytes, size, out);
    return FC_OK;
}

fc_status fc_text_read(const void *data, size_t size, fc_buf *out, fc_err *err)
{
    fc_status status = size ? append_text(data, size, out, err) : FC_OK;
    if (status == FC_OK && out->status == FC_LIMIT)
        return fc_fail(err, FC_LIMIT, "it has more than %zu bytes", out->max);
    if (status == FC_NOMEM || out->status != FC_OK) return fc_fail(err, FC_NOMEM, "out of memory for a text");
    return status;
}

fc_status fc_text_read_file(const char *path, fc_buf *out, fc_err *err)
{
    fc_buf bytes;
    size_t most = out->max < SIZE_MAX / 4 ? 2 * out->max + 4 : out->max; /* UTF-16 is longer */
    fc_buf_init(&bytes, most);
    fc_status status = fc_file_read(path, &bytes, err);
    if (status == FC_OK) {
        status = fc_text_read(bytes.data, bytes.len, out, err);
        if (status != FC_OK) fc_fail_prefix(err, "%s", path);
    }
    fc_buf_fini(&bytes);
    return status;
}
