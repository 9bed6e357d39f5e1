/* LoRA files of every kind and dress: what they add to a weight, against plain loops and against identities.
 */
#include "nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "support/support.h"

enum { ROWS = 12, COLS = 10 };

static float number(int i, int salt)
{
    return (float)sin(i * 12.9898 + salt * 78.233);
}

/* ---- files ---- */

typedef struct file {
    fc_st_source tensors[8];
    float values[8][600];
    size_t count;
    fc_st_meta meta;
} file;

/* A tensor of made-up values times scale. */
static float *add(file *f, const char *name, int32_t ndim, int64_t a, int64_t b, int64_t c, float scale)
{
    float *v = f->values[f->count];
    for (int i = 0; i < 600; i++) v[i] = scale * number(i, (int)f->count + 3);
    f->tensors[f->count] = (fc_st_source){name, FC_F32, ndim, {a, b, c}, v};
    f->count++;
    return v;
}

static const char *write_file(const file *f, const char *name)
{
    fc_err err = {0};
    const char *path = fc_test_tmp_path(name);
    const fc_st_write what = {.tensors = f->tensors,
                              .count = f->count,
                              .metadata = &f->meta,
                              .metadata_count = f->meta.key ? 1 : 0};
    assert_ok(fc_safetensors_write(path, &what, &err), &err);
    return path;
}

/* ---- one weight [ROWS][COLS] ---- */

typedef struct rig {
    fc_weights *w;
    fc_weight *weight;
    fc_lora *lora[2];
    fc_lora_report report;
    bool transposed;
    float before[ROWS * COLS], after[ROWS * COLS];
} rig;

static bool resolve(void *user, const char *module, size_t length, fc_lora_target *out)
{
    const rig *r = user;
    *out = (fc_lora_target){.weight = r->weight, .rows = -1, .transposed = r->transposed};
    return length == 1 && *module == 'm';
}

static void open_rig(rig *r)
{
    file base = {0};
    fc_err err = {0};
    *r = (rig){0};
    add(&base, "weight", 2, ROWS, COLS, 0, 1);
    assert_ok(fc_weights_open(&r->w, write_file(&base, "base.safetensors"), &err), &err);
    r->weight = fc_weights_find(r->w, "weight");
    assert_ok(fc_weight_read(r->weight, 0, ROWS, r->before), &err);
}

/* Adds the file at `path` and reads the weight, at once and row by row: the same. */
static void attach(rig *r, int which, const char *path, double strength)
{
    fc_err err = {0};
    float row[COLS];
    assert_ok(fc_lora_open(&r->lora[which], path, &err), &err);
    assert_ok(fc_lora_attach(r->lora[which], strength, resolve, r, &r->report, &err), &err);
    assert_ok(fc_weight_read(r->weight, 0, ROWS, r->after), &err);
    for (int i = 0; i < ROWS; i++) {
        assert_ok(fc_weight_read(r->weight, i, 1, row), &err);
        assert_memory_equal(row, r->after + i * COLS, sizeof row);
    }
}

static void close_rig(rig *r)
{
    fc_weights_take_off(r->w, NULL);
    for (int i = 0; i < 2; i++) fc_lora_close(r->lora[i]);
    fc_weights_close(r->w);
}

/* The largest difference between what was added and strength * factor * up @ down [ROWS][COLS]. */
static double off_low_rank(const rig *r, const float *up, const float *down, int rank, double factor)
{
    double worst = 0;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            double want = 0;
            for (int k = 0; k < rank; k++) want += (double)up[i * rank + k] * (double)down[k * COLS + j];
            double got = (double)r->after[i * COLS + j] - (double)r->before[i * COLS + j];
            worst = fmax(worst, fabs(got - factor * want));
        }
    return worst;
}

/* ---- spellings of one low-rank module ---- */

