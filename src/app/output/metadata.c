/* See metadata.h. */
#include "app/output/metadata.h"

#include <string.h>
#include "app/common/json_text.h"
#include "app/output/a1111.h"
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "base/file.h"
#include "base/text.h"

enum { MAX_TEXT = 4 << 20, MAX_PICTURE = 256 << 20 };

/* Fooocus keeps stems of model files and finds the installed file again. */
static void cut_to_stem(json_t *record, const fc_record_row *row)
{
    const char *name = json_string_value(json_object_get(record, row->key));
    size_t n;
    if (!name || strcmp(name, row->nothing) == 0) return;
    const char *stem = fc_path_stem(name, &n);
    json_object_set_new(record, row->key, json_stringn(stem, n));
}

/* "sub/file.safetensors : 0.5" -> "file : 0.5" */
static void cut_lora_row(json_t *record, const char *key, const char *text)
{
    const char *weight = strstr(text, " : ");
    for (const char *next = weight; next && (next = strstr(next + 1, " : "));) weight = next;
    if (!weight) return;
    json_t *name = json_stringn(text, (size_t)(weight - text));
    size_t n;
    const char *stem = fc_path_stem(json_string_value(name), &n);
    json_object_set_new(record, key, json_sprintf("%.*s%s", (int)n, stem, weight));
    json_decref(name);
}

static void write_fooocus(const json_t *record, fc_buf *out)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)record),
           *value; /* members are shared, the copy's own keys change */
    const char *key;
    for (int i = 0; i < FC_RECORD_COUNT; i++)
        if (fc_record_table[i].shape == FC_SHAPE_MODEL) cut_to_stem(copy, &fc_record_table[i]);
    json_object_foreach((json_t *)(uintptr_t)record, key, value)
    {
        if (fc_record_is_lora_key(key) && json_is_string(value))
            cut_lora_row(copy, key, json_string_value(value));
    }
    fc_json_write(copy, JSON_SORT_KEYS | JSON_ENSURE_ASCII, out);
    json_decref(copy);
}

void fc_metadata_write(const json_t *record, const char *scheme, fc_buf *out)
{
    if (strcmp(scheme, "a1111") == 0)
        fc_a1111_write(record, out);
    else
        write_fooocus(record, out);
}

fc_status fc_metadata_notes(const json_t *record, const char *scheme, fc_arena *arena, fc_image_notes *notes,
                            fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, MAX_TEXT);
    fc_metadata_write(record, scheme, &text);
    const char *parameters = text.status == FC_OK ? fc_arena_strdup(arena, fc_buf_cstr(&text)) : NULL;
    fc_image_text *texts = fc_arena_array(arena, 2, sizeof *texts);
    fc_status status = text.status != FC_OK ? text.status : arena->status;
    fc_buf_fini(&text);
    if (status != FC_OK)
        return fc_fail(err, status, "the settings are too long to be written into the picture");
    texts[0] = (fc_image_text){"parameters", parameters};
    texts[1] = (fc_image_text){"fooocus_scheme", scheme};
    *notes = (fc_image_notes){
        .texts = texts,
        .text_count = 2,
        .exif = {.user_comment = parameters, .software = fc_record_version, .maker_note = scheme},
    };
    return FC_OK;
}

static fc_status parse(const char *text, size_t size, json_t **record, fc_err *err)
{
    json_t *object = NULL;
    const char *start = text + strspn(text, " \t\n");
    if (*start == '{' && fc_json_read(text, size, FC_JSON_OBJECT, &object, NULL) == FC_OK) {
        fc_status status = fc_foreign_read(object, record, err);
        json_decref(object);
        return status;
    }
    *record = fc_a1111_read(text);
    return *record ? FC_OK : fc_fail(err, FC_FORMAT, "the settings in the picture are of a kind not known");
}

const char *fc_metadata_kind(const char *text)
{
    json_t *object = NULL;
    if (fc_json_read(text, strlen(text), FC_JSON_OBJECT, &object, NULL) != FC_OK) return "a1111";
    const char *kind = fc_foreign_kind(object);
    json_decref(object);
    return kind;
}

fc_status fc_metadata_parse(const char *text, json_t **record, fc_err *err)
{
    fc_buf clean;
    *record = NULL;
    fc_buf_init(&clean, MAX_TEXT);
    fc_status status = fc_text_read(text, strlen(text), &clean, err);
    if (status == FC_OK)
        status = parse(fc_buf_cstr(&clean), clean.len, record, err);
    else
        fc_fail_prefix(err, "the settings in the picture");
    fc_buf_fini(&clean);
    return status;
}

/* Where programs keep settings: the first that can be read counts. found: as it stands there; NULL: there are
 * none. */
static fc_status parse_notes(const fc_image_notes *notes, const char **found, json_t **record, fc_err *err)
{
    static const char *const keys[] = {"parameters", "invokeai_metadata", "prompt",     "workflow",
                                       "Comment",    "sd-metadata",       "Description"};
    fc_status first = FC_NOT_FOUND;
    fc_err own = {0};
    *found = NULL;
    for (size_t i = 0; i <= sizeof keys / sizeof keys[0]; i++) {
        /* EXIF comes second */
        const char *text = i == 1 ? notes->exif.user_comment : fc_image_note(notes, keys[i > 1 ? i - 1 : i]);
        if (!text) continue;
        fc_status status = fc_metadata_parse(text, record, first == FC_NOT_FOUND ? err : &own);
        if (!*found || status == FC_OK) *found = text;
        if (first == FC_NOT_FOUND || status == FC_OK) first = status;
        if (status == FC_OK) return FC_OK;
    }
    if (*found) return first;
    return fc_fail(err, FC_NOT_FOUND, "the picture has no settings in it; --metadata fooocus writes them");
}

fc_status fc_metadata_read(const void *data, size_t size, json_t **record, fc_buf *text, fc_err *err)
{
    fc_arena arena;
    fc_image image = {0};
    fc_image_notes notes = {0};
    *record = NULL;
    fc_arena_init(&arena, 64 << 20);
    fc_status status = fc_image_decode(&image, data, size, FC_IMAGE_MAX_PIXELS, &arena, &notes, err);
    if (status == FC_OK) {
        const char *found;
        status = parse_notes(&notes, &found, record, err);
        if (found && text) fc_buf_puts(text, found);
    }
    fc_image_fini(&image);
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_metadata_read_file(const char *path, json_t **record, fc_err *err)
{
    fc_buf data;
    *record = NULL;
    fc_buf_init(&data, MAX_PICTURE);
    fc_status status = fc_file_read(path, &data, err);
    if (status != FC_OK) goto out;
    status = fc_metadata_read(data.data, data.len, record, NULL, err);
out:
    if (status != FC_OK && err && !strstr(err->message, path)) fc_fail_prefix(err, "%s", path);
    fc_buf_fini(&data);
    return status;
}
