/* Weighted prompts: "a (red:1.3) fox" -> pieces of text with a weight each.
 *
 * "(x)" multiplies the weight by 1.1, "(x:1.5)" sets it, "\(" and "\)" are plain parentheses; the odd cases
 * (stray parentheses, colons, numbers as Python reads them) follow the reference, see
 * tests/golden/tokens_parts.json. */
#ifndef FC_TEXT_EMPHASIS_H
#define FC_TEXT_EMPHASIS_H

#include <stddef.h>
#include "base/status.h"

#define FC_EMPHASIS_MAX_DEPTH 500 /* nested parentheses; the reference itself dies near 1000 */

typedef struct fc_emphasis_segment {
    const char *text; /* not NUL-terminated, escapes undone */
    size_t size;
    double weight; /* may be infinite or not a number: the prompt says so */
} fc_emphasis_segment;

typedef struct fc_emphasis {
    fc_emphasis_segment *segments;
    size_t count;
    char *text; /* what the segments point into */
} fc_emphasis;

fc_status fc_emphasis_parse(fc_emphasis *out, const char *prompt, size_t size, fc_err *err) FC_MUST_USE;
void fc_emphasis_fini(fc_emphasis *e);

#endif
