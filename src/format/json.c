/* See json.h. */
#include "format/json.h"

#include "base/file.h"
#include "base/text.h"

static bool is_of(fc_json_kind kind, const json_t *root)
{
    return kind == FC_JSON_ANY || (kind == FC_JSON_OBJECT ? json_is_object(root) : json_is_array(root));
}

static fc_status parse(const fc_buf *text, fc_json_kind kind, json_t **root, fc_err *err)
{
    json_error_t where;
    *root = json_loadb(fc_buf_cstr(text), text->len, kind == FC_JSON_ANY ? JSON_DECODE_ANY : 0, &where);
    if (!*root && json_error_code(&where) == json_error_out_of_memory)
        return fc_fail(err, FC_NOMEM, "out of memory for a JSON text");
    if (!*root)
        return fc_fail(err, FC_FORMAT, "line %d, column %d: %s", where.line, where.column, where.text);
    if (is_of(kind, *root)) return FC_OK;
    json_decref(*root);
    *root = NULL;
    return fc_fail(err, FC_FORMAT, "line 1: there must be %s",
                   kind == FC_JSON_OBJECT ? "an object {...}" : "a list [...]");
}

fc_status fc_json_read(const void *data, size_t size, fc_json_kind kind, json_t **root, fc_err *err)
{
    fc_buf text;
    *root = NULL;
    fc_buf_init(&text, SIZE_MAX);
    fc_status status = fc_text_read(data, size, &text, err);
    if (status != FC_OK) goto out;
    status = parse(&text, kind, root, err);
out:
    fc_buf_fini(&text);
    return status;
}

fc_status fc_json_read_file(const char *path, size_t max, fc_json_kind kind, json_t **root, fc_err *err)
{
    fc_buf bytes;
    *root = NULL;
    fc_buf_init(&bytes, max);
    fc_status status = fc_file_read(path, &bytes, err);
    if (status == FC_OK) {
        status = fc_json_read(bytes.data, bytes.len, kind, root, err);
        if (status != FC_OK) fc_fail_prefix(err, "%s", path);
    }
    fc_buf_fini(&bytes);
    return status;
}

const json_t *fc_json_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}
