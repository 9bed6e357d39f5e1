/* A strict reader for small, flat JSON such as file headers: the caller asks for what must come next. Some 20
 * times as fast as building a tree, and its memory is bounded by the text. Sticky: after the first problem
 * every call is a no-op that returns NULL, 0 or false. */
#ifndef FC_FORMAT_JSON_SCAN_H
#define FC_FORMAT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

typedef struct fc_json_scan {
    const char *begin, *at, *end;
    fc_arena *arena;     /* strings go here */
    const char *problem; /* NULL: none so far; else what is wrong at `at` */
} fc_json_scan;

void fc_scan_init(fc_json_scan *s, const char *text, size_t size, fc_arena *arena);

/* Skips white space, then takes c if it comes next. */
bool fc_scan_take(fc_json_scan *s, char c);
/* The same, but anything else is a problem. */
void fc_scan_want(fc_json_scan *s, char c);
/* The items of an object or array whose opening bracket was taken:
 *   for (bool first = true; fc_scan_item(s, &first, ']');) ... read one item ... */
bool fc_scan_item(fc_json_scan *s, bool *first, char closing);
/* A string, unescaped, NUL-terminated, valid UTF-8 without NUL characters. */
const char *fc_scan_string(fc_json_scan *s);
/* A number without fraction or exponent that fits. */
int64_t fc_scan_integer(fc_json_scan *s);
/* Only white space may be left. */
void fc_scan_end(fc_json_scan *s);

#endif
