/* LoRA: merged weights against the reference's (tests/golden/lora.safetensors, v25_lora.safetensors), names,
 * kinds the reference lacks (DoRA, PEFT), reports, and that nothing is packed again in vain. */
#include "nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/lora_names.h"
#include "support/loras.h"
#include "support/support.h"
#include "support/synth.h"

#define UNET   "model.diffusion_model."
#define CLIP_L "conditioner.embedders.0.transformer.text_model.encoder."
#define CLIP_G "conditioner.embedders.1.model.transformer.resblocks."

typedef struct rig {
    fc_weights *weights;
    fc_lora_names *names;
} rig;

static void rig_open(rig *r)
{
    fc_err err = {0};
    assert_ok(fc_weights_open(&r->weights, fc_test_synth("tiny_base"), &err), &err);
    assert_ok(fc_lora_names_new(&r->names, r->weights, &err), &err);
}

static void rig_close(rig *r)
{
    fc_lora_names_free(r->names);
    fc_weights_close(r->weights);
}

static fc_lora *lora_open(const char *path)
{
    fc_err err = {0};
    fc_lora *l = NULL;
    assert_non_null(path);
    assert_ok(fc_lora_open(&l, path, &err), &err);
    return l;
}

static fc_lora_report attach(rig *r, fc_lora *l, double strength)
{
    fc_err err = {0};
    fc_lora_report report;
    assert_ok(fc_lora_attach(l, strength, fc_lora_names_resolve, r->names, &report, &err), &err);
    return report;
}

/* The golden files' name of a weight -> ours; *row0 and *rows: the part of a fused tensor. */
static const char *our_name(const char *golden, int32_t *row0, int32_t *rows)
{
    static char name[256];
    int layer = 0;
    char rest[128];
    *row0 = 0;
    *rows = -1;
    if (sscanf(golden, "clip_g.layers.%d.q_proj.%120s", &layer, rest) == 2) {
        snprintf(name, sizeof name, CLIP_G "%d.attn.in_proj_%s", layer, rest);
        *rows = 64;
    } else if (sscanf(golden, "clip_l.layers.%d.%120s", &layer, rest) == 2) {
        snprintf(name, sizeof name, CLIP_L "layers.%d.%s", layer, rest);
    } else {
        snprintf(name, sizeof name, UNET "%s", golden);
    }
    return name;
}

static float *read_rows(const fc_weight *w, int32_t row0, int32_t rows, size_t *count)
{
    int32_t n = rows < 0 ? (int32_t)fc_weight_rows(w) : rows;
    *count = (size_t)n * (size_t)fc_weight_cols(w);
    float *out = fc_alloc(*count * sizeof *out);
    assert_non_null(out);
    assert_int_equal(fc_weight_read(w, row0, n, out), FC_OK);
    return out;
}

/* Sum and sum of squares of what the patches change, measured against the reference's. */
static void check_sums(fc_weight *w, const fc_st_tensor *want, const float *merged, size_t count,
                       const char *what)
{
    double sums[2] = {0, 0}, wanted[2] = {0, 0};
    fc_weight_patch *patches = w->patches;
    w->patches = NULL;
    size_t n;
    float *plain = read_rows(w, 0, -1, &n);
    w->patches = patches;
    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++) {
        double d = (double)merged[i] - (double)plain[i];
        sums[0] += d;
        sums[1] += d * d;
    }
    memcpy(wanted, want->data, want->size < sizeof wanted ? want->size : sizeof wanted);
    if (want->count ==
        2) /* the file rounds each of up to a million merged values to float32: measured 6e-9 relative */
        assert_at_most(what, fabs(sums[1] - wanted[1]) / wanted[1], 1.8e-8);
    fc_free(plain);
}

