/* LoRA files by their names: each line is a tensor, "NAME TYPE ROWS COLS" with one letter or digit for the
 * last three, made into a file in memory and hung on two weights. Rows are read in pieces; nothing is read
 * beyond its end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "format/safetensors.h"
#include "nn/lora.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 12, COLS = 10, MAX_TENSORS = 24, MAX_NAME = 200 };

static fc_weight *weights[2];
static fc_weights *model;

static void make_model(void)
{
    static float values[ROWS * COLS];
    char path[] = "/tmp/fuzz_lora_XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) abort();
    close(fd);
    for (int i = 0; i < ROWS * COLS; i++) values[i] = (float)(i % 7) - 3;
    const fc_st_source tensors[] = {{"a", FC_F32, 2, {ROWS, COLS}, values},
                                    {"b", FC_F32, 4, {4, 3, 2, 5}, values}};
    if (fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = 2}, NULL) != FC_OK) abort();
    if (fc_weights_open(&model, path, NULL) != FC_OK) abort();
    (void)unlink(path);
    weights[0] = fc_weights_find(model, "a");
    weights[1] = fc_weights_find(model, "b");
}

static bool resolve(void *user, const char *module, size_t length, fc_lora_target *out)
{
    (void)user;
    if (length == 0) return false;
    *out = (fc_lora_target){.weight = weights[module[0] & 1], .bias = weights[1], .rows = -1};
    if (module[0] & 2) out->row0 = 2, out->rows = 2;
    out->transposed = (module[0] & 4) != 0;
    if (out->transposed) out->row0 = 0, out->rows = -1;
    return true;
}

/* One line as a member of the header; its data are as long as it says. */
static bool add_tensor(const char *line, size_t size, fc_buf *header, size_t *offset)
{
    static const char *const types[] = {"F32", "F16", "BF16", "I64", "U8", "BOOL", "F64", "I32"};
    static const size_t sizes[] = {4, 2, 2, 8, 1, 1, 8, 4};
    if (size < 5 || size > MAX_NAME) return false;
    const char *tail = line + size - 4;
    size_t type = (size_t)tail[0] & 7, bytes = sizes[type];
    int dims = tail[1] & 3, shape[3] = {1 + (tail[2] & 15), 1 + (tail[3] & 15), 1 + (tail[1] >> 2 & 3)};
    fc_buf_printf(header, "%s\"", header->len ? "," : "");
    for (const char *at = line; at < tail; at++)
        if (*at > ' ' && *at < 127 && *at != '"' && *at != '\\') fc_buf_putc(header, *at);
    fc_buf_printf(header, "\":{\"dtype\":\"%s\",\"shape\":[", types[type]);
    for (int d = 0; d < dims; d++) {
        fc_buf_printf(header, "%s%d", d ? "," : "", shape[d]);
        bytes *= (size_t)shape[d];
    }
    fc_buf_printf(header, "],\"data_offsets\":[%zu,%zu]}", *offset, *offset + bytes);
    *offset += bytes;
    return true;
}

static void use(fc_lora *l)
{
    float rows[ROWS * COLS];
    fc_lora_report report;
    for (int i = 0; i < 2; i++)
        if (fc_lora_attach(l, i ? 0.5 : 1, resolve, NULL, &report, NULL) != FC_OK) break;
    for (int w = 0; w < 2; w++)
        for (int32_t at = 0; at < fc_weight_rows(weights[w]); at += 3) {
            int32_t n = (int32_t)fc_weight_rows(weights[w]) - at;
            if (fc_weight_read(weights[w], at, n < 3 ? n : 3, rows) != FC_OK) break;
        }
    (void)fc_lora_damage(l);
    fc_weights_take_off(model, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_buf header, file;
    size_t offset = 0;
    const char *at = (const char *)data, *end = at + size;
    if (!model) make_model();
    fc_buf_init(&header, 1 << 16);
    fc_buf_init(&file, 1 << 20);
    for (int i = 0; at < end && i < MAX_TENSORS; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        add_tensor(at, (size_t)((stop ? stop : end) - at), &header, &offset);
        at = stop ? stop + 1 : end;
    }
    uint64_t length = header.len + 2;
    for (int i = 0; i < 8; i++) fc_buf_putc(&file, (char)(length >> (8 * i)));
    fc_buf_printf(&file, "{%s}", fc_buf_cstr(&header));
    for (size_t i = 0; i < offset; i++) fc_buf_putc(&file, size ? (char)(data[i % size] & 0x3f) : 0);
    fc_lora *l;
    if (file.status == FC_OK && fc_lora_parse(&l, file.data, file.len, NULL) == FC_OK) {
        use(l);
        fc_lora_close(l);
    }
    fc_buf_fini(&header);
    fc_buf_fini(&file);
    return 0;
}
