/* Forms with files: the first line is the Content-Type, the rest the body. Parts lie inside the body and do
 * not overlap. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "format/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fc_part parts[FC_PARTS_MAX];
    size_t count;
    fc_err err;
    const uint8_t *line = memchr(data, '\n', size);
    size_t n = line ? (size_t)(line - data) : size;
    char type[300];
    if (n >= sizeof type) return 0;
    memcpy(type, data, n);
    type[n] = '\0';
    const char *body = (const char *)data + n + (line != NULL), *end = (const char *)data + size;
    if (fc_multipart_cut(type, body, (size_t)(end - body), parts, FC_PARTS_MAX, &count, &err) != FC_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].data < body || parts[i].size > (size_t)(end - parts[i].data)) abort();
        if (strlen(parts[i].name) >= sizeof parts[i].name || !*parts[i].name) abort();
        if (i > 0 && parts[i].data < parts[i - 1].data + parts[i - 1].size) abort();
        for (size_t k = 0; k < parts[i].size; k += 64) *(volatile const char *)(parts[i].data + k);
    }
    return 0;
}
