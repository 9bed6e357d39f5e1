/* See jsontext.h. */
#include "app/common/json_text.h"

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

const json_t *fc_json_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}
