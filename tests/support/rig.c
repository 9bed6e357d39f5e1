#include "support/rig.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/tensors.h"

fc_status fc_rig_try_open(fc_rig *rig, const char *backend, fc_dtype act, int threads, fc_err *err)
{
    memset(rig, 0, sizeof *rig);
    rig->backend = tt_backend(backend);
    if (!rig->backend) return fc_fail(err, FC_NOT_FOUND, "no backend %s", backend);
    snprintf(rig->label, sizeof rig->label, "%s %s", backend,
             act == FC_F32   ? "f32"
             : act == FC_F16 ? "f16"
                             : "bf16");
    fc_status s = rig->backend->open(&(fc_backend_opts){.device = tt_device(backend), .threads = threads},
                                     &rig->dev, err);
    if (s) return s;
    fc_packcache_init(&rig->packs, rig->backend, rig->dev, SIZE_MAX);
    fc_cx_init(&rig->cx,
               &(fc_cx_opts){.backend = rig->backend, .dev = rig->dev, .packs = &rig->packs, .act = act});
    return FC_OK;
}

bool fc_rig_open(fc_rig *rig, const char *backend, fc_dtype act, int threads)
{
    fc_err err = {0};
    fc_status s = fc_rig_try_open(rig, backend, act, threads, &err);
    if (s == FC_NOT_FOUND) return false;
    if (s == FC_UNSUPPORTED && tt_device(backend)) { /* no graphics driver is installed */
        print_message("%s is left out: %s\n", backend, err.message);
        return false;
    }
    assert_ok(s, &err);
    return true;
}

void fc_rig_close(fc_rig *rig)
{
    if (!rig->dev) return;
    fc_cx_fini(&rig->cx);
    fc_packcache_fini(&rig->packs);
    rig->backend->close(rig->dev);
    rig->dev = NULL;
}

void fc_rig_check(const fc_rig *rig)
{
    fc_err err = {0};
    assert_ok(fc_cx_status(&rig->cx, &err), &err);
}

void fc_rig_each(void (*test)(fc_rig *rig, void *user), void *user)
{
    static const fc_dtype dtypes[] = {FC_F32, FC_BF16};
    for (const char *const *name = fc_backend_names(); *name; name++)
        for (int i = 0; i < 2; i++) {
            fc_rig rig;
            if (!fc_rig_open(&rig, *name, dtypes[i], 0)) continue;
            if (rig.cx.dtypes & FC_DTYPE_BIT(dtypes[i])) {
                test(&rig, user);
                fc_rig_check(&rig);
            }
            fc_rig_close(&rig);
        }
}

static float *permute(const float *from, int64_t n, int64_t outer, int64_t inner)
{
    size_t count = (size_t)(n * outer * inner);
    float *to = fc_alloc(count * sizeof *to);
    assert_non_null(to);
    for (int64_t i = 0; i < n; i++)
        for (int64_t a = 0; a < outer; a++)
            for (int64_t b = 0; b < inner; b++)
                to[(i * inner + b) * outer + a] = from[(i * outer + a) * inner + b];
    return to;
}

float *fc_test_nhwc(const fc_test_array *a)
{
    if (a->ndim == 4) return permute(a->data, a->shape[0], a->shape[1], a->shape[2] * a->shape[3]);
    return permute(a->data, 1, 1, (int64_t)a->count);
}

float *fc_test_nchw(const float *nhwc, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return permute(nhwc, n, h * w, c);
}
