/* numpy's SeedSequence with a pool of 24 words: turns a seed and a node's place in the Brownian tree into the
 * seed of that node's generator. Pure functions of their arguments. */
#ifndef FC_DIFFUSION_SEEDSEQ_H
#define FC_DIFFUSION_SEEDSEQ_H

#include <stddef.h>
#include <stdint.h>

void fc_seedseq_root(uint64_t entropy, uint32_t *out, size_t count);
/* With the spawn key (key, depth). */
void fc_seedseq_spawned(uint64_t entropy, uint64_t key, uint64_t depth, uint32_t *out, size_t count);

#endif
