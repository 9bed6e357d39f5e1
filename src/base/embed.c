/* See embed.h. */
#include "base/embed.h"

#include <string.h>

const fc_embedded_file *fc_embedded_find(const fc_embedded_set *set, const char *name)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, set->files[middle].name);
        if (order == 0) return &set->files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
