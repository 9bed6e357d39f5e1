/* See history.h. */
#include "app/queue/history.h"

#include "app/queue/trash.h"
#include "base/file.h"

enum { PATH_SIZE = 4096, ROW_MEMORY = 8 << 20, NAME_SIZE = 40 };

fc_status fc_history_keep(fc_library *library, const char *outputs, const char *home, const char *name,
                          char id[FC_INPUT_ID_SIZE], fc_err *err)
{
    char path[PATH_SIZE];
    int64_t number;
    fc_picture_row row;
    fc_arena arena;
    fc_buf bytes;
    if (!fc_input_history_id(name, &number))
        return fc_fail(err, FC_ARG, "\"%.40s\" names no picture: write picture: and its number", name);
    fc_arena_init(&arena, ROW_MEMORY);
    fc_buf_init(&bytes, FC_INPUT_MAX_BYTES);
    fc_status status = fc_library_picture_get(library, number, &arena, &row, err);
    if (status == FC_NOT_FOUND) fc_fail(err, status, "there is no %s in the history", name);
    if (status != FC_OK) goto out;
    status = fc_picture_path(outputs, &row, path, sizeof path, err);
    if (status != FC_OK) goto out;
    status = fc_file_read(path, &bytes, err);
    if (status != FC_OK) goto out;
    status = fc_inputs_put(home, bytes.data, bytes.len, id, err);
out:
    fc_buf_fini(&bytes);
    fc_arena_fini(&arena);
    return status;
}

/* The name of a history's picture that a field of kind IMAGE has; false: it has none. */
static bool named(const fc_request *request, int field, char name[NAME_SIZE])
{
    int64_t number;
    if (fc_param_table[field].kind != FC_KIND_IMAGE || !fc_request_is_set(request, (fc_param_id)field))
        return false;
    fc_status status = fc_request_get(request, fc_param_table[field].name, 0, name, NAME_SIZE, NULL);
    return status == FC_OK && fc_input_history_id(name, &number);
}

fc_status fc_history_keep_all(fc_library *library, const char *outputs, const char *home, fc_request *request,
                              fc_err *err)
{
    char name[NAME_SIZE], id[FC_INPUT_ID_SIZE];
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        if (!named(request, i, name)) continue;
        fc_status status = fc_history_keep(library, outputs, home, name, id, err);
        if (status != FC_OK) return fc_fail_prefix(err, "%s", fc_param_table[i].name);
        status = fc_request_set(request, fc_param_table[i].name, id, err);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

fc_status fc_history_keep_local(const fc_config *config, fc_request *request, fc_err *err)
{
    char name[NAME_SIZE], outputs[PATH_SIZE], path[PATH_SIZE];
    fc_library *library;
    int field = 0;
    while (field < FC_PARAM_COUNT && !named(request, field, name)) field++;
    if (field == FC_PARAM_COUNT) return FC_OK;
    fc_status status = fc_config_outputs(config, outputs, sizeof outputs, err);
    if (status != FC_OK) return status;
    status = fc_path_join(path, sizeof path, outputs, FC_LIBRARY_FILE);
    if (status != FC_OK) return fc_fail(err, FC_LIMIT, "the path of the home folder is too long");
    if (!fc_path_exists(path))
        return fc_fail(err, FC_NOT_FOUND,
                       "%s: there is no history in %s: pictures get numbers when fooocus serve draws them",
                       fc_param_table[field].name, outputs);
    status = fc_library_open_to_read(path, &library, err);
    if (status != FC_OK) return status;
    status = fc_history_keep_all(library, outputs, fc_config_home(config), request, err);
    fc_library_close(library);
    return status;
}
