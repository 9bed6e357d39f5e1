/* Intermediate results for tests: see cx.h. */
#include "base/mem.h"
#include "nn/ops.h"

void fc_probe(fc_cx *cx, const char *name, fc_tensor t)
{
    if (!cx->probe || cx->status || !t.data) return;
    char path[FC_CX_PATH];
    fc_cx_path(cx, name, path);
    float *host = fc_alloc((size_t)fc_tensor_rows(t) * (size_t)t.c * sizeof(float));
    if (!host) {
        fc_cx_fail(cx, FC_NOMEM, "out of memory while probing");
        return;
    }
    fc_download(cx, t, host);
    if (!cx->status) cx->probe(cx->probe_user, path, host, t.n, t.h, t.w, t.c);
    fc_free(host);
}
