/* A growing list of texts, and what Python's str does to lines of text: prompts, style templates and wildcard
 * files are cut the way Fooocus cuts them. */
#ifndef FC_APP_COMMON_LINES_H
#define FC_APP_COMMON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

/* Memory comes from the arena; its sticky status tells whether something is missing in the end. */
typedef struct fc_lines {
    fc_arena *arena;
    const char **items; /* never NULL below count */
    size_t count, cap;
} fc_lines;

void fc_lines_init(fc_lines *l, fc_arena *arena);
void fc_lines_add(fc_lines *l, const char *text, size_t size); /* a copy */
/* Every line of text without its end, as str.splitlines(): also \v, \f, \x1c-\x1e, U+0085, U+2028, U+2029 end
 * lines; no empty line behind the last end. */
void fc_lines_split(fc_lines *l, const char *text, size_t size);

/* The next line of [*at, end): its length; *at moves behind its end. Call while *at < end. */
size_t fc_line_next(const char **at, const char *end);
/* Moves *text and shortens *size past white space at both ends, as str.strip(). */
void fc_text_strip(const char **text, size_t *size);

/* A prompt box -> prompts: every line with runs of spaces made one and commas, dots and spaces taken off both
 * ends; empty lines are dropped, but at least one (empty) line is added. The first is the main prompt. */
void fc_prompt_split(fc_lines *l, const char *text, size_t size);

#endif
