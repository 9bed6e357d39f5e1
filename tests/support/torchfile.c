#include "support/torchfile.h"

#include <stdio.h>
#include <string.h>
#include "format/bytes.h"

static void put(fc_buf *b, uint64_t n, int size)
{
    for (int i = 0; i < size; i++) fc_buf_putc(b, (char)(i < 8 ? n >> (8 * i) : 0));
}

/* ---- zip ---- */

void torch_zip_begin(torch_zip *z, fc_buf *out)
{
    *z = (torch_zip){.out = out, .start = out->len};
    fc_buf_init(&z->directory, 64 << 20);
}

void torch_zip_add(torch_zip *z, const char *name, const void *data, size_t size)
{
    size_t n = strlen(name), offset = z->out->len - z->start, bare = offset + 30 + n + 4;
    size_t padding = (64 - bare % 64) % 64;
    put(z->out, 0x04034b50, 4);
    put(z->out, 0, 2 * 3 + 4); /* version, flags, method, time */
    put(z->out, 0, 4);         /* checksum: nobody looks */
    put(z->out, size, 4);
    put(z->out, size, 4);
    put(z->out, n, 2);
    put(z->out, 4 + padding, 2);
    fc_buf_append(z->out, name, n);
    put(z->out, 0x4246, 2); /* "FB", a field that is there for its length */
    put(z->out, padding, 2);
    for (size_t i = 0; i < padding; i++) fc_buf_putc(z->out, 'Z');
    fc_buf_append(z->out, data, size);

    put(&z->directory, 0x02014b50, 4);
    put(&z->directory, 0, 2 * 4 + 4 + 4);
    put(&z->directory, size, 4);
    put(&z->directory, size, 4);
    put(&z->directory, n, 2);
    put(&z->directory, 0, 2 + 2 + 2 + 2 + 4);
    put(&z->directory, offset, 4);
    fc_buf_append(&z->directory, name, n);
    z->count++;
}

void torch_zip_end(torch_zip *z, bool wide)
{
    uint64_t offset = z->out->len - z->start, size = z->directory.len, count = (uint64_t)z->count;
    fc_buf_append(z->out, z->directory.data, z->directory.len);
    if (wide) {
        uint64_t at = z->out->len - z->start;
        put(z->out, 0x06064b50, 4);
        put(z->out, 44, 8);
        put(z->out, 0, 2 + 2 + 4 + 4);
        put(z->out, count, 8);
        put(z->out, count, 8);
        put(z->out, size, 8);
        put(z->out, offset, 8);
        put(z->out, 0x07064b50, 4);
        put(z->out, 0, 4);
        put(z->out, at, 8);
        put(z->out, 1, 4);
    }
    put(z->out, 0x06054b50, 4);
    put(z->out, 0, 4);
    put(z->out, wide ? UINT16_MAX : count, 2);
    put(z->out, wide ? UINT16_MAX : count, 2);
    put(z->out, wide ? UINT32_MAX : size, 4);
    put(z->out, wide ? UINT32_MAX : offset, 4);
    put(z->out, 0, 2);
    fc_buf_fini(&z->directory);
}

/* ---- pickle ---- */

void torch_text(fc_buf *p, const char *text)
{
    fc_buf_putc(p, 'X');
    put(p, strlen(text), 4);
    fc_buf_puts(p, text);
}

void torch_number(fc_buf *p, int64_t n)
{
    if (n >= 0 && n < 256) {
        fc_buf_putc(p, 'K');
        put(p, (uint64_t)n, 1);
    } else if (n >= 0 && n < 65536) {
        fc_buf_putc(p, 'M');
        put(p, (uint64_t)n, 2);
    } else if (n >= INT32_MIN && n <= INT32_MAX) {
        fc_buf_putc(p, 'J');
        put(p, (uint64_t)n, 4);
    } else {
        fc_buf_append(p, "\x8a\x08", 2);
        put(p, (uint64_t)n, 8);
    }
}

void torch_class(fc_buf *p, const char *module, const char *name)
{
    fc_buf_printf(p, "c%s\n%s\n", module, name);
}

