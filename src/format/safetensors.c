/* The reader: JSON header -> table of tensors, every claim checked. The format's rules are those of its own
 * reference (names unique, offsets ascending without overlap or hole, the last byte belongs to the last
 * tensor). */
#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "format/bytes.h"
#include "format/json_scan.h"
#include "format/sniff.h"

enum {
    PREFIX_SIZE = 8,
    SHOWN_NAME = 160, /* longer names are cut in messages */
};

typedef struct reader {
    fc_safetensors *st;
    const uint8_t *data;
    size_t size, data_start; /* of the file; where the tensors begin */
    fc_json_scan scan;
    bool has_metadata;
    fc_err *err;
} reader;

static fc_status no_memory(fc_err *err)
{
    return fc_fail(err, FC_NOMEM, "out of memory while reading the file's header");
}

static fc_status bad_tensor(reader *r, const char *name, const char *what)
{
    return fc_fail(r->err, FC_FORMAT, "the header is broken: tensor \"%.*s\" %s", SHOWN_NAME, name, what);
}

/* The scanner's problem as a status; OK when there is none. */
static fc_status scan_status(reader *r)
{
    if (r->st->arena.status != FC_OK) return no_memory(r->err);
    if (!r->scan.problem) return FC_OK;
    return fc_fail(r->err, FC_FORMAT, "the header is broken at byte %td: %s; download the file again",
                   r->scan.at - r->scan.begin, r->scan.problem);
}

/* ---- one tensor of the header ---- */

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static fc_status read_dtype(reader *r, fc_st_tensor *t)
{
    const char *name = fc_scan_string(&r->scan);
    if (!name) return scan_status(r);
    if (fc_dtype_from_name(name, strlen(name), &t->dtype)) return FC_OK;
    return fc_fail(r->err, FC_UNSUPPORTED, "tensor \"%.*s\" has the unknown number type \"%.20s\"",
                   SHOWN_NAME, t->name, name);
}

static fc_status read_shape(reader *r, fc_st_tensor *t)
{
    fc_scan_want(&r->scan, '[');
    for (bool first = true; fc_scan_item(&r->scan, &first, ']');) {
        if (t->ndim == FC_ST_MAX_DIMS) return bad_tensor(r, t->name, "has more than 8 dimensions");
        int64_t length = fc_scan_integer(&r->scan);
        if (length < 0) return bad_tensor(r, t->name, "has a negative dimension");
        t->shape[t->ndim++] = length;
    }
    return scan_status(r);
}

/* Begin and end go to *range. */
static fc_status read_offsets(reader *r, uint64_t range[2])
{
    fc_scan_want(&r->scan, '[');
    range[0] = (uint64_t)fc_scan_integer(&r->scan);
    if (!fc_scan_take(&r->scan, ',')) fc_scan_want(&r->scan, ']');
    range[1] = (uint64_t)fc_scan_integer(&r->scan);
    fc_scan_want(&r->scan, ']');
    return scan_status(r);
}

static fc_status read_field(reader *r, fc_st_tensor *t, uint64_t range[2], unsigned *seen)
{
    static const struct {
        const char *name;
        unsigned bit;
    } fields[] = {{"dtype", HAS_DTYPE}, {"shape", HAS_SHAPE}, {"data_offsets", HAS_OFFSETS}};
    const char *key = fc_scan_string(&r->scan);
    unsigned bit = 0;
    fc_scan_want(&r->scan, ':');
    if (r->scan.problem) return scan_status(r);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(key, fields[i].name) == 0) bit = fields[i].bit;
    if (!bit) return bad_tensor(r, t->name, "has an unknown field");
    if (*seen & bit) return bad_tensor(r, t->name, "has a field twice");
    *seen |= bit;
    return bit == HAS_DTYPE ? read_dtype(r, t) : bit == HAS_SHAPE ? read_shape(r, t) : read_offsets(r, range);
}

/* Number of elements and bytes from the shape; false when they do not fit. An overflow counts even when
 * another dimension is 0. */
static bool measure(fc_st_tensor *t)
{
    bool empty = false;
    t->count = 1;
    for (int32_t d = 0; d < t->ndim; d++) {
        empty = empty || t->shape[d] == 0;
        if (t->shape[d] > 0 && !fc_size_mul(t->count, (size_t)t->shape[d], &t->count)) return false;
    }
    if (!fc_size_mul(t->count, fc_dtype_size(t->dtype), &t->size)) return false;
    if (empty) t->count = t->size = 0;
    return true;
}

