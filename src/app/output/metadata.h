/* Settings embedded in picture files: the schemes "fooocus" (JSON) and "a1111" (plain text). */
#ifndef FC_APP_OUTPUT_METADATA_H
#define FC_APP_OUTPUT_METADATA_H

#include <jansson.h>
#include "base/arena.h"
#include "base/buf.h"
#include "format/image.h"

/* The text to embed. */
void fc_metadata_write(const json_t *record, const char *scheme, fc_buf *out);
/* Everything to embed in a picture file of any format; texts live in the arena. */
fc_status fc_metadata_notes(const json_t *record, const char *scheme, fc_arena *arena, fc_image_notes *notes,
                            fc_err *err) FC_MUST_USE;

/* Either scheme, found out by looking. *record is the caller's. FORMAT when it is neither. */
fc_status fc_metadata_parse(const char *text, json_t **record, fc_err *err) FC_MUST_USE;
/* Whose kind a text is that fc_metadata_parse takes: "fooocus", "a1111", "comfyui", "swarmui", "other" (JSON
 * of somebody else). */
const char *fc_metadata_kind(const char *text);
/* From a PNG, JPEG or WebP file in memory. NOT_FOUND when the picture has no settings. text (may be NULL)
 * gets them as they stand there. */
fc_status fc_metadata_read(const void *data, size_t size, json_t **record, fc_buf *text,
                           fc_err *err) FC_MUST_USE;
/* The same from a file. */
fc_status fc_metadata_read_file(const char *path, json_t **record, fc_err *err) FC_MUST_USE;

#endif
