/* Which instructions this machine has, and the kernels for them. See isa.h. */
#include "backend/cpu/isa.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *title;
} levels[FC_ISA_COUNT] = {
    {"scalar", "no vector extensions"}, {"avx2", "AVX2"}, {"avx512", "AVX-512"},
    {"avx512bf16", "AVX-512 BF16"},     {"amx", "AMX"},
};

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool bit(uint32_t word, int n)
{
    return (word >> n) & 1u;
}

/* The register states that the operating system saves: bits 1 and 2 SSE and AVX, 5 to 7 AVX-512, 17 and 18
 * tiles. */
static uint64_t saved_states(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return ((uint64_t)hi << 32) | lo;
}

/* Linux hands out the tile registers on request only. */
static bool tiles_permitted(void)
{
    const long request_permission = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

fc_isa fc_isa_detect(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !bit(c, 27)) return FC_ISA_SCALAR; /* OSXSAVE */
    const uint64_t avx = 0x6, avx512 = 0xe6, tiles = 0x60000;
    uint64_t saved = saved_states();
    bool fma = bit(c, 12), f16c = bit(c, 29);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return FC_ISA_SCALAR;
    if (!fma || !f16c || !bit(b, 5) || (saved & avx) != avx) return FC_ISA_SCALAR;
    bool has_512 = bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31); /* F, DQ, BW, VL */
    if (!has_512 || (saved & avx512) != avx512) return FC_ISA_AVX2;
    bool has_amx = bit(d, 22) && bit(d, 24) && (saved & tiles) == tiles; /* AMX-BF16, AMX-TILE */
    uint32_t a1, b1, c1, d1;
    if (!__get_cpuid_count(7, 1, &a1, &b1, &c1, &d1) || !bit(a1, 5)) return FC_ISA_AVX512;
    return has_amx && tiles_permitted() ? FC_ISA_AMX : FC_ISA_AVX512BF16;
}

void fc_cpu_brand(char *out, size_t size)
{
    uint32_t words[12] = {0}, top, unused[3];
    char text[sizeof words + 1];
    (void)snprintf(out, size, "CPU");
    if (!__get_cpuid(0x80000000u, &top, &unused[0], &unused[1], &unused[2]) || top < 0x80000004u) return;
    for (uint32_t i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                         &words[4 * i + 3]))
            return;
    memcpy(text, words, sizeof words);
    text[sizeof words] = 0;
    const char *start = text + strspn(text, " ");
    if (*start) (void)snprintf(out, size, "%s", start);
    for (size_t n = strlen(out); n > 0 && out[n - 1] == ' '; n--) out[n - 1] = 0;
}
#else
fc_isa fc_isa_detect(void)
{
    return FC_ISA_SCALAR;
}

void fc_cpu_brand(char *out, size_t size)
{
    (void)snprintf(out, size, "CPU");
}
#endif

const char *fc_isa_name(fc_isa isa)
{
    return levels[isa].name;
}

const char *fc_isa_title(fc_isa isa)
{
    return levels[isa].title;
}

bool fc_isa_parse(const char *name, fc_isa *out)
{
    for (int i = 0; i < FC_ISA_COUNT; i++) {
        if (strcmp(levels[i].name, name) != 0) continue;
        *out = (fc_isa)i;
        return true;
    }
    return false;
}
