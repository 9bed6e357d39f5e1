/* Files that are part of the program: a table made at build time by tools/gen_embed.c, sorted by name. */
#ifndef FC_BASE_EMBED_H
#define FC_BASE_EMBED_H

#include <stddef.h>

typedef struct fc_embedded_file {
    const char *name; /* relative path, '/' between: "styles/sai.json" */
    const char *data; /* a NUL follows the last byte */
    size_t size;
} fc_embedded_file;

typedef struct fc_embedded_set {
    const fc_embedded_file *files; /* sorted by strcmp of the names */
    size_t count;
} fc_embedded_set;

/* NULL when there is no such file. */
const fc_embedded_file *fc_embedded_find(const fc_embedded_set *set, const char *name);

#endif
