/* The one door for text that people write: settings, presets, styles, wildcards, JSON of any origin. Editors
 * save it as UTF-8 with or without a byte order mark or as UTF-16 with one, with line ends of any system;
 * behind this door it is UTF-8 with '\n'. */
#ifndef FC_BASE_TEXT_H
#define FC_BASE_TEXT_H

#include "base/buf.h"

/* Appends the text in data to out. FORMAT with a sentence that says what to do when it is no text: other
 * encodings, malformed UTF-8 or UTF-16, NUL characters. */
fc_status fc_text_read(const void *data, size_t size, fc_buf *out, fc_err *err) FC_MUST_USE;
/* The text of a file of at most out's cap; errors name the path. */
fc_status fc_text_read_file(const char *path, fc_buf *out, fc_err *err) FC_MUST_USE;

#endif
