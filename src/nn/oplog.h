/* A backend that computes nothing and writes down what it is asked for: the operations of a model at a size,
 * each kind and shape once, with the number of its calls. What it "downloads" are small numbers without
 * meaning. Not in the registry: who wants the list opens it by hand. */
#ifndef FC_NN_OPLOG_H
#define FC_NN_OPLOG_H

#include "nn/backend.h"
#include "nn/profile.h"

/* What of an operand the cost of an op can depend on. */
typedef struct fc_op_operand {
    int32_t present, dtype;
    int32_t n, h, w, c, ld;
} fc_op_operand;

/* One kind of call. Only int32_t: compared as bytes. */
typedef struct fc_op_call {
    int32_t part; /* a number of the user's own: fc_oplog.part at that time */
    int32_t kind; /* fc_op_kind */
    /* ATTENTION: x, k, v; axpby: x, z in k; others: x. rowadd and add: of the tail */
    fc_op_operand y, x, k, v, rowadd, add;
    int32_t y_is_x, add_is_y; /* in place */
    fc_conv_geom geom;        /* CONV */
    int32_t bias, scaled;     /* LINEAR, CONV: there is a bias; the tail's scale is not 1 */
    int32_t act;              /* fc_act */
    int32_t heads, causal;    /* ATTENTION */
    int32_t groups;           /* GROUP_NORM */
    int32_t only_stats;       /* GROUP_NORM: y receives x's statistics */
    int32_t terms;            /* ELEMENTWISE: 1 unary, 2 axpby */
} fc_op_call;

typedef struct fc_oplog_row {
    fc_op_call call;
    uint64_t calls;
} fc_oplog_row;

enum { FC_OPLOG_ROWS = 1024 };

typedef struct fc_oplog {
    int32_t part;  /* noted with every call; set it at any time */
    int32_t count; /* rows, in the order of their first call */
    bool overflow; /* there were more kinds of calls than rows */
    fc_oplog_row row[FC_OPLOG_ROWS];
} fc_oplog;

extern const fc_backend fc_oplog_backend;
/* Where a device of this backend writes; NULL (as at first): nowhere. */
void fc_oplog_attach(fc_dev *dev, fc_oplog *log);

/* FLOP of one call; 0 for what only moves or norms. */
double fc_op_call_flops(const fc_op_call *c);
/* Bytes of all operands of one call but the weight. */
double fc_op_call_bytes(const fc_op_call *c);

#endif
