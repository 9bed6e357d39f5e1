/* Arena: bump allocation, capped, sticky, freed at once. Pointers stay valid until fini: memory comes in
 * blocks that never move. Not thread-safe. */
#ifndef FC_BASE_ARENA_H
#define FC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

struct fc_arena_block;
typedef struct fc_arena {
    struct fc_arena_block *head;
    size_t cap, used, block_size;
    fc_status status; /* sticky: NOMEM or LIMIT after the first failure; later calls return NULL */
} fc_arena;

void fc_arena_init(fc_arena *a, size_t cap_bytes);
void fc_arena_fini(fc_arena *a);
void *fc_arena_alloc(fc_arena *a, size_t size);               /* 16-aligned, zeroed; NULL on failure */
void *fc_arena_array(fc_arena *a, size_t count, size_t size); /* overflow-checked */
char *fc_arena_strndup(fc_arena *a, const char *s, size_t n);
char *fc_arena_strdup(fc_arena *a, const char *s);
char *fc_arena_printf(fc_arena *a, const char *format, ...) FC_PRINTF(2, 3);

#endif
