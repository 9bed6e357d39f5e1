/* The AMX instructions under the names that tile_amx.h and peak_amx.h are written in. Only for files compiled
 * for AMX; the operating system must have been asked for the tile registers (isa.c). */
#ifndef FC_BACKEND_CPU_AMX_H
#define FC_BACKEND_CPU_AMX_H

#include <immintrin.h>
#include <stdint.h>

/* The compiler does not know that loads read memory: no store may move past them. */
#define TILE_LOAD(t, p, stride)                                                                              \
    do {                                                                                                     \
        __asm__ volatile("" ::: "memory");                                                                   \
        _tile_loadd(t, p, stride);                                                                           \
    } while (0)
#define TILE_STORE(t, p, stride) _tile_stored(t, p, stride)
#define TILE_ZERO(t)             _tile_zero(t)
#define TILE_MULADD(c, a, b)     _tile_dpbf16ps(c, a, b)
#define TILES_BEGIN()            _tile_loadconfig(&full_tiles)
#define TILES_END()              _tile_release()

/* Palette 1: eight registers of 16 rows with 64 bytes each. */
static const struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} full_tiles __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#endif
