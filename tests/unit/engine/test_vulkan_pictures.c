/* Whole pictures on a graphics device (Mesa's software driver, or FC_TEST_DEVICE) against the processor's:
 * the demo model, every precision, and a device that is smaller than it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "support/runs.h"
#include "support/tested.h"

static const char *const prompt = "a red house in the mountains", *const nothing = "";

/* The one without noise of its own: what it shows is the networks' difference alone. */
static const char *const sampler = "euler";

#define DEMO FC_SOURCE_DIR "/data/demo/checkpoints/demo.safetensors"
enum { STEPS = 8, SIDE = 192 };
static int steps = STEPS;

static fc_picture draw(const fc_engine_config *config)
{
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_task task = run_task(&prompt, &nothing);
    fc_picture p;
    task.width = task.height = SIDE;
    task.steps = steps;
    task.cfg = 4; /* the model's card says so */
    task.sampler = sampler;
    assert_ok(fc_engine_open(config, &e, &err), &err);
    (void)unsetenv("FC_VK_FAIL"); /* what was to fail does so once: a device opened again is a good one */
    assert_ok(fc_engine_load(e, &(fc_model_choice){.base = DEMO}, NULL, &err), &err);
    assert_ok(fc_engine_run(e, &task, NULL, &p, &err), &err);
    fc_engine_close(e);
    return p;
}

static fc_picture draw_on_device(fc_precision precision, fc_weight_form weights)
{
    return draw(&(fc_engine_config){
        .backend = "vulkan", .device = tt_device("vulkan"), .precision = precision, .weights = weights});
}

/* The processor's picture in float32, which all are compared with. */
static const fc_picture *truth(void)
{
    static fc_picture p;
    if (!p.latent) p = draw(&(fc_engine_config){.backend = "cpu", .precision = FC_PRECISION_F32});
    return &p;
}

static double relative(const fc_picture *p)
{
    return tt_compare(truth()->latent, p->latent, run_latent_count(p)).rms;
}

static void check(const char *what, fc_picture p, double limit, int most)
{
    int worst = 0;
    double error = relative(&p);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        int d = abs((int)p.rgb[i] - (int)truth()->rgb[i]);
        if (d > worst) worst = d;
    }
    fc_picture_fini(&p);
    print_message("%s: latent %.3g, pixels at most %d\n", what, error, worst);
    if (!(error <= limit) || worst > most) fail_msg("%s: latent %.3g, pixels %d", what, error, worst);
}

static void the_same_picture(void **state)
{
    (void)state;
    /* measured: 1.5e-6 and 6.6e-4 (the default sampler, whose noise enlarges differences: 5e-6 and 1.25e-3)
     */
    check("f32", draw_on_device(FC_PRECISION_F32, FC_WEIGHTS_FULL), 4.5e-6, 1);
    check("f16", draw_on_device(FC_PRECISION_F16, FC_WEIGHTS_FULL), 1e-3, 6);
}

static void with_weights_in_8_bits(void **state)
{
    (void)state;
    fc_picture cpu = draw(
        &(fc_engine_config){.backend = "cpu", .precision = FC_PRECISION_F32, .weights = FC_WEIGHTS_INT8});
    fc_picture device = draw_on_device(FC_PRECISION_F16, FC_WEIGHTS_INT8);
    double error = tt_compare(cpu.latent, device.latent, run_latent_count(&cpu)).rms;
    print_message("f16 int8 against the processor's int8: latent %.3g\n", error);
    assert_true(error <= 3e-3); /* measured: 1.1e-3 */
    fc_picture_fini(&cpu);
    fc_picture_fini(&device);
}

/* Devices that are smaller than this one, each by a switch. */
static void on_small_devices(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        fc_precision precision;
    } switches[] = {
        {"FC_VK_RANGE", "1048576", FC_PRECISION_F16}, /* a shader sees 1 MiB at once */
        {"FC_VK_HEAP_MB", "24", FC_PRECISION_F16},    /* weights and data in 24 MiB */
        {"FC_VK_NO_F16", "1", FC_PRECISION_F32},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        char what[64];
        snprintf(what, sizeof what, "%s=%s", switches[i].name, switches[i].value);
        (void)setenv(switches[i].name, switches[i].value, 1);
        fc_picture p = draw_on_device(switches[i].precision, FC_WEIGHTS_FULL);
        (void)unsetenv(switches[i].name);
        check(what, p, switches[i].precision == FC_PRECISION_F32 ? 4.5e-6 : 1e-3, 6); /* measured: as above */
    }
}