static fc_status read_tensor(reader *r, fc_st_tensor *t)
{
    uint64_t range[2] = {0};
    unsigned seen = 0;
    fc_scan_want(&r->scan, '{');
    for (bool first = true; fc_scan_item(&r->scan, &first, '}');) {
        fc_status status = read_field(r, t, range, &seen);
        if (status != FC_OK) return status;
    }
    if (r->scan.problem) return scan_status(r);
    if (seen != HAS_ALL) return bad_tensor(r, t->name, "lacks its dtype, shape or data_offsets");
    if (!measure(t)) return bad_tensor(r, t->name, "is impossibly large");
    if (range[1] > INT64_MAX || range[0] > range[1]) return bad_tensor(r, t->name, "has wrong data_offsets");
    t->offset = range[0];
    if (range[1] - range[0] == t->size) return FC_OK;
    return fc_fail(r->err, FC_FORMAT,
                   "the header is broken: tensor \"%.*s\" needs %zu bytes for its shape, but has %" PRIu64,
                   SHOWN_NAME, t->name, t->size, range[1] - range[0]);
}

static fc_status add_tensor(reader *r, const char *name)
{
    fc_safetensors *st = r->st;
    if (st->count == FC_ST_MAX_TENSORS)
        return fc_fail(r->err, FC_LIMIT, "the file has more than %u tensors", FC_ST_MAX_TENSORS);
    if (st->count == st->cap) {
        size_t cap = st->cap ? 2 * st->cap : 16;
        fc_st_tensor *tensors = fc_realloc(st->tensors, cap * sizeof *tensors);
        if (!tensors) return no_memory(r->err);
        st->tensors = tensors;
        st->cap = cap;
    }
    st->tensors[st->count] = (fc_st_tensor){.name = name};
    return read_tensor(r, &st->tensors[st->count++]);
}

/* ---- metadata ---- */

static fc_status add_metadata(reader *r, size_t *cap)
{
    fc_safetensors *st = r->st;
    if (st->metadata_count == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        fc_st_meta *metadata = fc_realloc(st->metadata, *cap * sizeof *metadata);
        if (!metadata) return no_memory(r->err);
        st->metadata = metadata;
    }
    fc_st_meta *m = &st->metadata[st->metadata_count];
    m->key = fc_scan_string(&r->scan);
    fc_scan_want(&r->scan, ':');
    m->value = fc_scan_string(&r->scan);
    if (!r->scan.problem) st->metadata_count++;
    return scan_status(r);
}

static fc_status read_metadata(reader *r)
{
    fc_status status = FC_OK;
    size_t cap = 0;
    if (r->has_metadata)
        return fc_fail(r->err, FC_FORMAT, "the header is broken: __metadata__ appears twice");
    r->has_metadata = true;
    fc_scan_want(&r->scan, '{');
    for (bool first = true; status == FC_OK && fc_scan_item(&r->scan, &first, '}');)
        status = add_metadata(r, &cap);
    return status == FC_OK ? scan_status(r) : status;
}

/* ---- the header as a whole ---- */

/* Where the header ends, after the checks that need no JSON. */
static fc_status check_prefix(reader *r)
{
    fc_file_kind kind = fc_sniff_kind(r->data, r->size);
    if (kind == FC_KIND_UNKNOWN && r->size <= PREFIX_SIZE)
        return fc_fail(r->err, FC_FORMAT, "the file is cut: it has %zu bytes only; download it again",
                       r->size);
    if (kind != FC_KIND_SAFETENSORS)
        return fc_fail(r->err, kind == FC_KIND_UNKNOWN ? FC_FORMAT : FC_UNSUPPORTED,
                       "this is not a safetensors file but %s; %s", fc_kind_name(kind), fc_kind_advice(kind));
    uint64_t header = fc_le64(r->data), available = r->size - PREFIX_SIZE;
    if (header > FC_ST_MAX_HEADER)
        return fc_fail(r->err, FC_FORMAT, "the header claims %" PRIu64 " bytes, the format allows %u", header,
                       FC_ST_MAX_HEADER);
    if (header > available)
        return fc_fail(r->err, FC_FORMAT,
                       "the file is cut in its header: at least %" PRIu64
                       " bytes are missing; download it again",
                       header - available);
    r->data_start = PREFIX_SIZE + (size_t)header;
    return FC_OK;
}

