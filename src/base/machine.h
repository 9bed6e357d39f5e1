/* What the machine has: memory and disk. Linux; elsewhere 0, which means not known. */
#ifndef FC_BASE_MACHINE_H
#define FC_BASE_MACHINE_H

#include <stdint.h>

typedef struct fc_machine_memory {
    uint64_t total, available; /* bytes; within the limit of a container */
} fc_machine_memory;

void fc_machine_memory_read(fc_machine_memory *out);
/* Bytes an ordinary user may still write below path, or below its nearest folder that exists. */
uint64_t fc_machine_disk_free(const char *path);

#endif
