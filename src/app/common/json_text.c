/* See json_text.h. */
#include "app/common/json_text.h"

#include <string.h>
#include "base/str.h"

static int append(const char *data, size_t size, void *user)
{
    fc_buf *out = user;
    fc_buf_append(out, data, size);
    return out->status == FC_OK ? 0 : -1;
}

void fc_json_write(const json_t *value, size_t flags, fc_buf *out)
{
    /* 15 digits bring back every decimal that people write, without the tail of 17 */
    int failed = json_dump_callback(value, append, out, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (failed && out->status == FC_OK) out->status = FC_NOMEM;
}

/* ---- texts ---- */

static json_t *repaired(const char *text, size_t size)
{
    fc_buf out;
    fc_buf_init(&out, 3 * size + 1);
    for (size_t i = 0; i < size;) {
        uint32_t code_point;
        char utf8[4];
        i += fc_utf8_decode(text + i, size - i, &code_point);
        fc_buf_append(&out, utf8, fc_utf8_encode(code_point, utf8));
    }
    json_t *value = json_stringn(fc_buf_cstr(&out), out.len);
    fc_buf_fini(&out);
    return value;
}

json_t *fc_json_text(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : repaired(text, strlen(text));
}

json_t *fc_json_text_cut(const char *text, size_t max)
{
    size_t size = strlen(text);
    if (size <= max) return fc_json_text(text);
    while (max > 0 && (text[max] & 0xc0) == 0x80) max--;
    fc_buf cut;
    fc_buf_init(&cut, max + 4);
    fc_buf_append(&cut, text, max);
    fc_buf_puts(&cut, "\xe2\x80\xa6");
    json_t *value = fc_json_text(fc_buf_cstr(&cut));
    fc_buf_fini(&cut);
    return value;
}
