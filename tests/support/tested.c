#include "support/tested.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *backend = "cpu";

bool tt_tests_cpu(void)
{
    return strcmp(backend, "cpu") == 0;
}

const char *tt_tested_name(void)
{
    return tt_tests_cpu() ? tt_isa() : backend;
}

tt_dev tt_open_tested(int threads)
{
    return tt_open(backend, threads, tt_tests_cpu() ? tt_isa() : NULL);
}

tt_dev tt_open_divided(int threads)
{
    static const char *const switches[][2] = {
        {"FC_VK_BATCH", "1"}, {"FC_VK_MFLOP", "1"}, {"FC_VK_RANGE", "1048576"}};
    for (int i = 0; i < 3; i++) (void)setenv(switches[i][0], switches[i][1], 1);
    tt_dev d = tt_open_tested(threads);
    for (int i = 0; i < 3; i++) (void)unsetenv(switches[i][0]);
    return d;
}

bool tt_tested_has(tt_dev d, fc_dtype t)
{
    fc_backend_info info;
    d.be->info(d.dev, &info);
    return (info.dtypes & FC_DTYPE_BIT(t)) != 0;
}

/* Why no device can be tested; empty: one can. */
static void find_device(fc_err *why)
{
    const fc_backend *be = fc_backend_get(backend);
    fc_dev *dev = NULL;
    *why = (fc_err){0};
    if (!be) {
        (void)fc_fail(why, FC_NOT_FOUND, "built without the backend %s", backend);
        return;
    }
    const fc_backend_opts opts = {.device = tt_device(backend)};
    if (be->open(&opts, &dev, why) == FC_OK) be->close(dev);
}

int tt_main(int argc, char **argv, int (*group)(void))
{
    if (argc < 2) return tt_run_per_isa(FC_ISA_SCALAR, group) == 0 ? 0 : 1;
    fc_err why;
    backend = argv[1];
    if (argc > 2) cmocka_set_test_filter(argv[2]);
    find_device(&why);
    if (!why.message[0]) return group() == 0 ? 0 : 1;
    (void)fprintf(stderr, "skipped: %s\n", why.message);
    return TT_SKIPPED;
}
