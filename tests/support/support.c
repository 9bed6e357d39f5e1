#include "support/support.h"

#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "support/synth.h"

/* ---- paths ---- */

static char tmpdir[512];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_tmpdir(void)
{
    nftw(tmpdir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fc_test_tmpdir(void)
{
    if (tmpdir[0]) return tmpdir;
    const char *parent = getenv("FC_TEST_TMP");
    fc_err err;
    if (!parent || !*parent) parent = "/tmp";
    assert_ok(fc_mkdir_all(parent, &err), &err);
    snprintf(tmpdir, sizeof tmpdir, "%s/fc-test-XXXXXX", parent);
    if (!mkdtemp(tmpdir)) fail_msg("cannot make a folder in %s", parent);
    atexit(remove_tmpdir);
    return tmpdir;
}

/* One of a few buffers in turn, so that a caller may hold some paths at a time. */
static const char *joined(const char *dir, const char *name)
{
    static char paths[16][1024];
    static int next;
    char *path = paths[next++ % 16];
    if (fc_path_join(path, sizeof paths[0], dir, name) != FC_OK) fail_msg("path too long: %s/%s", dir, name);
    return path;
}

const char *fc_test_tmp_path(const char *name)
{
    return joined(fc_test_tmpdir(), name);
}

const char *fc_test_source_path(const char *relative)
{
    return joined(FC_SOURCE_DIR, relative);
}

/* ---- golden data ---- */

const char *fc_test_golden(const char *name)
{
    static const char *const folders[] = {"tests/golden", "../shared/golden"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *path = joined(fc_test_source_path(folders[i]), name);
        if (fc_path_exists(path)) return path;
    }
    return NULL;
}

static const char *golden_or_skip(const char *name)
{
    const char *path = fc_test_golden(name);
    if (path) return path;
    print_message("skipped: golden file %s is not here\n", name);
    skip();
    return NULL;
}

void fc_test_golden_open(fc_safetensors *st, const char *name)
{
    fc_err err;
    assert_ok(fc_safetensors_open(st, golden_or_skip(name), &err), &err);
}

void fc_test_golden_open_full(fc_safetensors *st, const char *name)
{
    fc_err err;
    const char *whole = joined(fc_test_source_path("../shared/golden"), name);
    assert_ok(fc_safetensors_open(st, fc_path_exists(whole) ? whole : golden_or_skip(name), &err), &err);
}

json_t *fc_test_golden_json(const char *name)
{
    json_error_t problem;
    const char *path = golden_or_skip(name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!root) fail_msg("%s:%d: %s", path, problem.line, problem.text);
    return root;
}

bool fc_test_has(const fc_safetensors *st, const char *tensor_name)
{
    return fc_safetensors_find(st, tensor_name) != NULL;
}

fc_test_array fc_test_array_load(const fc_safetensors *st, const char *tensor_name)
{
    const fc_st_tensor *t = fc_safetensors_find(st, tensor_name);
    fc_test_array a = {0};
    if (!t) fail_msg("no tensor \"%s\" in the file", tensor_name);
    a.count = t->count;
    a.ndim = t->ndim;
    memcpy(a.shape, t->shape, sizeof a.shape);
    a.data = fc_calloc(t->count ? t->count : 1, sizeof *a.data);
    assert_non_null(a.data);
    fc_to_f32(a.data, t->data, t->dtype, t->count);
    return a;
}

void fc_test_array_free(fc_test_array *a)
{
    fc_free(a->data);
    *a = (fc_test_array){0};
}

const char *fc_test_synth(const char *kind)
{
    fc_synth s;
    fc_err err;
    char name[64];
    snprintf(name, sizeof name, "%s.safetensors", kind);
    const char *path = fc_test_tmp_path(name);
    if (fc_path_exists(path)) return path;
    assert_ok(fc_synth_build(&s, kind, &err), &err);
    assert_ok(fc_synth_write(path, &s, FC_F16, &err), &err);
    fc_synth_fini(&s);
    return path;
}

/* ---- comparisons ---- */

double fc_test_rel_error(const float *got, const float *want, size_t count)
{
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    return norm > 0.0 ? sqrt(difference / norm) : sqrt(difference);
}

double fc_test_abs_error(const float *got, const float *want, size_t count)
{
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        if (!(d <= worst)) worst = d; /* a NaN stays */
        if (isnan(worst)) return worst;
    }
    return worst;
}

void fc_test_check_limit(const char *what, const char *kind, double measured, double limit, const char *file,
                         int line)
{
    print_message("  %s: %s %.3g (limit %.3g)\n", what, kind, measured, limit);
    if (measured <= limit) return;
    print_error("%s: %s error %.6g is over the limit %.6g\n", what, kind, measured, limit);
    _fail(file, line);
}

void fc_test_check_status(fc_status status, fc_status wanted, const fc_err *err, const char *file, int line)
{
    if (status == wanted) return;
    print_error("status %s, wanted %s%s%s\n", fc_status_name(status), fc_status_name(wanted),
                status != FC_OK && err ? ": " : "", status != FC_OK && err ? err->message : "");
    _fail(file, line);
}

void fc_test_check_message(const fc_err *err, const char *part, const char *file, int line)
{
    if (part ? strstr(err->message, part) != NULL : err->message[0] != '\0') return;
    print_error("the message \"%s\" has no \"%s\"\n", err->message, part ? part : "");
    _fail(file, line);
}

/* ---- torture ---- */

int fc_test_torture(fc_status (*run)(void *user), void *user)
{
    for (uint64_t n = 1;; n++) {
        fc_mem_fail_at(n);
        fc_status status = run(user);
        uint64_t made = fc_mem_fail_at(0);
        if (made < n) { /* nothing failed any more */
            assert_int_equal(status, FC_OK);
            return (int)n - 1;
        }
        if (status != FC_OK && status != FC_NOMEM)
            fail_msg("failing allocation %" PRIu64 " gave %s", n, fc_status_name(status));
        if (n > 100000) fail_msg("no end of allocations");
    }
}