static const char *storage_name(fc_dtype t)
{
    switch (t) {
    case FC_F32:
        return "FloatStorage";
    case FC_F16:
        return "HalfStorage";
    case FC_BF16:
        return "BFloat16Storage";
    case FC_F64:
        return "DoubleStorage";
    case FC_U8:
        return "ByteStorage";
    default:
        return "LongStorage";
    }
}

void torch_tensor(fc_buf *p, fc_dtype dtype, int key, int64_t storage_count, int64_t offset, int32_t ndim,
                  const int64_t *shape, const int64_t *stride)
{
    char name[24];
    snprintf(name, sizeof name, "%d", key);
    torch_class(p, "torch._utils", "_rebuild_tensor_v2");
    fc_buf_puts(p, "((");
    torch_text(p, "storage");
    torch_class(p, "torch", storage_name(dtype));
    torch_text(p, name);
    torch_text(p, "cpu");
    torch_number(p, storage_count);
    fc_buf_puts(p, "tQ");
    torch_number(p, offset);
    fc_buf_putc(p, '(');
    for (int32_t d = 0; d < ndim; d++) torch_number(p, shape[d]);
    fc_buf_puts(p, "t(");
    for (int32_t d = 0; d < ndim; d++) {
        uint64_t step = 1; /* wraps in tests of absurd shapes */
        for (int32_t e = d + 1; e < ndim; e++) step *= (uint64_t)shape[e];
        torch_number(p, stride ? stride[d] : (int64_t)step);
    }
    fc_buf_puts(p, "t\x89");
    torch_class(p, "collections", "OrderedDict");
    fc_buf_puts(p, ")RtR");
}

void torch_archive(fc_buf *out, const void *pickle, size_t pickle_size, const void *storage,
                   size_t storage_size)
{
    torch_zip z;
    torch_zip_begin(&z, out);
    torch_zip_add(&z, "archive/data.pkl", pickle, pickle_size);
    torch_zip_add(&z, "archive/data/0", storage, storage_size);
    torch_zip_add(&z, "archive/version", "3\n", 2);
    torch_zip_end(&z, false);
}

static int64_t elements(const fc_st_source *t)
{
    int64_t n = 1;
    for (int32_t d = 0; d < t->ndim; d++) n *= t->shape[d];
    return n;
}

/* Memo opcodes stand where Python would put them, as far as a reader can tell the difference. */
static void state_dict(fc_buf *p, const fc_st_source *tensors, size_t count)
{
    torch_class(p, "collections", "OrderedDict");
    fc_buf_append(p, "q\0)Rq\1(", 7);
    for (size_t i = 0; i < count; i++) {
        torch_text(p, tensors[i].name);
        fc_buf_putc(p, 'r');
        put(p, 2 + i, 4);
        torch_tensor(p, tensors[i].dtype, (int)i, elements(&tensors[i]), 0, tensors[i].ndim, tensors[i].shape,
                     NULL);
    }
    fc_buf_puts(p, "u}");
    torch_text(p, "_metadata");
    torch_class(p, "collections", "OrderedDict");
    fc_buf_puts(p, ")Rsb");
}

void torch_file(fc_buf *out, const fc_st_source *tensors, size_t count, bool wrap, bool wide)
{
    fc_buf p;
    torch_zip z;
    fc_buf_init(&p, 64 << 20);
    fc_buf_puts(&p, "\x80\x02");
    if (wrap) {
        fc_buf_puts(&p, "}(");
        torch_text(&p, "epoch");
        torch_number(&p, 7);
        torch_text(&p, "state_dict");
    }
    state_dict(&p, tensors, count);
    if (wrap) fc_buf_putc(&p, 'u');
    fc_buf_putc(&p, '.');
    torch_zip_begin(&z, out);
    torch_zip_add(&z, "model/data.pkl", p.data, p.len);
    torch_zip_add(&z, "model/byteorder", "little", 6);
    for (size_t i = 0; i < count; i++) {
        char name[40];
        snprintf(name, sizeof name, "model/data/%zu", i);
        torch_zip_add(&z, name, tensors[i].data,
                      (size_t)elements(&tensors[i]) * fc_dtype_size(tensors[i].dtype));
    }
    torch_zip_add(&z, "model/version", "3\n", 2);
    torch_zip_end(&z, wide);
    fc_buf_fini(&p);
}