/* Every stored tensor of a tag: "lora_kohya.0.5.<weight>" */
static int check_tag(rig *r, const fc_safetensors *golden, const char *tag, double limit)
{
    int checked = 0;
    size_t length = strlen(tag);
    for (size_t i = 0; i < golden->count; i++) {
        const fc_st_tensor *t = &golden->tensors[i];
        const char *rest = t->name + length + 1;
        if (strncmp(t->name, tag, length) != 0 || t->name[length] != '.') continue;
        char base[200];
        snprintf(base, sizeof base, "%s", rest);
        char *sums = strstr(base, ".sum.f64");
        if (sums) *sums = 0;
        int32_t row0, rows;
        fc_weight *w = fc_weights_find(r->weights, our_name(base, &row0, &rows));
        if (!w) continue; /* outputs of whole networks: test_lora_outputs */
        size_t count;
        float *merged = read_rows(w, row0, rows, &count);
        if (sums) {
            check_sums(w, t, merged, count, t->name);
        } else { /* large ones: only the first values are stored */
            fc_test_array want = fc_test_array_load(golden, t->name);
            assert_true(want.count <= count);
            assert_abs_error(t->name, merged, want.data, want.count, limit);
            fc_test_array_free(&want);
        }
        fc_free(merged);
        checked++;
    }
    return checked;
}

static void test_first_version(void **state)
{
    static const struct {
        const char *file;
        int matched, unmatched;
    } files[] = {{"lora_kohya", 57, 1}, {"lora_lycoris", 8, 0}, {"lora_diffusers", 16, 0}};
    static const double strengths[] = {0.5, 1.0, -0.7};
    static const char *const tags[] = {"0.5", "1.0", "-0.7"};
    (void)state;
    rig r;
    fc_safetensors golden;
    rig_open(&r);
    fc_test_golden_open(&golden, "lora.safetensors");
    for (size_t f = 0; f < 3; f++) {
        char name[64];
        snprintf(name, sizeof name, "%s.safetensors", files[f].file);
        fc_lora *l = lora_open(fc_test_golden(name));
        for (size_t s = 0; s < 3; s++) {
            fc_lora_report report = attach(&r, l, strengths[s]);
            assert_int_equal(report.matched, files[f].matched);
            assert_int_equal(report.unmatched, files[f].unmatched);
            assert_int_equal(report.misfit, 0);
            snprintf(name, sizeof name, "%s.%s", files[f].file, tags[s]);
            assert_true(check_tag(&r, &golden, name, 4.5e-8) >= 2); /* measured: 1.5e-8 */
            fc_weights_take_off(r.weights, NULL);
        }
        fc_lora_close(l);
    }
    fc_safetensors_close(&golden);
    rig_close(&r);
}

/* What 2.5.5 added. The file also holds a module of a wrong shape, a bias for a layer that has none, and a
 * DoRA magnitude, which the reference leaves out and which is left out here for the comparison. */
static void test_full_differences(void **state)
{
    static const struct {
        const char *tag;
        struct {
            int file; /* 0 v25_lora_full, 1 lora_kohya */
            double strength;
        } use[2];
        int uses;
    } cases[] = {{"full.1.0", {{0, 1.0}}, 1},
                 {"full.0.6", {{0, 0.6}}, 1},
                 {"full_kohya", {{0, 0.8}, {1, 0.5}}, 2},
                 {"kohya_full", {{1, 0.5}, {0, 0.8}}, 2},
                 {"full_twice", {{0, 0.5}, {0, 0.5}}, 2}};
    (void)state;
    rig r;
    fc_safetensors golden;
    rig_open(&r);
    fc_test_golden_open(&golden, "v25_lora.safetensors");
    fc_lora *files[2] = {lora_open(fc_test_lora_without_magnitudes()),
                         lora_open(fc_test_golden("lora_kohya.safetensors"))};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int u = 0; u < cases[i].uses; u++) {
            fc_lora_report report = attach(&r, files[cases[i].use[u].file], cases[i].use[u].strength);
            if (cases[i].use[u].file == 0) assert_int_equal(report.misfit, 2);
        }
        /* measured: 1.8e-7 with GLoRA, which multiplies by the weight itself */
        assert_true(check_tag(&r, &golden, cases[i].tag, 5e-7) >= 7); /* 7 and 8 are stored */
        fc_weights_take_off(r.weights, NULL);
    }
    fc_lora_close(files[0]);
    fc_lora_close(files[1]);
    fc_safetensors_close(&golden);
    rig_close(&r);
}

