/* The peak of bf16 products with AMX tiles. */
#include "backend/cpu/peak.h"

#if defined(__x86_64__)
#include "backend/cpu/amx.h"

#include "backend/cpu/peak_amx.h"

enum { ROUNDS = 400000, PASSES = 2000 };

double fc_peak_amx(void)
{
    return peak_registers(ROUNDS);
}

double fc_peak_amx_loaded(uint16_t *memory)
{
    return peak_loaded(memory, FC_PEAK_AMX_BYTES, PASSES);
}
#endif