static void test_endings(void **state)
{
    (void)state;
    static const char *const ends[][2] = {
        {"m.lora_up.weight", "m.lora_down.weight"},
        {"m.lora_B.weight", "m.lora_A.weight"},
        {"m.lora_B.default.weight", "m.lora_A.default.weight"},
        {"m.lora_B.default_0.weight", "m.lora_A.default_0.weight"},
        {"m.lora_B.my-style.weight", "m.lora_A.my-style.weight"},
        {"m.lora_B", "m.lora_A"},
        {"m.lora_up", "m.lora_down"},
        {"m_lora.up.weight", "m_lora.down.weight"},
        {"m.lora.up.weight", "m.lora.down.weight"},
        {"m.lora_linear_layer.up.weight", "m.lora_linear_layer.down.weight"}};
    double worst = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        file f = {0};
        rig r;
        open_rig(&r);
        float *up = add(&f, ends[i][0], 2, ROWS, 2, 0, 1), *down = add(&f, ends[i][1], 2, 2, COLS, 0, 1);
        attach(&r, 0, write_file(&f, "lora.safetensors"), 0.5);
        if (r.report.matched != 1 || r.report.unmatched) fail_msg("%s: %s", ends[i][0], r.report.examples);
        worst = fmax(worst, off_low_rank(&r, up, down, 2, 0.5));
        close_rig(&r);
    }
    assert_at_most("low rank, every ending", worst, 2.2e-7); /* measured 7.4e-8 */
}

/* Alphas as numbers of any type, and in the metadata. */
static void test_alphas(void **state)
{
    (void)state;
    static const int64_t four64 = 4;
    static const int32_t four32 = 4;
    static const uint8_t four8 = 4;
    static const struct {
        fc_dtype type;
        const void *data;
        const char *metadata;
        double factor; /* rank 2 */
    } cases[] = {
        {FC_I64, &four64, NULL, 2},
        {FC_I32, &four32, NULL, 2},
        {FC_U8, &four8, NULL, 2},
        {FC_F32, NULL, "{\"lora_alpha\": 6, \"r\": 2}", 3},
        {FC_F32, NULL, "{\"unet.lora_alpha\": 6, \"unet.alpha_pattern\": {\"m\": 1}}", 0.5},
        {FC_F32, NULL, "{\"unet.lora_alpha\": 4, \"unet.use_rslora\": true}", 2 * 1.4142135623730951},
        {FC_F32, NULL, "{\"text_encoder.lora_alpha\": 6}", 1},
        {FC_F32, NULL, "not JSON", 1},
        {FC_I64, &four64, "{\"lora_alpha\": 6}", 2}, /* the tensor counts */
    };
    double worst = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file f = {0};
        rig r;
        open_rig(&r);
        float *up = add(&f, "m.lora_up.weight", 2, ROWS, 2, 0, 1),
              *down = add(&f, "m.lora_down.weight", 2, 2, COLS, 0, 1);
        if (cases[i].data)
            f.tensors[f.count++] = (fc_st_source){"m.alpha", cases[i].type, 0, {0}, cases[i].data};
        if (cases[i].metadata) f.meta = (fc_st_meta){"lora_adapter_metadata", cases[i].metadata};
        attach(&r, 0, write_file(&f, "lora.safetensors"), 1);
        assert_int_equal(r.report.matched, 1);
        assert_int_equal(r.report.unmatched, 0);
        worst = fmax(worst, off_low_rank(&r, up, down, 2, cases[i].factor));
        close_rig(&r);
    }
    assert_at_most("alphas", worst, 9e-7); /* measured 3.2e-7 */
}

/* ---- OFT ---- */

