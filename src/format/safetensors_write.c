/* The writer: header from the table of sources, then the bytes block by block under a temporary name. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/bytes.h"
#include "format/safetensors.h"

#ifdef FC_HARD
enum { BLOCK_SIZE = 4080 };
#else
enum { BLOCK_SIZE = 8 << 20 };
#endif

static void put_json_string(fc_buf *b, const char *s)
{
    fc_buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fc_buf_printf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            fc_buf_printf(b, "\\u%04x", (unsigned)*s);
        else
            fc_buf_putc(b, *s);
    }
    fc_buf_putc(b, '"');
}

static fc_status source_size(const fc_st_source *s, size_t *size, fc_err *err)
{
    *size = fc_dtype_size(s->dtype);
    if (s->ndim < 0 || s->ndim > FC_ST_MAX_DIMS)
        return fc_fail(err, FC_ARG, "tensor \"%s\" has %d dimensions", s->name, (int)s->ndim);
    for (int32_t d = 0; d < s->ndim; d++)
        if (s->shape[d] < 0 || !fc_size_mul(*size, (size_t)s->shape[d], size) || *size > INT64_MAX)
            return fc_fail(err, FC_ARG, "tensor \"%s\" has an impossible shape", s->name);
    return FC_OK;
}

static fc_status check_text(const char *s, fc_err *err)
{
    return fc_utf8_valid(s, strlen(s)) ? FC_OK
                                       : fc_fail(err, FC_ARG, "the name or value \"%s\" is not UTF-8", s);
}

/* Names must be UTF-8, unique and not the reserved one. */
static fc_status check_names(const fc_st_write *what, fc_err *err)
{
    fc_strmap seen;
    fc_strmap_init(&seen);
    fc_status status = FC_OK;
    for (size_t i = 0; i < what->count && status == FC_OK; i++) {
        const char *name = what->tensors[i].name;
        bool twice = false;
        status = check_text(name, err);
        if (status != FC_OK) break;
        if (fc_strmap_put(&seen, name, strlen(name), 0, &twice) != FC_OK)
            status = fc_fail(err, FC_NOMEM, "out of memory while writing a safetensors file");
        else if (twice || strcmp(name, "__metadata__") == 0)
            status = fc_fail(err, FC_ARG, "the tensor name \"%s\" is taken", name);
    }
    for (size_t i = 0; i < what->metadata_count && status == FC_OK; i++) {
        status = check_text(what->metadata[i].key, err);
        if (status == FC_OK) status = check_text(what->metadata[i].value, err);
    }
    fc_strmap_fini(&seen);
    return status;
}

static void put_metadata(fc_buf *b, const fc_st_write *what)
{
    fc_buf_puts(b, "\"__metadata__\":{");
    for (size_t i = 0; i < what->metadata_count; i++) {
        if (i > 0) fc_buf_putc(b, ',');
        put_json_string(b, what->metadata[i].key);
        fc_buf_putc(b, ':');
        put_json_string(b, what->metadata[i].value);
    }
    fc_buf_puts(b, what->count ? "}," : "}");
}

/* The header behind eight bytes for its length, padded with blanks to a multiple of 8. */
static fc_status make_header(fc_buf *b, const fc_st_write *what, fc_err *err)
{
    size_t offset = 0;
    fc_buf_append(b, "\0\0\0\0\0\0\0\0", 8);
    fc_buf_putc(b, '{');
    if (what->metadata_count) put_metadata(b, what);
    for (size_t i = 0; i < what->count; i++) {
        const fc_st_source *s = &what->tensors[i];
        size_t size, end;
        fc_status status = source_size(s, &size, err);
        if (status != FC_OK) return status;
        if (!fc_size_add(offset, size, &end) || end > INT64_MAX)
            return fc_fail(err, FC_ARG, "tensor \"%s\" makes the file impossibly large", s->name);
        if (i > 0) fc_buf_putc(b, ',');
        put_json_string(b, s->name);
        fc_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", fc_dtype_name(s->dtype));
        for (int32_t d = 0; d < s->ndim; d++) fc_buf_printf(b, d ? ",%lld" : "%lld", (long long)s->shape[d]);
        fc_buf_printf(b, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    fc_buf_putc(b, '}');
    while (b->status == FC_OK && b->len % 8 != 0) fc_buf_putc(b, ' ');
    if (b->status == FC_LIMIT)
        return fc_fail(err, FC_LIMIT, "the safetensors header would be larger than 100 MB");
    if (b->status == FC_NOMEM)
        return fc_fail(err, FC_NOMEM, "out of memory while writing a safetensors file");
    fc_put_le64((uint8_t *)b->data, b->len - 8);
    return FC_OK;
}

static fc_status write_tensor(fc_atomic_file *f, const fc_st_write *what, size_t index, void *block,
                              fc_err *err)
{
    const fc_st_source *s = &what->tensors[index];
    size_t size;
    fc_status status = source_size(s, &size, err);
    if (status != FC_OK) return status;
    if (s->data) return fc_atomic_write(f, s->data, size, err);
    for (size_t offset = 0; offset < size; offset += BLOCK_SIZE) {
        size_t n = size - offset < BLOCK_SIZE ? size - offset : BLOCK_SIZE;
        status = what->fill(what->user, index, offset, block, n, err);
        if (status == FC_OK) status = fc_atomic_write(f, block, n, err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

fc_status fc_safetensors_write(const char *path, const fc_st_write *what, fc_err *err)
{
    fc_atomic_file f = {.fd = -1};
    void *block = NULL;
    fc_buf header;
    fc_buf_init(&header, FC_ST_MAX_HEADER + 8);
    fc_status status = check_names(what, err);
    if (status != FC_OK) goto out;
    status = make_header(&header, what, err);
    if (status != FC_OK) goto out;
    block = fc_alloc(BLOCK_SIZE);
    if (!block) {
        status = fc_fail(err, FC_NOMEM, "out of memory while writing %s", path);
        goto out;
    }
    status = fc_atomic_open(&f, path, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_write(&f, header.data, header.len, err);
    for (size_t i = 0; i < what->count && status == FC_OK; i++)
        status = write_tensor(&f, what, i, block, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_commit(&f, err);
out:
    fc_atomic_abort(&f);
    fc_free(block);
    fc_buf_fini(&header);
    return status;
}
