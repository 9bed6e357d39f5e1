/* EXIF 2.3 / TIFF 6.0: a header, then directories (IFDs) of 12-byte entries: tag, type, count, value or its
 * offset. */
#include "format/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/str.h"
#include "format/bytes.h"

enum {
    TAG_ORIENTATION = 0x0112,
    TAG_SOFTWARE = 0x0131,
    TAG_EXIF_IFD = 0x8769,
    TAG_MAKER_NOTE = 0x927c,
    TAG_USER_COMMENT = 0x9286,
    TYPE_ASCII = 2,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_UNDEFINED = 7,
    HEADER_SIZE = 8,
    ENTRY_SIZE = 12,
    CODE_SIZE = 8, /* of the character code before a UserComment */
};

/* ---- writing ---- */

static void put16(fc_buf *out, uint16_t v)
{
    uint8_t bytes[2];
    fc_put_le16(bytes, v);
    fc_buf_append(out, bytes, sizeof bytes);
}

static void put32(fc_buf *out, uint32_t v)
{
    uint8_t bytes[4];
    fc_put_le32(bytes, v);
    fc_buf_append(out, bytes, sizeof bytes);
}

/* Number of bytes of the text as ASCII with its final NUL: one for each character. */
static size_t ascii_size(const char *text)
{
    size_t size = 1;
    for (const char *p = text, *end = text + strlen(text); p < end; size++) {
        uint32_t code_point;
        p += fc_utf8_decode(p, (size_t)(end - p), &code_point);
    }
    return size;
}

static void put_ascii(fc_buf *out, const char *text)
{
    for (const char *p = text, *end = text + strlen(text); p < end;) {
        uint32_t code_point;
        p += fc_utf8_decode(p, (size_t)(end - p), &code_point);
        fc_buf_putc(out, code_point < 0x80 ? (char)code_point : '?');
    }
    fc_buf_putc(out, '\0');
}

void fc_exif_write(fc_buf *out, const fc_exif *exif)
{
    const struct {
        uint16_t tag; /* ascending, as TIFF wants */
        const char *text;
    } fields[] = {{TAG_SOFTWARE, exif->software},
                  {TAG_MAKER_NOTE, exif->maker_note},
                  {TAG_USER_COMMENT, exif->user_comment}};
    enum { FIELDS = sizeof fields / sizeof *fields };
    uint16_t count = 0;
    for (size_t i = 0; i < FIELDS; i++) count = (uint16_t)(count + (fields[i].text != NULL));
    if (count == 0) return;
    fc_buf_append(out, "II*\0", 4);
    put32(out, HEADER_SIZE);
    put16(out, count);
    size_t offset = HEADER_SIZE + 2 + (size_t)count * ENTRY_SIZE + 4;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!fields[i].text) continue;
        size_t size = ascii_size(fields[i].text);
        put16(out, fields[i].tag);
        put16(out, TYPE_ASCII);
        put32(out, (uint32_t)size);
        if (size > 4) { /* the text stands behind the directory, at an even offset */
            put32(out, (uint32_t)offset);
            offset += size + size % 2;
            continue;
        }
        put_ascii(out, fields[i].text);
        for (size_t k = size; k < 4; k++) fc_buf_putc(out, '\0');
    }
    put32(out, 0); /* no further directory */
    for (size_t i = 0; i < FIELDS; i++) {
        size_t size = fields[i].text ? ascii_size(fields[i].text) : 0;
        if (size <= 4) continue;
        put_ascii(out, fields[i].text);
        if (size % 2) fc_buf_putc(out, '\0');
    }
}

/* ---- reading ---- */

typedef struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
    fc_arena *arena;
} tiff;

typedef struct entry {
    uint16_t tag, type;
    uint32_t value;       /* of a LONG */
    const uint8_t *bytes; /* of the other types read here: one byte per item */
    size_t size;
} entry;

static uint16_t get16(const tiff *t, size_t at)
{
    return t->big_endian ? fc_be16(t->data + at) : fc_le16(t->data + at);
}

static uint32_t get32(const tiff *t, size_t at)
{
    return t->big_endian ? fc_be32(t->data + at) : fc_le32(t->data + at);
}

/* The entry at an offset that is inside; false when its value is not, or of a type that nobody wants. */
static bool get_entry(const tiff *t, size_t at, entry *e)
{
    uint32_t count = get32(t, at + 4);
    *e = (entry){.tag = get16(t, at), .type = get16(t, at + 2), .value = get32(t, at + 8)};
    if (e->type == TYPE_LONG) return count == 1;
    if (e->type != TYPE_ASCII && e->type != TYPE_UNDEFINED) return false;
    size_t offset = count <= 4 ? at + 8 : e->value;
    if (offset > t->size || count > t->size - offset) return false;
    e->bytes = t->data + offset;
    e->size = count;
    return true;
}

/* Bytes up to the first NUL: UTF-8 when they are, else Latin-1. */
static const char *plain_text(const tiff *t, const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    size_t n = strnlen(text, size), used = 0;
    if (fc_utf8_valid(text, n)) return fc_arena_strndup(t->arena, text, n);
    char *out = fc_arena_array(t->arena, n + 1, 2);
    for (size_t i = 0; out && i < n; i++) used += fc_utf8_encode(bytes[i], out + used);
    return out;
}

/* Whether UTF-16 text has its high bytes first: by its mark, else by where the zero bytes of ASCII characters
 * are, else as the rest of the block. */
