/* Layouts: PKWARE's APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (ends).
 */
#include "format/zip.h"

#include <stdbool.h>
#include <string.h>
#include "format/bytes.h"

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    MAX_NAME = 4096,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1
};
static const uint32_t END_MARK = 0x06054b50, END64_MARK = 0x06064b50, LOCATOR_MARK = 0x07064b50,
                      ENTRY_MARK = 0x02014b50, LOCAL_MARK = 0x04034b50;

typedef struct reader {
    const uint8_t *data;
    size_t size;
    fc_arena *arena;
    fc_err *err;
} reader;

typedef struct directory {
    uint64_t offset, size, count;
} directory;

static bool fits(const reader *r, uint64_t offset, uint64_t size)
{
    return offset <= r->size && size <= r->size - offset;
}

static fc_status broken(const reader *r, const char *what)
{
    return fc_fail(r->err, FC_FORMAT, "the zip archive is broken: %s; download it again", what);
}

static bool read_end64(const reader *r, uint64_t end, directory *d)
{
    if (end < LOCATOR_SIZE || fc_le32(r->data + end - LOCATOR_SIZE) != LOCATOR_MARK) return false;
    uint64_t at = fc_le64(r->data + end - LOCATOR_SIZE + 8);
    if (!fits(r, at, END64_SIZE) || fc_le32(r->data + at) != END64_MARK) return false;
    *d = (directory){.count = fc_le64(r->data + at + 32),
                     .size = fc_le64(r->data + at + 40),
                     .offset = fc_le64(r->data + at + 48)};
    return true;
}

/* The end record is the last thing but a comment of unknown length. */
static fc_status find_directory(const reader *r, directory *d)
{
    size_t lowest = r->size > END_SIZE + MAX_COMMENT ? r->size - END_SIZE - MAX_COMMENT : 0;
    for (size_t at = r->size < END_SIZE ? 0 : r->size - END_SIZE + 1; at-- > lowest;) {
        const uint8_t *p = r->data + at;
        if (r->size < END_SIZE || fc_le32(p) != END_MARK || fc_le16(p + 20) > r->size - at - END_SIZE)
            continue;
        *d = (directory){.count = fc_le16(p + 10), .size = fc_le32(p + 12), .offset = fc_le32(p + 16)};
        bool wide = d->count == UINT16_MAX || d->size == UINT32_MAX || d->offset == UINT32_MAX;
        if (wide && !read_end64(r, at, d)) return broken(r, "its zip64 end record is not there");
        if (!fits(r, d->offset, d->size) || d->count > d->size / ENTRY_SIZE)
            return broken(r, "its directory does not fit in the file");
        if (d->count > FC_ZIP_MAX_MEMBERS)
            return fc_fail(r->err, FC_LIMIT, "the zip archive has more than %u members", FC_ZIP_MAX_MEMBERS);
        return FC_OK;
    }
    return broken(r, "its end is missing, so it was cut");
}

/* Replaces those of the three numbers that are all ones by the next ones of the zip64 field. */
static bool read_extra(const uint8_t *extra, size_t size, uint64_t *full, uint64_t *packed, uint64_t *offset)
{
    uint64_t *numbers[] = {full, packed, offset};
    while (size >= 4) {
        uint16_t id = fc_le16(extra), length = fc_le16(extra + 2);
        if (length > size - 4) return false;
        const uint8_t *p = extra + 4, *end = p + length;
        for (int i = 0; i < 3 && id == EXTRA_ZIP64; i++) {
            if (*numbers[i] != UINT32_MAX) continue;
            if (end - p < 8) return false;
            *numbers[i] = fc_le64(p);
            p += 8;
        }
        extra = end;
        size -= 4u + length;
    }
    return true;
}

/* The bytes follow the local header, whose name and extra lengths may differ from the directory's. */
static bool locate(const reader *r, uint64_t offset, fc_zip_member *m)
{
    if (!fits(r, offset, LOCAL_SIZE) || fc_le32(r->data + offset) != LOCAL_MARK) return false;
    uint64_t start = offset + LOCAL_SIZE + fc_le16(r->data + offset + 26) + fc_le16(r->data + offset + 28);
    if (!fits(r, start, m->size)) return false;
    m->data = r->data + start;
    return true;
}

static fc_status read_entry(const reader *r, const uint8_t *p, size_t left, fc_zip_member *m, size_t *used)
{
    if (left < ENTRY_SIZE || fc_le32(p) != ENTRY_MARK) return broken(r, "its directory has a hole");
    size_t name = fc_le16(p + 28), extra = fc_le16(p + 30), comment = fc_le16(p + 32);
    uint64_t packed = fc_le32(p + 20), full = fc_le32(p + 24), offset = fc_le32(p + 42);
    *used = ENTRY_SIZE + name + extra + comment;
    if (*used > left || name == 0 || name > MAX_NAME || memchr(p + ENTRY_SIZE, 0, name))
        return broken(r, "its directory has a bad name");
    m->name = fc_arena_strndup(r->arena, (const char *)p + ENTRY_SIZE, name);
    if (!m->name) return fc_fail(r->err, FC_NOMEM, "out of memory for the names of a zip archive");
    if (!read_extra(p + ENTRY_SIZE + name, extra, &full, &packed, &offset))
        return broken(r, "its directory has a bad zip64 field");
    if (fc_le16(p + 10) != 0 || fc_le16(p + 8) & FLAG_ENCRYPTED || packed != full)
        return fc_fail(
            r->err, FC_UNSUPPORTED,
            "the member %.100s of the zip archive is compressed or encrypted: no model is saved so; if "
            "this is a packed download, unpack it",
            m->name);
    m->size = (size_t)full;
    return locate(r, offset, m) ? FC_OK : broken(r, "a member does not fit in the file");
}

fc_status fc_zip_open(fc_zip *zip, const void *data, size_t size, fc_arena *arena, fc_err *err)
{
    reader r = {data, size, arena, err};
    directory d = {0};
    *zip = (fc_zip){0};
    fc_strmap_init(&zip->index);
    fc_status status = find_directory(&r, &d);
    if (status != FC_OK) return status;
    zip->members = fc_arena_array(arena, (size_t)d.count, sizeof *zip->members);
    if (!zip->members) return fc_fail(err, FC_NOMEM, "out of memory for a zip archive");
    const uint8_t *p = r.data + d.offset;
    size_t left = (size_t)d.size, used = 0;
    for (; zip->count < d.count && status == FC_OK; zip->count++, p += used, left -= used) {
        fc_zip_member *m = &zip->members[zip->count];
        bool twice = false;
        status = read_entry(&r, p, left, m, &used);
        if (status == FC_OK)
            status = fc_strmap_put(&zip->index, m->name, strlen(m->name), (uint32_t)zip->count, &twice);
        if (status == FC_NOMEM) fc_fail(err, status, "out of memory for a zip archive");
        if (status == FC_OK && twice) status = broken(&r, "a name appears twice");
        if (status != FC_OK) break;
    }
    if (status != FC_OK) fc_zip_close(zip);
    return status;
}

void fc_zip_close(fc_zip *zip)
{
    fc_strmap_fini(&zip->index);
    *zip = (fc_zip){0};
}

const fc_zip_member *fc_zip_find(const fc_zip *zip, const char *name)
{
    uint32_t i;
    return fc_strmap_get(&zip->index, name, strlen(name), &i) ? &zip->members[i] : NULL;
}
