/* The one reader of JSON that comes from outside: through the door of base/text.h, strict in syntax, and of a
 * member that stands twice the last one counts, as in Python and JavaScript. `null` means "not set": ask
 * members by fc_json_member. */
#ifndef FC_FORMAT_JSON_H
#define FC_FORMAT_JSON_H

#include <jansson.h>
#include "base/status.h"

typedef enum fc_json_kind { FC_JSON_ANY, FC_JSON_OBJECT, FC_JSON_ARRAY } fc_json_kind;

/* *root is the caller's reference; NULL after a failure. FORMAT says line and column, or which kind is
 * wanted. */
fc_status fc_json_read(const void *data, size_t size, fc_json_kind kind, json_t **root,
                       fc_err *err) FC_MUST_USE;
/* The same from a file of at most max bytes; errors name the path. */
fc_status fc_json_read_file(const char *path, size_t max, fc_json_kind kind, json_t **root,
                            fc_err *err) FC_MUST_USE;
/* A member of an object; NULL when it is absent or null, which people and clients mean alike. */
const json_t *fc_json_member(const json_t *object, const char *name);

#endif
