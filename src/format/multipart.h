/* Bodies of forms that carry files (multipart/form-data, RFC 7578): cut into parts without copying. The bytes
 * are untrusted. */
#ifndef FC_FORMAT_MULTIPART_H
#define FC_FORMAT_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

enum { FC_PART_NAME_SIZE = 128, FC_PARTS_MAX = 100 };

typedef struct fc_part {
    char name[FC_PART_NAME_SIZE];
    bool is_file; /* it has a file name */
    const char *data;
    size_t size;
} fc_part;

/* Whether a Content-Type is that of such a form. */
bool fc_multipart_is(const char *content_type);
/* The parts of the form in their order, into parts with room for `max`. What stands before the first boundary
 * and behind the last is left out. FORMAT for a body that is no such form, or ends before its last boundary;
 * LIMIT for more parts than `max`. */
fc_status fc_multipart_cut(const char *content_type, const char *body, size_t size, fc_part *parts,
                           size_t max, size_t *count, fc_err *err) FC_MUST_USE;

#endif
