/* app/resolutions and app/performance: tables, spellings, ratios. */
#include <string.h>

#include "app/settings/performance.h"
#include "app/settings/resolutions.h"
#include "base/mem.h"
#include "support/support.h"

static void sizes_are_read_in_every_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t width, height;
        bool trained;
    } cases[] = {
        {"1152*896", 1152, 896, true},
        {"1152x896", 1152, 896, true},
        {"1152X896", 1152, 896, true},
        {"1152\xc3\x97"
         "896",
         1152, 896, true},
        {"  1152 x 896 ", 1152, 896, true},
        {"1152\xc3\x97"
         "896 <span style=\"color: grey;\"> \xe2\x88\xa3 9:7</span>",
         1152, 896, true},
        {"1152\xc3\x97"
         "896<b>",
         1152, 896, true},
        {"896*1152 (7:9)", 896, 1152, true},
        {"(1152, 896)", 1152, 896, true},
        {"( 1024 , 1024)", 1024, 1024, true},
        {"64x4096", 64, 4096, false},
        {"1920x1080", 1920, 1080, false},
        {"1000x1000", 1000, 1000, false},
        {"0896x0896", 896, 896, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_resolution r;
        bool trained;
        fc_err err;
        assert_ok(fc_resolution_parse(cases[i].text, &r, &trained, &err), &err);
        assert_int_equal(r.width, cases[i].width);
        assert_int_equal(r.height, cases[i].height);
        assert_int_equal(trained, cases[i].trained);
    }
}

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not a picture size"},
        {"1152", "not a picture size"},
        {"x896", "not a picture size"},
        {"1152x", "not a picture size"},
        {"1152x-896", "not a picture size"},
        {"-1152x896", "not a picture size"},
        {"1152,896", "not a picture size"},
        {"(1152, 896", "not a picture size"},
        {"1152x896x3", "not a picture size"},
        {"1152x896px", "not a picture size"},
        {"9:7", "not a picture size"},
        {"1000000000000x64", "not a picture size"},
        {"999999x64", "nearest such size is 4096x64"},
        {"0x0", "nearest such size is 64x64"},
        {"1155x893", "nearest such size is 1152x896"},
        {"1156x896", "nearest such size is 1160x896"},
        {"4104x64", "nearest such size is 4096x64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_resolution r = {1, 2};
        fc_err err;
        assert_fails(fc_resolution_parse(cases[i][0], &r, NULL, &err), FC_ARG, &err, cases[i][1]);
        assert_int_equal(r.width, 1);
        assert_int_equal(r.height, 2);
    }
}

static void what_is_trained_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool trained;
    } cases[] = {{"704x1408", true},  {"1024x1024", true},  {"1152x896", true},   {"1728x576", true},
                 {"1408x704", true},  {"896x1152", true},   {"1024x1032", false}, {"1152x888", false},
                 {"576x1728", false}, {"1920x1080", false}, {"64x64", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_resolution r;
        bool trained;
        fc_err err;
        assert_ok(fc_resolution_parse(cases[i].text, &r, &trained, &err), &err);
        if (trained != cases[i].trained) fail_msg("%s: %d", cases[i].text, trained);
    }
}

static const char *forced_value(const fc_performance *mode, fc_param_id id)
{
    const fc_forced_value *v;
    for (size_t i = 0; (v = fc_performance_forced_at(mode, i)); i++)
        if (v->id == id) return v->value;
    return NULL;
}

/* What a mode forces is marked so in params.def: help and page go by the mark. */
static void forced_fields_are_marked(void **state)
{
    (void)state;
    const fc_performance *mode;
    const fc_forced_value *v;
    for (size_t i = 0; (mode = fc_performance_at(FC_RECIPE_2_5, i)); i++)
        for (size_t k = 0; (v = fc_performance_forced_at(mode, k)); k++) {
            const fc_param *p = &fc_param_table[v->id];
            char *canonical;
            fc_err err = {0};
            if (!(p->marks & FC_MARK_NOT_FAST)) fail_msg("%s has no FC_MARK_NOT_FAST", p->name);
            assert_ok(fc_param_canonical(p, v->value, &canonical, &err), &err);
            assert_string_equal(canonical, v->value);
            fc_free(canonical);
        }
}

