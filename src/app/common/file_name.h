/* Which file a name means: however a person, a picture or a program of another system writes it. */
#ifndef FC_APP_COMMON_FILE_NAME_H
#define FC_APP_COMMON_FILE_NAME_H

#include <stddef.h>

/* The first of files (paths, or names below a folder) that answers to name best, or count. In this order: the
 * same text; the last part ("ink.safetensors"); either without ending ("style/ink", "ink"); the last parts of
 * a path, with or without ending; the same without regard to capitals. '\' is '/'. */
size_t fc_file_name_find(const char *const *files, size_t count, const char *name);

#endif