/* ---- what the reference lacks ---- */

enum { RANK = 2, WIDTH = 128 };
#define MODULE "input_blocks.4.1.transformer_blocks.0.attn1.to_q"
#define PEFT   "base_model.model.unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"

typedef struct pair {
    float up[WIDTH * RANK], down[RANK * WIDTH], magnitude[WIDTH];
} pair;

static void fill(float *v, size_t n, const char *name, float scale)
{
    const fc_synth_tensor t = {.name = name, .ndim = 1, .shape = {(int64_t)n}, .scale = (double)scale};
    fc_synth_values(v, &t, 0, n);
}

static const char *write_pair(const pair *p, const char *module, const char *const endings[3], bool per_input,
                              const char *file)
{
    char names[3][200];
    for (int i = 0; i < 3; i++)
        snprintf(names[i], sizeof names[i], "%s%s", module, endings[i] ? endings[i] : "");
    fc_st_source tensors[3] = {
        {.name = names[0], .dtype = FC_F32, .ndim = 2, .shape = {WIDTH, RANK}, .data = p->up},
        {.name = names[1], .dtype = FC_F32, .ndim = 2, .shape = {RANK, WIDTH}, .data = p->down},
        {.name = names[2], .dtype = FC_F32, .ndim = 2, .shape = {WIDTH, 1}, .data = p->magnitude}};
    if (per_input) {
        tensors[2].shape[0] = 1;
        tensors[2].shape[1] = WIDTH;
    }
    fc_err err = {0};
    const char *path = fc_test_tmp_path(file);
    assert_ok(
        fc_safetensors_write(path, &(fc_st_write){.tensors = tensors, .count = endings[2] ? 3 : 2}, &err),
        &err);
    return path;
}

static pair make_pair(void)
{
    pair p;
    fill(p.up, WIDTH * RANK, "up", 0.2f);
    fill(p.down, RANK * WIDTH, "down", 0.2f);
    fill(p.magnitude, WIDTH, "magnitude", 0.5f);
    for (int i = 0; i < WIDTH; i++) p.magnitude[i] += 1;
    return p;
}

/* The definition, written out with whole matrices in double. */
static void expect_dora(const float *w, const pair *p, bool per_input, double strength, float *out)
{
    static double changed[WIDTH][WIDTH];
    double norm[WIDTH] = {0};
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) {
            double v = (double)w[i * WIDTH + j];
            for (int k = 0; k < RANK; k++) v += (double)p->up[i * RANK + k] * (double)p->down[k * WIDTH + j];
            changed[i][j] = v;
            norm[per_input ? j : i] += v * v;
        }
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) {
            int n = per_input ? j : i;
            double v = changed[i][j] / sqrt(norm[n]) * (double)p->magnitude[n],
                   old = (double)w[i * WIDTH + j];
            out[i * WIDTH + j] = (float)(old + strength * (v - old));
        }
}

static void test_dora(void **state)
{
    static const char *const endings[3] = {".lora_B.weight", ".lora_A.weight", ".lora_magnitude_vector"};
    static float want[WIDTH * WIDTH];
    (void)state;
    rig r;
    rig_open(&r);
    const pair p = make_pair();
    fc_weight *w = fc_weights_find(r.weights, UNET MODULE ".weight");
    size_t count;
    float *plain = read_rows(w, 0, -1, &count);
    for (int per_input = 0; per_input < 2; per_input++) {
        fc_lora *l = lora_open(write_pair(&p, PEFT, endings, per_input, "dora.safetensors"));
        fc_lora_report report = attach(&r, l, 0.7);
        assert_int_equal(report.matched, 1);
        float *got = read_rows(w, 0, -1, &count);
        expect_dora(plain, &p, per_input, 0.7, want);
        assert_rel_error(per_input ? "DoRA per input" : "DoRA per row", got, want, count,
                         3e-7); /* measured 6e-8 */
        fc_free(got);
        fc_weights_take_off(r.weights, NULL);
        fc_lora_close(l);
    }
    fc_free(plain);
    rig_close(&r);
}