/* With R = (I + Q) (I - Q)^-1 and W' = R^T W: (I + Q) W' = (I - Q) W. */
static double off_rotation(const float *blocks, int n, double factor, const float *before, const float *after)
{
    double worst = 0;
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < COLS; j++) {
            int block = row / n, i = row % n;
            const float *b = blocks + block * n * n;
            double left = (double)after[row * COLS + j], right = (double)before[row * COLS + j];
            for (int k = 0; k < n; k++) {
                double q = factor * ((double)b[i * n + k] - (double)b[k * n + i]);
                left += q * (double)after[(block * n + k) * COLS + j];
                right -= q * (double)before[(block * n + k) * COLS + j];
            }
            worst = fmax(worst, fabs(left - right));
        }
    return worst;
}

static void test_oft(void **state)
{
    (void)state;
    double worst = 0;
    for (int n = 1; n <= ROWS; n++) {
        if (ROWS % n) continue;
        file f = {0};
        rig r;
        open_rig(&r);
        float *blocks = add(&f, "m.oft_blocks", 3, ROWS / n, n, n, 0.4f);
        attach(&r, 0, write_file(&f, "oft.safetensors"), 1);
        assert_int_equal(r.report.matched, 1);
        worst = fmax(worst, off_rotation(blocks, n, 1, r.before, r.after));
        for (int j = 0; j < COLS; j++) { /* lengths stay */
            double old = 0, now = 0;
            for (int i = 0; i < ROWS; i++) {
                old += (double)r.before[i * COLS + j] * (double)r.before[i * COLS + j];
                now += (double)r.after[i * COLS + j] * (double)r.after[i * COLS + j];
            }
            assert_true(fabs(now - old) < 1e-5 * old);
        }
        close_rig(&r);
    }
    assert_at_most("(I + Q) W' = (I - Q) W", worst, 7e-7); /* measured 2.4e-7 */
}

/* Half the strength goes half the way; alpha bounds Q; rescale follows; a LoRA before it is turned along. */
static void test_oft_with_company(void **state)
{
    (void)state;
    file plain = {0}, bounded = {0}, scaled = {0}, lora = {0};
    rig whole, half, r;
    float *blocks = add(&plain, "m.oft_blocks", 3, 3, 4, 4, 0.4f), norm = 0;
    const char *path = write_file(&plain, "oft.safetensors");
    open_rig(&whole);
    open_rig(&half);
    attach(&whole, 0, path, 1);
    attach(&half, 0, path, 0.5);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_true(fabsf(half.after[i] - (whole.before[i] + whole.after[i]) / 2) < 1e-6f);
    close_rig(&half);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
                float q = blocks[k * 16 + i * 4 + j] - blocks[k * 16 + j * 4 + i];
                norm += q * q;
            }
    add(&bounded, "m.oft_blocks", 3, 3, 4, 4, 0.4f);
    *add(&bounded, "m.alpha", 0, 0, 0, 0, 1) = sqrtf(norm) / 2 / ROWS; /* half of its norm, per row */
    open_rig(&r);
    attach(&r, 0, write_file(&bounded, "bounded.safetensors"), 1);
    assert_at_most("bounded by alpha", off_rotation(blocks, 4, 0.5, r.before, r.after), 3.9e-7); /* 1.3e-7 */
    close_rig(&r);
    add(&scaled, "m.oft_blocks", 3, 3, 4, 4, 0.4f);
    float *factors = add(&scaled, "m.rescale", 2, ROWS, 1, 0, 1);
    open_rig(&r);
    attach(&r, 0, write_file(&scaled, "scaled.safetensors"), 1);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_true(fabsf(r.after[i] - factors[i / COLS] * whole.after[i]) < 2e-6f);
    close_rig(&r);
    close_rig(&whole);
    float *up = add(&lora, "m.lora_up.weight", 2, ROWS, 1, 0, 1),
          *down = add(&lora, "m.lora_down.weight", 2, 1, COLS, 0, 1);
    open_rig(&r);
    attach(&r, 0, write_file(&lora, "first.safetensors"), 1);
    float between[ROWS * COLS];
    memcpy(between, r.after, sizeof between);
    assert_at_most("the first", off_low_rank(&r, up, down, 1, 1), 2.4e-7); /* 8.3e-8 */
    attach(&r, 1, path, 1);
    assert_at_most("turned along", off_rotation(blocks, 4, 1, between, r.after), 6.9e-7); /* 2.3e-7 */
    close_rig(&r);
}

