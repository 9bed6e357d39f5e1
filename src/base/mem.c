/* The one place that calls malloc. Counts allocations (torture tests) and the bytes held in large blocks. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Below this a block is not worth two atomic additions. */
enum { LARGE_BLOCK = 1 << 20 };
/* Aligned blocks from here on get huge pages where the system has them: gigabytes of weights cost a hundred
 * thousand page faults less, and fewer misses of the address cache while they are read. */
enum { HUGE_PAGE = 2 << 20, HUGE_BLOCK = 2 * HUGE_PAGE };

static atomic_uint_fast64_t allocation_count; /* since the last fc_mem_fail_at */
static atomic_uint_fast64_t fail_number;      /* 0 = never */
static atomic_uint_fast64_t bytes_now, bytes_peak;

bool fc_size_mul(size_t a, size_t b, size_t *out)
{
    if (!__builtin_mul_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

bool fc_size_add(size_t a, size_t b, size_t *out)
{
    if (!__builtin_add_overflow(a, b, out)) return true;
    *out = 0;
    return false;
}

static bool must_fail(void)
{
    uint64_t number = atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed) + 1;
    return number == atomic_load_explicit(&fail_number, memory_order_relaxed);
}

static void count_gain(size_t bytes)
{
    if (bytes < LARGE_BLOCK) return;
    uint64_t now = atomic_fetch_add(&bytes_now, bytes) + bytes;
    uint_fast64_t peak = atomic_load(&bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {}
}

static void count_loss(size_t bytes)
{
    if (bytes >= LARGE_BLOCK) atomic_fetch_sub(&bytes_now, bytes);
}

void *fc_alloc(size_t size)
{
    if (must_fail()) return NULL;
    void *p = malloc(size ? size : 1);
    if (p) count_gain(malloc_usable_size(p));
    return p;
}

void *fc_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!fc_size_mul(count, size, &bytes) || must_fail()) return NULL;
    void *p = calloc(bytes ? bytes : 1, 1);
    if (p) count_gain(malloc_usable_size(p));
    return p;
}

void *fc_realloc(void *old, size_t size)
{
    if (must_fail()) return NULL;
    size_t old_bytes = malloc_usable_size(old);
    void *p = realloc(old, size ? size : 1);
    if (!p) return NULL;
    count_loss(old_bytes);
    count_gain(malloc_usable_size(p));
    return p;
}

void fc_free(void *p)
{
    if (!p) return;
    count_loss(malloc_usable_size(p));
    free(p);
}

void *fc_alloc_aligned(size_t alignment, size_t size)
{
    void *p = NULL;
    bool huge = size >= HUGE_BLOCK;
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    if (huge && alignment < HUGE_PAGE) alignment = HUGE_PAGE;
    if (must_fail() || posix_memalign(&p, alignment, size ? size : 1) != 0) return NULL;
    if (huge) (void)madvise(p, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    count_gain(malloc_usable_size(p));
    return p;
}

char *fc_strdup(const char *s)
{
    return fc_strndup(s, strlen(s));
}

char *fc_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n), bytes;
    if (!fc_size_add(len, 1, &bytes)) return NULL;
    char *copy = fc_alloc(bytes);
    if (!copy) return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

uint64_t fc_mem_fail_at(uint64_t n)
{
    atomic_store(&fail_number, n);
    return atomic_exchange(&allocation_count, 0);
}

void fc_mem_usage(uint64_t *now, uint64_t *peak)
{
    if (now) *now = atomic_load(&bytes_now);
    if (peak) *peak = atomic_load(&bytes_peak);
}
