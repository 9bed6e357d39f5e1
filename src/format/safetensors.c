/* The reader: JSON header -> table of tensors, every claim checked. The format's rules are those of its own
 * reference (names unique, offsets ascending without overlap or hole, the last byte belongs to the last
 * tensor). */
#include "format/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "format/bytes.h"
#include "format/sniff.h"

enum {
    PREFIX_SIZE = 8,
    /* Values in the header: bounds the memory that a hostile one can make jansson take (some 50 bytes for
       each). */
    MAX_VALUES = 4 << 20,
    SHOWN_NAME = 160, /* longer names are cut in messages */
};

typedef struct reader {
    fc_safetensors *st;
    const uint8_t *data;
    size_t size, data_start; /* of the file; where the tensors begin */
    fc_err *err;
} reader;

/* An entry of the header with the data it claims; sorted by begin. */
typedef struct entry {
    fc_st_tensor tensor;
    uint64_t begin, end; /* relative to data_start */
} entry;

static fc_status no_memory(fc_err *err)
{
    return fc_fail(err, FC_NOMEM, "out of memory while reading the file's header");
}

/* ---- one tensor of the header ---- */

static fc_status bad_tensor(reader *r, const char *name, const char *what)
{
    return fc_fail(r->err, FC_FORMAT, "the header is broken: tensor \"%.*s\" %s", SHOWN_NAME, name, what);
}

static fc_status read_dtype(reader *r, const json_t *object, fc_st_tensor *t)
{
    const json_t *dtype = json_object_get(object, "dtype");
    if (!json_is_string(dtype)) return bad_tensor(r, t->name, "has no dtype");
    if (fc_dtype_from_name(json_string_value(dtype), json_string_length(dtype), &t->dtype)) return FC_OK;
    return fc_fail(r->err, FC_UNSUPPORTED, "tensor \"%.*s\" has the unknown number type \"%.20s\"",
                   SHOWN_NAME, t->name, json_string_value(dtype));
}

static fc_status read_shape(reader *r, const json_t *object, fc_st_tensor *t)
{
    const json_t *shape = json_object_get(object, "shape");
    if (!json_is_array(shape)) return bad_tensor(r, t->name, "has no shape");
    if (json_array_size(shape) > FC_ST_MAX_DIMS) return bad_tensor(r, t->name, "has more than 8 dimensions");
    t->ndim = (int32_t)json_array_size(shape);
    t->count = 1;
    bool empty = false;
    for (int32_t d = 0; d < t->ndim; d++) {
        const json_t *length = json_array_get(shape, (size_t)d);
        if (!json_is_integer(length) || json_integer_value(length) < 0)
            return bad_tensor(r, t->name, "has a dimension that is not a whole number");
        t->shape[d] = json_integer_value(length);
        empty = empty || t->shape[d] == 0;
        /* overflow counts even when another dimension is 0 */
        if (t->shape[d] > 0 && !fc_size_mul(t->count, (size_t)t->shape[d], &t->count))
            return bad_tensor(r, t->name, "is impossibly large");
    }
    if (!fc_size_mul(t->count, fc_dtype_size(t->dtype), &t->size))
        return bad_tensor(r, t->name, "is impossibly large");
    if (empty) t->count = t->size = 0;
    return FC_OK;
}

static fc_status read_offsets(reader *r, const json_t *object, entry *e)
{
    const char *name = e->tensor.name;
    const json_t *offsets = json_object_get(object, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2)
        return bad_tensor(r, name, "has no data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return bad_tensor(r, name, "has wrong data_offsets");
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    if (e->end - e->begin == e->tensor.size) return FC_OK;
    return fc_fail(r->err, FC_FORMAT,
                   "the header is broken: tensor \"%.*s\" needs %zu bytes for its shape, but has %" PRIu64,
                   SHOWN_NAME, name, e->tensor.size, e->end - e->begin);
}

static fc_status read_entry(reader *r, const char *name, const json_t *object, entry *e)
{
    e->tensor.name = fc_arena_strdup(&r->st->arena, name);
    if (!e->tensor.name) return no_memory(r->err);
    if (!json_is_object(object)) return bad_tensor(r, name, "is not described by an object");
    fc_status status = read_dtype(r, object, &e->tensor);
    if (status == FC_OK) status = read_shape(r, object, &e->tensor);
    if (status == FC_OK) status = read_offsets(r, object, e);
    return status;
}

static fc_status read_metadata(reader *r, json_t *object)
{
    fc_safetensors *st = r->st;
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return fc_fail(r->err, FC_FORMAT, "the header is broken: __metadata__ is not an object");
    st->metadata = fc_arena_array(&st->arena, json_object_size(object), sizeof *st->metadata);
    if (!st->metadata) return no_memory(r->err);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return fc_fail(r->err, FC_FORMAT, "the header is broken: \"%.*s\" in __metadata__ is not a text",
                           SHOWN_NAME, key);
        fc_st_meta *m = &st->metadata[st->metadata_count++];
        m->key = fc_arena_strdup(&st->arena, key);
        m->value = fc_arena_strdup(&st->arena, json_string_value(value));
        if (!m->key || !m->value) return no_memory(r->err);
    }
    return FC_OK;
}

