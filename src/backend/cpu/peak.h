/* The limits of the machine's arithmetic: loops of independent multiply-adds that nothing else slows down.
 * Each function does one thread's share, a fixed amount of some 10 ms, and returns how many FLOP it was. */
#ifndef FC_BACKEND_CPU_PEAK_H
#define FC_BACKEND_CPU_PEAK_H

#include <stddef.h>
#include <stdint.h>

double fc_peak_generic(void); /* float32, what any machine has */
#if defined(__x86_64__)
double fc_peak_avx2(void);
double fc_peak_avx512(void);
double fc_peak_avx512bf16(void);
/* 0 when the tiles did not compute what they should */
double fc_peak_amx(void);
/* memory: FC_PEAK_AMX_BYTES, 64-byte aligned; it is overwritten. */
double fc_peak_amx_loaded(uint16_t *memory);
#endif

/* More than the first level cache holds, less than the second. */
#define FC_PEAK_AMX_BYTES ((size_t)512 << 10)

#endif
