/* The peak of bf16 products with AMX tiles, with the instructions as macros, as in tile_amx.h: the tests run
 * this text on machines without AMX.
 *
 * One multiply-add of two tiles takes 16 cycles and its result comes after 52, so four independent sums keep
 * the unit busy. All values are one: a sum is a whole number that float32 holds exactly, and shows that
 * everything was computed. */

enum {
    PEAK_TILE = 16 * 32, /* values of a tile of bf16 */
    PEAK_MULADD_FLOP = 2 * 16 * 16 * 32,
    PEAK_SUM = 32 /* what one multiply-add of ones adds to each result */
};

/* Sets n values to one. */
static void peak_fill(uint16_t *memory, size_t n)
{
    const uint16_t one = 0x3f80;
    for (size_t i = 0; i < n; i++) memory[i] = one;
}

/* The four sums are zeroed: TILES_BEGIN must have come before. */
static inline void peak_zero(void)
{
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
}

static inline void peak_muladd(void)
{
    TILE_MULADD(0, 4, 6);
    TILE_MULADD(1, 4, 7);
    TILE_MULADD(2, 5, 6);
    TILE_MULADD(3, 5, 7);
}

/* Two tiles of a, two of b, one behind the other. */
static inline void peak_load(const uint16_t *tiles)
{
    TILE_LOAD(4, tiles, 64);
    TILE_LOAD(5, tiles + PEAK_TILE, 64);
    TILE_LOAD(6, tiles + 2 * PEAK_TILE, 64);
    TILE_LOAD(7, tiles + 3 * PEAK_TILE, 64);
}

/* FLOP of `rounds` times four multiply-adds, 0 when a sum is wrong. */
static double peak_result(long rounds)
{
    float sums[4][16 * 16];
    TILE_STORE(0, sums[0], 64);
    TILE_STORE(1, sums[1], 64);
    TILE_STORE(2, sums[2], 64);
    TILE_STORE(3, sums[3], 64);
    for (int t = 0; t < 4; t++)
        for (int i = 0; i < 16 * 16; i++)
            if (sums[t][i] != (float)(rounds * PEAK_SUM)) return 0.0;
    return 4.0 * PEAK_MULADD_FLOP * (double)rounds;
}

/* rounds * PEAK_SUM must be below 2^24. */
static double peak_registers(long rounds)
{
    uint16_t tiles[4 * PEAK_TILE] __attribute__((aligned(64)));
    peak_fill(tiles, 4 * PEAK_TILE);
    TILES_BEGIN();
    peak_load(tiles);
    peak_zero();
    for (long n = 0; n < rounds; n++) peak_muladd();
    double flop = peak_result(rounds);
    TILES_END();
    return flop;
}

/* Walks `passes` times through memory of `bytes`, a multiple of four tiles. */
static double peak_loaded(uint16_t *memory, size_t bytes, long passes)
{
    const size_t step = 4 * PEAK_TILE, values = bytes / sizeof *memory;
    peak_fill(memory, values);
    TILES_BEGIN();
    peak_zero();
    for (long n = 0; n < passes; n++) {
        for (size_t at = 0; at < values; at += step) {
            peak_load(memory + at);
            peak_muladd();
        }
    }
    double flop = peak_result(passes * (long)(values / step));
    TILES_END();
    return flop;
}
