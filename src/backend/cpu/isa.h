/* Which instruction sets this machine has, in steps that the kernels are written for. */
#ifndef FC_BACKEND_CPU_ISA_H
#define FC_BACKEND_CPU_ISA_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fc_isa {
    FC_ISA_SCALAR,     /* what every machine of this architecture has */
    FC_ISA_AVX2,       /* with FMA and F16C */
    FC_ISA_AVX512,     /* F, BW, VL, DQ */
    FC_ISA_AVX512BF16, /* and VDPBF16PS */
    FC_ISA_AMX,        /* and tiles with bf16 products */
    FC_ISA_COUNT
} fc_isa;

fc_isa fc_isa_detect(void);
const char *fc_isa_name(fc_isa isa);  /* "avx512bf16" */
const char *fc_isa_title(fc_isa isa); /* "AVX-512 BF16" */
bool fc_isa_parse(const char *name, fc_isa *out);
/* "AMD EPYC 9654 96-Core Processor"; "CPU" when the machine does not tell. */
void fc_cpu_brand(char *out, size_t size);

#endif
