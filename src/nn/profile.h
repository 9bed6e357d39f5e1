/* Where the time of a run goes, by kind of op and by block of the model. Switched on by giving a cx a
 * profile. */
#ifndef FC_NN_PROFILE_H
#define FC_NN_PROFILE_H

#include <stdint.h>
#include "base/buf.h"

typedef enum fc_op_kind {
    FC_OP_LINEAR,
    FC_OP_CONV,
    FC_OP_GROUP_NORM,
    FC_OP_LAYER_NORM,
    FC_OP_ATTENTION,
    FC_OP_GEGLU,
    FC_OP_ELEMENTWISE,
    FC_OP_COPY,
    FC_OP_PACK,
    FC_OP_KINDS
} fc_op_kind;

typedef struct fc_profile_row {
    char name[48];
    uint64_t calls;
    double seconds, flops;
} fc_profile_row;

enum { FC_PROFILE_BLOCKS = 128 };

typedef struct fc_profile {
    double (*now)(void); /* seconds: fc_now or fc_cpu_now of base/clock.h */
    fc_profile_row kinds[FC_OP_KINDS];
    fc_profile_row blocks[FC_PROFILE_BLOCKS]; /* first two names of the path */
    int block_count;
} fc_profile;

/* "linear", "group norm" */
const char *fc_op_kind_name(fc_op_kind kind);
/* Empty. now: the clock. */
void fc_profile_init(fc_profile *p, double (*now)(void));
void fc_profile_add(fc_profile *p, fc_op_kind kind, const char *block, double seconds, double flops);
/* Makes the sums of `count` equal runs those of one. */
void fc_profile_divide(fc_profile *p, int count);
/* A table, most expensive first. */
void fc_profile_print(const fc_profile *p, fc_buf *out);

#endif
