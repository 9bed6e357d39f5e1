/* Sums of time by kind of op and by part of the network. See profile.h. */
#include "nn/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[FC_OP_KINDS] = {"linear",      "conv",      "group norm",
                                                    "layer norm",  "attention", "geglu",
                                                    "elementwise", "copy",      "pack weights"};

const char *fc_op_kind_name(fc_op_kind kind)
{
    return kind_names[kind];
}

void fc_profile_init(fc_profile *p, double (*now)(void))
{
    *p = (fc_profile){.now = now};
    for (int i = 0; i < FC_OP_KINDS; i++)
        snprintf(p->kinds[i].name, sizeof p->kinds[i].name, "%s", kind_names[i]);
}

static void add(fc_profile_row *row, double seconds, double flops)
{
    row->calls++;
    row->seconds += seconds;
    row->flops += flops;
}

void fc_profile_add(fc_profile *p, fc_op_kind kind, const char *block, double seconds, double flops)
{
    add(&p->kinds[kind], seconds, flops);
    int i = 0;
    while (i < p->block_count && strcmp(p->blocks[i].name, block) != 0) i++;
    if (i == p->block_count) {
        if (i == FC_PROFILE_BLOCKS) return;
        snprintf(p->blocks[i].name, sizeof p->blocks[i].name, "%s", block);
        p->block_count++;
    }
    add(&p->blocks[i], seconds, flops);
}

static void divide(fc_profile_row *rows, int row_count, int count)
{
    for (int i = 0; i < row_count; i++) {
        rows[i].calls /= (uint64_t)count;
        rows[i].seconds /= count;
        rows[i].flops /= count;
    }
}

void fc_profile_divide(fc_profile *p, int count)
{
    divide(p->kinds, FC_OP_KINDS, count);
    divide(p->blocks, p->block_count, count);
}

static int by_seconds(const void *a, const void *b)
{
    const fc_profile_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static void print_rows(const fc_profile_row *rows, int count, fc_buf *out)
{
    fc_profile_row sorted[FC_PROFILE_BLOCKS];
    double total = 0;
    memcpy(sorted, rows, (size_t)count * sizeof *rows);
    qsort(sorted, (size_t)count, sizeof *sorted, by_seconds);
    for (int i = 0; i < count; i++) total += sorted[i].seconds;
    for (int i = 0; i < count; i++) {
        const fc_profile_row *r = &sorted[i];
        if (!r->calls) continue;
        fc_buf_printf(out, "%-40s %7llu calls %9.1f ms %5.1f %%", r->name, (unsigned long long)r->calls,
                      r->seconds * 1e3, total > 0 ? 100 * r->seconds / total : 0);
        if (r->flops > 0 && r->seconds > 0)
            fc_buf_printf(out, " %8.1f GFLOP/s", r->flops / r->seconds * 1e-9);
        fc_buf_puts(out, "\n");
    }
}

void fc_profile_print(const fc_profile *p, fc_buf *out)
{
    print_rows(p->kinds, FC_OP_KINDS, out);
    fc_buf_puts(out, "\n");
    print_rows(p->blocks, p->block_count, out);
}