/* A picture is the same to the byte however its work is cut into dispatches and batches. */
static void cuts_change_nothing(void **state)
{
    (void)state;
    static const char *const switches[][2] = {
        {"FC_VK_BATCH", "1"}, {"FC_VK_BATCH", "3"}, {"FC_VK_MFLOP", "5"}, {"FC_VK_RANGE", "1048576"}};
    steps = 2;
    fc_picture want = draw_on_device(FC_PRECISION_F16, FC_WEIGHTS_FULL);
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        print_message("%s=%s\n", switches[i][0], switches[i][1]);
        (void)setenv(switches[i][0], switches[i][1], 1);
        fc_picture got = draw_on_device(FC_PRECISION_F16, FC_WEIGHTS_FULL);
        (void)unsetenv(switches[i][0]);
        assert_memory_equal(got.latent, want.latent, run_latent_count(&want) * sizeof *want.latent);
        assert_memory_equal(got.rgb, want.rgb, (size_t)SIDE * SIDE * 3);
        fc_picture_fini(&got);
    }
    fc_picture_fini(&want);
    steps = STEPS;
}

/* A device that is lost in the middle is opened again, and the picture comes out as if nothing had been. */
static void after_a_lost_device(void **state)
{
    (void)state;
    static const char *const failures[] = {"submit:12:lost", "wait:9:lost"};
    for (int i = 0; i < 2; i++) {
        (void)setenv("FC_VK_FAIL", failures[i], 1);
        check(failures[i], draw_on_device(FC_PRECISION_F16, FC_WEIGHTS_FULL), 1e-3, 6); /* 6.6e-4, as ever */
    }
}

/* ---- a card that is there and does not draw ---- */

static void hear(void *user, const fc_event *event)
{
    char *told = user;
    if (event->kind == FC_EVENT_WARNING) snprintf(told, 300, "%s", event->text);
}

static void a_card_passed_over_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *want;
    } cases[] = {{"FC_VK_LIE", "F32", "computes wrongly"},
                 {"FC_VK_HEAP_MB", "1000", "only 1000 MiB"},
                 {"FC_VK_FAIL", "alloc:1:oom", "llvmpipe"}};
    if (!strstr(tt_device("vulkan"), "llvmpipe")) skip(); /* what draws else is a real card */
    (void)setenv("FC_VK_AS_CARD", "1", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_engine *e = NULL;
        fc_err err = {0};
        fc_picture p;
        char told[300] = "";
        fc_task task = run_task(&prompt, &nothing);
        task.width = task.height = 64;
        task.steps = 1;
        (void)setenv("FC_VK_HEAP_MB", "4096", 1);
        (void)setenv(cases[i].name, cases[i].value, 1);
        assert_ok(fc_engine_open(&(fc_engine_config){.cache_dir = ""}, &e, &err), &err);
        (void)unsetenv(cases[i].name);
        const fc_hooks hooks = {.user = told, .on_event = hear};
        assert_ok(fc_engine_load(e, &(fc_model_choice){.base = DEMO}, NULL, &err), &err);
        assert_ok(fc_engine_run(e, &task, &hooks, &p, &err), &err);
        print_message("%s\n", told);
        assert_non_null(strstr(told, "The processor draws"));
        assert_non_null(strstr(told, cases[i].want));
        told[0] = 0;
        fc_picture_fini(&p);
        assert_ok(fc_engine_run(e, &task, &hooks, &p, &err), &err);
        assert_string_equal(told, ""); /* once is enough */
        fc_picture_fini(&p);
        fc_engine_close(e);
    }
    (void)unsetenv("FC_VK_HEAP_MB");
    (void)unsetenv("FC_VK_AS_CARD");
}

static int group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_picture),    cmocka_unit_test(with_weights_in_8_bits),
        cmocka_unit_test(on_small_devices),    cmocka_unit_test(after_a_lost_device),
        cmocka_unit_test(cuts_change_nothing), cmocka_unit_test(a_card_passed_over_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return tt_main(argc > 1 ? 3 : 2, (char *[]){argv[0], "vulkan", argc > 1 ? argv[1] : NULL, NULL}, group);
}