static fc_status read_header(reader *r)
{
    fc_status status = FC_OK;
    fc_scan_init(&r->scan, (const char *)r->data + PREFIX_SIZE, r->data_start - PREFIX_SIZE, &r->st->arena);
    fc_scan_want(&r->scan, '{');
    for (bool first = true; status == FC_OK && fc_scan_item(&r->scan, &first, '}');) {
        const char *name = fc_scan_string(&r->scan);
        fc_scan_want(&r->scan, ':');
        if (r->scan.problem) break;
        status = strcmp(name, "__metadata__") == 0 ? read_metadata(r) : add_tensor(r, name);
    }
    if (status != FC_OK) return status;
    fc_scan_end(&r->scan);
    return scan_status(r);
}

static int by_offset(const void *pa, const void *pb)
{
    const fc_st_tensor *a = pa, *b = pb;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return (a->size > b->size) - (a->size < b->size);
}

static void sort_tensors(fc_safetensors *st)
{
    for (size_t i = 1; i < st->count; i++) {
        if (by_offset(&st->tensors[i - 1], &st->tensors[i]) <= 0) continue;
        qsort(st->tensors, st->count, sizeof *st->tensors, by_offset);
        return; /* most files are in order and get here never */
    }
}

static fc_status index_names(reader *r)
{
    fc_safetensors *st = r->st;
    for (size_t i = 0; i < st->count; i++) {
        const char *name = st->tensors[i].name;
        bool twice = false;
        if (fc_strmap_put(&st->index, name, strlen(name), (uint32_t)i, &twice) != FC_OK)
            return no_memory(r->err);
        if (twice) return bad_tensor(r, name, "appears twice");
    }
    return FC_OK;
}

/* The tensors, sorted by offset, must fill the rest of the file without overlap or hole. */
static fc_status place_data(reader *r)
{
    fc_safetensors *st = r->st;
    const uint64_t available = r->size - r->data_start;
    uint64_t expected = 0;
    const fc_st_tensor *cut = NULL;
    for (size_t i = 0; i < st->count; i++) {
        fc_st_tensor *t = &st->tensors[i];
        if (t->offset < expected) return bad_tensor(r, t->name, "shares bytes with another tensor");
        if (t->offset > expected) return bad_tensor(r, t->name, "comes after a hole in the data");
        expected = t->offset + t->size;
        if (!cut && expected > available) cut = t;
        if (!cut) t->data = r->data + r->data_start + t->offset;
    }
    if (cut)
        return fc_fail(r->err, FC_FORMAT,
                       "the file is cut in tensor \"%.*s\": %" PRIu64
                       " bytes are missing at the end; download it again",
                       SHOWN_NAME, cut->name, expected - available);
    if (expected < available)
        return fc_fail(r->err, FC_FORMAT,
                       "the file has %" PRIu64 " bytes that belong to no tensor; download it again",
                       available - expected);
    return FC_OK;
}

fc_status fc_safetensors_parse(fc_safetensors *st, const void *data, size_t size, fc_err *err)
{
    *st = (fc_safetensors){0};
    fc_arena_init(&st->arena, SIZE_MAX); /* bounded by the header, which is bounded */
    fc_strmap_init(&st->index);
    reader r = {.st = st, .data = data, .size = size, .err = err};
    fc_status status = check_prefix(&r);
    if (status != FC_OK) goto out;
    status = read_header(&r);
    if (status == FC_OK) {
        sort_tensors(st);
        status = index_names(&r);
    }
    if (status != FC_OK) goto out;
    status = place_data(&r);
out:
    if (status != FC_OK) fc_safetensors_close(st);
    return status;
}

fc_status fc_safetensors_open(fc_safetensors *st, const char *path, fc_err *err)
{
    fc_err local = {0};
    if (!err) err = &local;
    fc_mapping map;
    *st = (fc_safetensors){0};
    fc_status status = fc_map_open(&map, path, err);
    if (status != FC_OK) return status;
    status = fc_safetensors_parse(st, map.data, map.size, err);
    if (status != FC_OK) {
        fc_map_close(&map);
        return fc_fail_prefix(err, "%s", path);
    }
    st->map = map;
    return FC_OK;
}

void fc_safetensors_close(fc_safetensors *st)
{
    fc_strmap_fini(&st->index);
    fc_arena_fini(&st->arena);
    fc_map_close(&st->map);
    fc_free(st->tensors);
    fc_free(st->metadata);
    *st = (fc_safetensors){0};
}

const fc_st_tensor *fc_safetensors_find(const fc_safetensors *st, const char *name)
{
    uint32_t i;
    return fc_strmap_get(&st->index, name, strlen(name), &i) ? &st->tensors[i] : NULL;
}

const char *fc_safetensors_metadata(const fc_safetensors *st, const char *key)
{
    for (size_t i = 0; i < st->metadata_count; i++)
        if (strcmp(st->metadata[i].key, key) == 0) return st->metadata[i].value;
    return NULL;
}