/* ---- IA3, transposed weights ---- */

static void test_ia3(void **state)
{
    (void)state;
    static const uint8_t marks[] = {0, 1};
    for (int input = 0; input < 2; input++) {
        file f = {0};
        rig r;
        open_rig(&r);
        float *w = add(&f, "m.weight", 1, input ? COLS : ROWS, 0, 0, 1);
        f.tensors[f.count++] = (fc_st_source){"m.on_input", FC_BOOL, 0, {0}, &marks[input]};
        attach(&r, 0, write_file(&f, "ia3.safetensors"), 0.5);
        assert_int_equal(r.report.matched, 1);
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLS; j++) {
                float want = r.before[i * COLS + j] * (1 + 0.5f * w[input ? j : i]);
                assert_true(fabsf(r.after[i * COLS + j] - want) < 1e-6f);
            }
        close_rig(&r);
    }
}

static void test_transposed(void **state)
{
    (void)state;
    file f = {0};
    rig r;
    open_rig(&r);
    r.transposed = true;
    float *up = add(&f, "m.lora_up.weight", 2, COLS, 3, 0, 1),
          *down = add(&f, "m.lora_down.weight", 2, 3, ROWS, 0, 1);
    attach(&r, 0, write_file(&f, "lora.safetensors"), 1);
    assert_int_equal(r.report.matched, 1);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
            float want = r.before[i * COLS + j];
            for (int k = 0; k < 3; k++) want += up[j * 3 + k] * down[k * ROWS + i];
            assert_true(fabsf(r.after[i * COLS + j] - want) < 2e-6f);
        }
    close_rig(&r);
}

/* ---- what is told ---- */

static void test_what_is_not_used(void **state)
{
    (void)state;
    file boft = {0}, plain = {0};
    rig r;
    fc_err err = {0};
    add(&boft, "m.oft_blocks", 4, 2, 3, 4, 0.1f);
    boft.tensors[0].shape[3] = 4;
    open_rig(&r);
    attach(&r, 0, write_file(&boft, "boft.safetensors"), 1);
    assert_int_equal(r.report.other, 1);
    assert_string_equal(r.report.kind, "BOFT");
    assert_memory_equal(r.before, r.after, sizeof r.before);
    close_rig(&r);
    add(&plain, "m.weight", 2, ROWS, COLS, 0, 1);
    assert_fails(fc_lora_open(&r.lora[0], write_file(&plain, "plain.safetensors"), &err), FC_UNSUPPORTED,
                 &err, "m.weight");
}

/* ---- files found in the field ---- */

static const char *field(const char *name)
{
    char path[100];
    snprintf(path, sizeof path, "tests/data/field/loras/%s", name);
    return fc_test_source_path(path);
}

static void test_field_files(void **state)
{
    (void)state;
    static const char *const whole[] = {"plain.safetensors", "pickled.bin", "int_alpha.safetensors",
                                        "oft.safetensors"};
    fc_err err = {0};
    fc_lora *l;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        assert_ok(fc_lora_open(&l, field(whole[i]), &err), &err);
        assert_null(fc_lora_damage(l));
        fc_lora_close(l);
    }
    assert_ok(fc_lora_open(&l, field("nan.safetensors"), &err), &err);
    assert_non_null(strstr(fc_lora_damage(l), "lora_"));
    fc_lora_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_alphas),
        cmocka_unit_test(test_oft),
        cmocka_unit_test(test_oft_with_company),
        cmocka_unit_test(test_ia3),
        cmocka_unit_test(test_transposed),
        cmocka_unit_test(test_what_is_not_used),
        cmocka_unit_test(test_field_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