static bool utf16_is_big_endian(const tiff *t, const uint8_t *bytes, size_t size)
{
    size_t zeros[2] = {0, 0};
    if (size >= 2 && bytes[0] == 0xfe && bytes[1] == 0xff) return true;
    if (size >= 2 && bytes[0] == 0xff && bytes[1] == 0xfe) return false;
    for (size_t i = 0; i + 1 < size; i += 2) {
        zeros[0] += bytes[i] == 0;
        zeros[1] += bytes[i + 1] == 0;
    }
    return zeros[0] == zeros[1] ? t->big_endian : zeros[0] > zeros[1];
}

static const char *utf16_text(const tiff *t, const uint8_t *bytes, size_t size)
{
    bool big = utf16_is_big_endian(t, bytes, size);
    size_t units = size / 2, used = 0;
    char *out = fc_arena_array(t->arena, units + 1, 3); /* a pair of units makes 4 bytes, one at most 3 */
    for (size_t i = 0; out && i < units; i++) {
        uint32_t c = big ? fc_be16(bytes + 2 * i) : fc_le16(bytes + 2 * i);
        uint32_t low = i + 1 == units ? 0 : big ? fc_be16(bytes + 2 * i + 2) : fc_le16(bytes + 2 * i + 2);
        if (c == 0) break;
        if (c == 0xfeff && i == 0) continue;
        if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i++;
        }
        used += fc_utf8_encode(c, out + used); /* a lone surrogate becomes U+FFFD */
    }
    return out;
}

/* A text, or one behind the character code that the standard wants for UserComment. */
static const char *comment_text(const tiff *t, const entry *e)
{
    if (e->type == TYPE_UNDEFINED && e->size >= CODE_SIZE) {
        const uint8_t *text = e->bytes + CODE_SIZE;
        size_t size = e->size - CODE_SIZE;
        if (memcmp(e->bytes, "UNICODE\0", CODE_SIZE) == 0) return utf16_text(t, text, size);
        if (memcmp(e->bytes, "ASCII\0\0\0", CODE_SIZE) == 0) return plain_text(t, text, size);
        if (memcmp(e->bytes, "\0\0\0\0\0\0\0\0", CODE_SIZE) == 0) return plain_text(t, text, size);
    }
    return plain_text(t, e->bytes, e->size);
}

/* Fields found earlier stay. -> offset of the Exif sub-IFD, 0 when there is none */
static uint32_t read_directory(const tiff *t, uint32_t offset, fc_exif *exif)
{
    uint32_t sub = 0;
    if (t->size < 2 || offset > t->size - 2) return 0;
    size_t count = get16(t, offset), fitting = (t->size - offset - 2) / ENTRY_SIZE;
    if (count > fitting) count = fitting;
    for (size_t i = 0; i < count; i++) {
        entry e;
        if (!get_entry(t, offset + 2 + i * ENTRY_SIZE, &e)) continue;
        if (e.type == TYPE_LONG) {
            if (e.tag == TAG_EXIF_IFD) sub = e.value;
            continue;
        }
        if (e.tag == TAG_USER_COMMENT && !exif->user_comment) exif->user_comment = comment_text(t, &e);
        if (e.type != TYPE_ASCII) continue; /* a camera's MakerNote is not text */
        if (e.tag == TAG_SOFTWARE && !exif->software) exif->software = plain_text(t, e.bytes, e.size);
        if (e.tag == TAG_MAKER_NOTE && !exif->maker_note) exif->maker_note = plain_text(t, e.bytes, e.size);
    }
    return sub;
}

/* False when the bytes are no TIFF block. */
static bool open_tiff(tiff *t, const void *data, size_t size, fc_arena *arena)
{
    *t = (tiff){.data = data, .size = size, .arena = arena};
    if (t->size >= 6 && memcmp(t->data, "Exif\0\0", 6) == 0) {
        t->data += 6;
        t->size -= 6;
    }
    if (t->size < HEADER_SIZE || (memcmp(t->data, "II*\0", 4) != 0 && memcmp(t->data, "MM\0*", 4) != 0))
        return false;
    t->big_endian = t->data[0] == 'M';
    return true;
}

int fc_exif_orientation(const void *data, size_t size)
{
    tiff t;
    if (!open_tiff(&t, data, size, NULL)) return 1;
    size_t offset = get32(&t, 4);
    if (t.size < 2 || offset > t.size - 2) return 1;
    size_t count = get16(&t, offset), fitting = (t.size - offset - 2) / ENTRY_SIZE;
    for (size_t i = 0; i < count && i < fitting; i++) {
        size_t at = offset + 2 + i * ENTRY_SIZE;
        if (get16(&t, at) != TAG_ORIENTATION || get16(&t, at + 2) != TYPE_SHORT) continue;
        int value = get16(&t, at + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

fc_status fc_exif_read(fc_exif *exif, const void *data, size_t size, fc_arena *arena, fc_err *err)
{
    tiff t;
    *exif = (fc_exif){0};
    if (!open_tiff(&t, data, size, arena)) return fc_fail(err, FC_FORMAT, "the EXIF data are broken");
    uint32_t sub = read_directory(&t, get32(&t, 4), exif);
    if (sub) read_directory(&t, sub, exif);
    return arena->status == FC_OK ? FC_OK
                                  : fc_fail(err, arena->status, "the EXIF texts need too much memory");
}