static void modes_have_their_steps(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t steps, upscale;
        const char *lora, *sampler, *scheduler;
        double weight;
    } cases[] = {
        {"Quality", 60, 36, NULL, NULL, NULL, 0},
        {"Speed", 30, 18, NULL, NULL, NULL, 0},
        {"Extreme Speed", 8, 8, "sdxl_lcm_lora.safetensors", "lcm", "lcm", 1},
        {"Lightning", 4, 4, "sdxl_lightning_4step_lora.safetensors", "euler", "sgm_uniform", 1},
        {"Hyper-SD", 4, 4, "sdxl_hyper_sd_4step_lora.safetensors", "dpmpp_sde_gpu", "karras", 0.8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fc_performance *p = fc_performance_at(FC_RECIPE_2_5, i);
        assert_string_equal(p->name, cases[i].name);
        assert_int_equal(fc_performance_steps(p, false, -1), cases[i].steps);
        assert_int_equal(fc_performance_steps(p, true, -1), cases[i].upscale);
        assert_int_equal(fc_performance_steps(p, true, 7), 7);
        assert_ptr_equal(fc_performance_find(FC_RECIPE_2_5, p->name), p);
        assert_ptr_equal(fc_performance_find(FC_RECIPE_2_5, p->id), p);
        assert_int_equal(p->forced != NULL, cases[i].lora != NULL);
        if (!p->forced) continue;
        assert_string_equal(p->forced->lora, cases[i].lora);
        assert_string_equal(forced_value(p, FC_P_sampler), cases[i].sampler);
        assert_string_equal(forced_value(p, FC_P_scheduler), cases[i].scheduler);
        assert_true(p->forced->lora_weight >= cases[i].weight && p->forced->lora_weight <= cases[i].weight);
        assert_string_equal(forced_value(p, FC_P_cfg), "1");
    }
    assert_null(fc_performance_at(FC_RECIPE_2_5, 5));
    assert_null(fc_performance_at(FC_RECIPE_2_5, 6));
}

static void recipe_1_0_has_its_order_and_switch_steps(void **state)
{
    (void)state;
    const fc_performance *p;
    fc_err err;
    assert_string_equal(fc_performance_at(FC_RECIPE_1_0, 0)->name, "Speed");
    assert_int_equal(fc_performance_at(FC_RECIPE_1_0, 0)->v1_switch_step, 20);
    assert_string_equal(fc_performance_at(FC_RECIPE_1_0, 1)->name, "Quality");
    assert_int_equal(fc_performance_at(FC_RECIPE_1_0, 1)->v1_switch_step, 40);
    assert_string_equal(fc_performance_at(FC_RECIPE_1_0, 2)->name, "Extreme Speed");
    assert_null(fc_performance_at(FC_RECIPE_1_0, 5));
    assert_ok(fc_performance_get(FC_RECIPE_2_5, "extreme_SPEED", &p, &err), &err);
    assert_ok(fc_performance_get(FC_RECIPE_1_0, "lightning", &p, &err), &err);
    assert_fails(fc_performance_get(FC_RECIPE_2_5, "Speedy", &p, &err), FC_ARG, &err, "Extreme Speed");
    assert_fails(fc_performance_get(FC_RECIPE_2_5, "", &p, &err), FC_ARG, &err, "Hyper-SD");
    assert_null(p);
}

static void switch_steps_round_as_python_does(void **state)
{
    (void)state;
    assert_int_equal(fc_performance_switch_step(30, 0.8, -1), 24);
    assert_int_equal(fc_performance_switch_step(30, 0.5, -1), 15);
    assert_int_equal(fc_performance_switch_step(5, 0.5, -1), 2); /* 2.5 to even */
    assert_int_equal(fc_performance_switch_step(7, 0.5, -1), 4); /* 3.5 to even */
    assert_int_equal(fc_performance_switch_step(60, 0.6667, -1), 40);
    assert_int_equal(fc_performance_switch_step(30, 0.8, 3), 3);
    assert_int_equal(fc_performance_switch_step(30, 1, 0), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_in_every_spelling),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(what_is_trained_is_known),
        cmocka_unit_test(modes_have_their_steps),
        cmocka_unit_test(forced_fields_are_marked),
        cmocka_unit_test(recipe_1_0_has_its_order_and_switch_steps),
        cmocka_unit_test(switch_steps_round_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
