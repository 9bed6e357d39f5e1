/* Arena: a chain of zeroed blocks, the newest first. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

#ifdef FC_HARD
enum { BLOCK_SIZE = 256 };
#else
enum { BLOCK_SIZE = 64 * 1024 };
#endif
enum { ALIGNMENT = 16 };

struct fc_arena_block {
    struct fc_arena_block *next;
    size_t size, used; /* of bytes[] */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

void fc_arena_init(fc_arena *a, size_t cap_bytes)
{
    *a = (fc_arena){.cap = cap_bytes, .block_size = BLOCK_SIZE};
}

void fc_arena_fini(fc_arena *a)
{
    while (a->head) {
        struct fc_arena_block *next = a->head->next;
        fc_free(a->head);
        a->head = next;
    }
    *a = (fc_arena){.cap = a->cap, .block_size = a->block_size};
}

static void *fail(fc_arena *a, fc_status status)
{
    a->status = status;
    return NULL;
}

/* A block for at least size bytes (a multiple of ALIGNMENT). A request of its own goes behind the head, so
 * that the head's free rest stays in use. */
static struct fc_arena_block *add_block(fc_arena *a, size_t size)
{
    bool own = size > a->block_size / 4 && a->head;
    size_t bytes = size > a->block_size || own ? size : a->block_size;
    struct fc_arena_block *block = fc_calloc(1, sizeof *block + bytes);
    if (!block) return NULL;
    block->size = bytes;
    struct fc_arena_block **place = own ? &a->head->next : &a->head;
    block->next = *place;
    *place = block;
    return block;
}

void *fc_arena_alloc(fc_arena *a, size_t size)
{
    if (a->status != FC_OK) return NULL;
    if (size > a->cap - a->used || size > SIZE_MAX / 2) return fail(a, FC_LIMIT);
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) rounded = ALIGNMENT; /* every pointer is unique */
    if (rounded > a->cap - a->used) return fail(a, FC_LIMIT);
    struct fc_arena_block *block = a->head;
    if (!block || block->size - block->used < rounded) block = add_block(a, rounded);
    if (!block) return fail(a, FC_NOMEM);
    void *p = block->bytes + block->used;
    block->used += rounded;
    a->used += rounded;
    return p;
}

void *fc_arena_array(fc_arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (!fc_size_mul(count, size, &bytes)) return a->status == FC_OK ? fail(a, FC_LIMIT) : NULL;
    return fc_arena_alloc(a, bytes);
}

char *fc_arena_strndup(fc_arena *a, const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = fc_arena_alloc(a, len + 1);
    if (copy) memcpy(copy, s, len);
    return copy;
}

char *fc_arena_strdup(fc_arena *a, const char *s)
{
    return fc_arena_strndup(a, s, strlen(s));
}

char *fc_arena_printf(fc_arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : fc_arena_alloc(a, (size_t)n + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}
