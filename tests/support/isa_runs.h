/* Runs a group of tests once for every instruction set level that this machine has, each in a process of its
 * own: oneDNN can be held to a level only once per process. */
#ifndef FC_TESTS_ISA_RUNS_H
#define FC_TESTS_ISA_RUNS_H

#include "backend/cpu/isa.h"

/* The level of this process: what to open the cpu backend with. */
const char *tt_isa(void);
/* The number of levels at which the group failed. */
int tt_run_per_isa(fc_isa from, int (*group)(void));

#endif
