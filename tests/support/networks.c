#include "support/networks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/ops.h"
#include "support/nano.h"

/* ---- files ---- */

static fc_weights *open_file(const char *path)
{
    fc_weights *w;
    fc_err err = {0};
    assert_ok(fc_weights_open(&w, path, &err), &err);
    return w;
}

fc_weights *net_weights(const char *kind)
{
    return open_file(fc_test_synth(kind));
}

const char *net_write(const char *name, const fc_synth *s)
{
    const char *path = fc_test_tmp_path(name);
    fc_err err = {0};
    assert_ok(fc_synth_write(path, s, FC_F16, &err), &err);
    return path;
}

fc_weights *net_weights_of(const char *name, const fc_synth *s)
{
    return open_file(net_write(name, s));
}

const char *net_write_nano(const char *name, const net_builder *builders)
{
    fc_synth s;
    fc_synth_init(&s);
    for (; *builders; builders++) (*builders)(&s);
    const char *path = net_write(name, &s);
    fc_synth_fini(&s);
    return path;
}

fc_weights *net_weights_nano(const net_builder *builders)
{
    return open_file(net_write_nano("nano.safetensors", builders));
}

fc_synth_tensor *net_tensor(fc_synth *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->tensors[i].name, name) == 0) return &s->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

void net_check_each_missing(const fc_synth *all, fc_status (*open)(const char *dropped, fc_weights *w),
                            const char *unread)
{
    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->tensors[i].name;
        fc_weights *w = open_file(fc_nano_without(all, name));
        fc_status status = open(name, w), wanted = unread && strstr(name, unread) ? FC_OK : FC_FORMAT;
        if (status != wanted) fail_msg("without %s: %s", name, fc_status_name(status));
        fc_weights_close(w);
    }
}

/* ---- values ---- */

float *net_floats(size_t count)
{
    float *p = fc_calloc(count, sizeof *p);
    assert_non_null(p);
    return p;
}

float *net_golden(const fc_safetensors *golden, const char *name, fc_test_array *shape)
{
    fc_test_array a = fc_test_array_load(golden, name);
    float *nhwc = fc_test_nhwc(&a);
    if (shape) *shape = a;
    fc_test_array_free(&a);
    if (shape) shape->data = NULL;
    return nhwc;
}

fc_tensor net_upload_golden(fc_rig *rig, const fc_safetensors *golden, const char *name, int32_t n, int32_t h,
                            int32_t w, int32_t c)
{
    fc_test_array a;
    float *nhwc = net_golden(golden, name, &a);
    assert_int_equal(a.count, n * h * w * c);
    fc_tensor t = fc_upload(&rig->cx, FC_F32, nhwc, n, h, w, c);
    fc_free(nhwc);
    return t;
}

void net_check_golden(const fc_rig *rig, const fc_safetensors *golden, const char *name, const float *got,
                      double limit)
{
    char what[120];
    fc_test_array a;
    float *want = net_golden(golden, name, &a);
    snprintf(what, sizeof what, "%s %s", rig->label, name);
    assert_rel_error(what, got, want, a.count, limit);
    fc_free(want);
}

double net_limit(const fc_rig *rig, double f32, double bf16)
{
    return rig->cx.act == FC_F32 ? f32 : bf16;
}

int net_worst_u8(const uint8_t *got, const fc_test_array *want)
{
    int worst = 0;
    for (size_t i = 0; i < want->count; i++) {
        int d = abs((int)got[i] - (int)want->data[i]);
        if (d > worst) worst = d;
    }
    return worst;
}

/* ---- torture ---- */

static fc_status run_once(void *user)
{
    const net_run *t = user;
    fc_rig rig = {0};
    fc_weights *w = NULL;
    fc_status status = fc_rig_try_open(&rig, t->backend, t->act, 1, NULL);
    if (status == FC_OK) status = fc_weights_open(&w, t->path, NULL);
    if (status == FC_OK) status = t->run(&rig, w, t->user);
    fc_weights_close(w);
    fc_rig_close(&rig);
    return status;
}

int net_torture(const net_run *t)
{
    char path[600]; /* of a buffer that the run may use again */
    net_run own = *t;
    snprintf(path, sizeof path, "%s", t->path);
    own.path = path;
    return fc_test_torture(run_once, &own);
}