/* ---- the header as a whole ---- */

/* Where the header ends, after the checks that need no JSON. */
static fc_status check_prefix(reader *r)
{
    fc_file_kind kind = fc_sniff_kind(r->data, r->size);
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
    size_t values = 0;
    for (size_t i = PREFIX_SIZE; i < r->data_start; i++)
        values += r->data[i] == ',' || r->data[i] == '[' || r->data[i] == '{';
    if (values > MAX_VALUES)
        return fc_fail(r->err, FC_LIMIT, "the header has more than %d values", MAX_VALUES);
    return FC_OK;
}

static fc_status parse_json(reader *r, json_t **root)
{
    json_error_t problem;
    const char *text = (const char *)r->data + PREFIX_SIZE;
    *root = json_loadb(text, r->data_start - PREFIX_SIZE, JSON_REJECT_DUPLICATES, &problem);
    if (*root) return FC_OK;
    if (json_error_code(&problem) == json_error_out_of_memory) return no_memory(r->err);
    return fc_fail(r->err, FC_FORMAT, "the header is broken at byte %d: %s; download the file again",
                   problem.position, problem.text);
}

static int by_begin(const void *pa, const void *pb)
{
    const entry *a = pa, *b = pb;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Entries sorted by begin must fill the rest of the file without overlap or hole. */
static fc_status check_extents(reader *r, const entry *entries, size_t count)
{
    uint64_t available = r->size - r->data_start, expected = 0;
    for (size_t i = 0; i < count; i++) {
        const entry *e = &entries[i];
        if (e->begin < expected) return bad_tensor(r, e->tensor.name, "shares bytes with another tensor");
        if (e->begin > expected) return bad_tensor(r, e->tensor.name, "comes after a hole in the data");
        expected = e->end;
    }
    if (expected < available)
        return fc_fail(r->err, FC_FORMAT,
                       "the file has %" PRIu64 " bytes that belong to no tensor; download it again",
                       available - expected);
    for (size_t i = 0; i < count; i++)
        if (entries[i].end > available)
            return fc_fail(r->err, FC_FORMAT,
                           "the file is cut in tensor \"%.*s\": %" PRIu64
                           " bytes are missing at the end; download it again",
                           SHOWN_NAME, entries[i].tensor.name, expected - available);
    return FC_OK;
}

static fc_status build_table(reader *r, const entry *entries, size_t count)
{
    fc_safetensors *st = r->st;
    st->tensors = fc_arena_array(&st->arena, count, sizeof *st->tensors);
    if (!st->tensors) return no_memory(r->err);
    for (size_t i = 0; i < count; i++) {
        fc_st_tensor *t = &st->tensors[i];
        *t = entries[i].tensor;
        t->data = r->data + r->data_start + entries[i].begin;
        if (fc_strmap_put(&st->index, t->name, strlen(t->name), (uint32_t)i, NULL) != FC_OK)
            return no_memory(r->err);
    }
    st->count = count;
    return FC_OK;
}

static fc_status read_header(reader *r, json_t *root)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    fc_status status = FC_OK;
    if (!json_is_object(root)) return fc_fail(r->err, FC_FORMAT, "the header is broken: it is not an object");
    entry *entries = fc_calloc(json_object_size(root), sizeof *entries);
    if (!entries) return no_memory(r->err);
    json_object_foreach(root, name, value)
    {
        status = strcmp(name, "__metadata__") == 0 ? read_metadata(r, value)
                                                   : read_entry(r, name, value, &entries[count++]);
        if (status != FC_OK) goto out;
    }
    qsort(entries, count, sizeof *entries, by_begin);
    status = check_extents(r, entries, count);
    if (status == FC_OK) status = build_table(r, entries, count);
out:
    fc_free(entries);
    return status;
}

fc_status fc_safetensors_parse(fc_safetensors *st, const void *data, size_t size, fc_err *err)
{
    *st = (fc_safetensors){0};
    fc_arena_init(&st->arena, SIZE_MAX); /* bounded by the header, which is bounded */
    fc_strmap_init(&st->index);
    reader r = {.st = st, .data = data, .size = size, .err = err};
    json_t *root = NULL;
    fc_status status = check_prefix(&r);
    if (status == FC_OK) status = parse_json(&r, &root);
    if (status == FC_OK) status = read_header(&r, root);
    json_decref(root);
    if (status != FC_OK) fc_safetensors_close(st);
    return status;
}

fc_status fc_safetensors_open(fc_safetensors *st, const char *path, fc_err *err)
{
    fc_err local;
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
