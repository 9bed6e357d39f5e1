/* See history.h. */
#include "app/queue/history.h"

#include <stdio.h>
#include <string.h>

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

enum { ITEM_SIZE = 6000, MAX_ITEMS = 64 };

/* Where the picture of a field's item stands in its text. */
static void part_of(const fc_param *p, const char *item, size_t *first, size_t *count)
{
    fc_guide_text t = {.image = item, .image_len = strlen(item)};
    if (p->kind == FC_KIND_GUIDES) fc_guide_text_split(p, item, &t);
    *first = (size_t)(t.image - item);
    *count = t.image_len;
}

/* Item number i of a field, where it names a picture of the history; false: it does not, or there is none. */
static bool named(const fc_request *request, const fc_param *p, size_t i, char item[ITEM_SIZE],
                  char name[NAME_SIZE])
{
    int64_t number;
    size_t first, n;
    if (fc_request_get(request, p->name, i, item, ITEM_SIZE, NULL) != FC_OK) return false;
    part_of(p, item, &first, &n);
    if (n >= NAME_SIZE) return false;
    memcpy(name, item + first, n);
    name[n] = '\0';
    return fc_input_history_id(name, &number);
}

static bool field_names_any(const fc_request *request, int field, char name[NAME_SIZE])
{
    char item[ITEM_SIZE];
    const fc_param *p = &fc_param_table[field];
    bool pictures = p->kind == FC_KIND_IMAGE || p->kind == FC_KIND_GUIDES;
    if (!pictures || !fc_request_is_set(request, (fc_param_id)field)) return false;
    for (size_t i = 0; i < MAX_ITEMS; i++)
        if (named(request, p, i, item, name)) return true;
    return false;
}

/* The items of a field with ids in place of numbers of the history. */
static fc_status keep_items(fc_library *library, const char *outputs, const char *home, const fc_param *p,
                            const fc_request *from, fc_request *to, fc_err *err)
{
    char item[ITEM_SIZE], name[NAME_SIZE], id[FC_INPUT_ID_SIZE], text[ITEM_SIZE + FC_INPUT_ID_SIZE];
    for (size_t i = 0; fc_request_get(from, p->name, i, item, sizeof item, NULL) == FC_OK; i++) {
        size_t first, n;
        fc_status status = FC_OK;
        snprintf(text, sizeof text, "%s", item);
        if (named(from, p, i, item, name)) {
            part_of(p, item, &first, &n);
            status = fc_history_keep(library, outputs, home, name, id, err);
            if (status == FC_OK)
                snprintf(text, sizeof text, "%.*s%s%s", (int)first, item, id, item + first + n);
        }
        if (status != FC_OK) return fc_fail_prefix(err, "%s", p->name);
        status = fc_request_set(to, p->name, text, err);
        if (status != FC_OK) return status;
        if (!fc_param_is_list(p)) break;
    }
    return FC_OK;
}

fc_status fc_history_keep_all(fc_library *library, const char *outputs, const char *home, fc_request *request,
                              fc_err *err)
{
    char name[NAME_SIZE];
    fc_request *kept = fc_request_new();
    if (!kept) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = FC_OK;
    for (int i = 0; i < FC_PARAM_COUNT && status == FC_OK; i++)
        if (field_names_any(request, i, name))
            status = keep_items(library, outputs, home, &fc_param_table[i], request, kept, err);
    if (status != FC_OK) goto out;
    status = fc_request_merge(request, kept, err);
out:
    fc_request_free(kept);
    return status;
}

fc_status fc_history_keep_local(const fc_config *config, fc_request *request, fc_err *err)
{
    char name[NAME_SIZE], outputs[PATH_SIZE], path[PATH_SIZE];
    fc_library *library;
    int field = 0;
    while (field < FC_PARAM_COUNT && !field_names_any(request, field, name)) field++;
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
