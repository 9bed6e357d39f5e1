/* The only owner of malloc. Every allocation can be made to fail on purpose (torture tests). */
#ifndef FC_BASE_MEM_H
#define FC_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Overflow-checked size arithmetic: false and *out = 0 when the result does not fit. */
bool fc_size_mul(size_t a, size_t b, size_t *out);
bool fc_size_add(size_t a, size_t b, size_t *out);

void *fc_alloc(size_t size); /* uninitialised; NULL when out of memory; size 0 gives a unique pointer */
void *fc_calloc(size_t count, size_t size);            /* zeroed, overflow-checked */
void *fc_realloc(void *old, size_t size);              /* as realloc */
void fc_free(void *p);                                 /* NULL is fine */
void *fc_alloc_aligned(size_t alignment, size_t size); /* alignment: power of two; free with fc_free */
char *fc_strdup(const char *s);
char *fc_strndup(const char *s, size_t n);

/* Test hook: the n-th allocation from now (1 = the next) and only that one fails; 0 turns it off.
 * Returns how many allocations were made since the last call. */
uint64_t fc_mem_fail_at(uint64_t n);
/* Bytes held now and at most, over the whole process, by the functions above (large blocks only: >= 1 MiB).
 */
void fc_mem_usage(uint64_t *now, uint64_t *peak);

#endif