/* kohya's, diffusers', PEFT's and the bare spelling are one weight. */
static void test_spellings(void **state)
{
    static const struct {
        const char *module, *up, *down;
    } spellings[] = {{"lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q", ".lora_up.weight",
                      ".lora_down.weight"},
                     {"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
                      ".lora_up.weight", ".lora_down.weight"},
                     {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q",
                      "_lora.up.weight", "_lora.down.weight"},
                     {"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", ".lora.up.weight",
                      ".lora.down.weight"},
                     {PEFT, ".lora_B.weight", ".lora_A.weight"},
                     {"diffusion_model." MODULE, ".lora_B.default.weight", ".lora_A.default.weight"}};
    (void)state;
    rig r;
    rig_open(&r);
    const pair p = make_pair();
    fc_weight *w = fc_weights_find(r.weights, UNET MODULE ".weight");
    float *first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const char *const endings[3] = {spellings[i].up, spellings[i].down, NULL};
        fc_lora *l = lora_open(write_pair(&p, spellings[i].module, endings, false, "spelling.safetensors"));
        assert_int_equal(attach(&r, l, 1).matched, 1);
        float *got = read_rows(w, 0, -1, &count);
        if (first) assert_memory_equal(first, got, count * sizeof *got);
        if (first) fc_free(got);
        if (!first) first = got;
        fc_weights_take_off(r.weights, NULL);
        fc_lora_close(l);
    }
    fc_free(first);
    rig_close(&r);
}

/* Versions decide what is packed again: the same list gives the same version, another strength another one,
 * none gives 0. */
static void test_versions(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    fc_lora *l = lora_open(fc_test_golden("lora_kohya.safetensors"));
    fc_weight *touched = fc_weights_find(r.weights, UNET "input_blocks.4.1.proj_in.weight");
    fc_weight *other = fc_weights_find(r.weights, UNET "input_blocks.1.0.in_layers.2.weight");
    attach(&r, l, 0.5);
    uint64_t half = touched->version;
    assert_int_not_equal(half, 0);
    assert_int_equal(other->version, 0);
    fc_weights_take_off(r.weights, NULL);
    assert_int_equal(touched->version, 0);
    attach(&r, l, 0.7);
    assert_int_not_equal(touched->version, half);
    fc_weights_take_off(r.weights, NULL);
    attach(&r, l, 0.5);
    assert_int_equal(touched->version, half);
    fc_weights_take_off(r.weights, NULL);
    attach(&r, l, 0); /* strength 0 is no LoRA */
    assert_int_equal(touched->version, 0);
    fc_lora_close(l);
    rig_close(&r);
}

static fc_status torture_run(void *user)
{
    rig *r = user;
    fc_lora *l = NULL;
    fc_lora_report report;
    fc_err err = {0};
    fc_status s = fc_lora_open(&l, fc_test_golden("lora_lycoris.safetensors"), &err);
    if (!s) s = fc_lora_attach(l, 0.5, fc_lora_names_resolve, r->names, &report, &err);
    fc_weight *w = fc_weights_find(r->weights, UNET "input_blocks.5.0.in_layers.2.weight");
    static float row[128 * 9];
    if (!s) s = fc_weight_read(w, 3, 1, row);
    fc_weights_take_off(r->weights, NULL);
    fc_lora_close(l);
    return s;
}

static void test_torture(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    assert_true(fc_test_torture(torture_run, &r) > 5);
    rig_close(&r);
}

static void test_wrong_files(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_lora *l = NULL;
    assert_fails(fc_lora_open(&l, "/nonexistent/x.safetensors", &err), FC_NOT_FOUND, &err, NULL);
    assert_null(l);
    assert_fails(fc_lora_open(&l, fc_test_golden("rng.safetensors"), &err), FC_UNSUPPORTED, &err,
                 "not a LoRA");
    assert_null(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_version), cmocka_unit_test(test_full_differences),
        cmocka_unit_test(test_dora),          cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_torture),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
