/* SDXL at full size on a graphics device that is small: one guided step at 256x256 and its decoding, with the
 * memory that a card of FC_TEST_CARD_GB (4) gives, against the processor's in float32. Needs the synthetic
 * checkpoint of 6.9 GB, which test_full_models makes; on Mesa's software driver it takes some minutes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/engine.h"
#include "support/runs.h"
#include "support/tested.h"

static const char *const prompt = "a red house in the mountains", *const nothing = "";

enum { SIDE = 256 };
/* What a card of one GB has for programs beside the desktop's. */
enum { USABLE_MIB = 1024 * 6 / 7 };

static const char *checkpoint(void)
{
    static char path[1024];
    const char *folder = getenv("FC_CACHE");
    snprintf(path, sizeof path, "%s/synth_base.safetensors", folder ? folder : FC_BINARY_DIR "/../cache");
    return path;
}

static void show(void *user, const fc_event *event)
{
    (void)user;
    if (event->kind == FC_EVENT_WARNING) print_message("told: %s\n", event->text);
}

static fc_picture draw(const fc_engine_config *config)
{
    fc_engine *e = NULL;
    fc_err err = {0};
    fc_task task = run_task(&prompt, &nothing);
    fc_engine_report report;
    fc_picture p;
    task.width = task.height = SIDE;
    task.steps = 1;
    task.sampler = "euler";
    double start = fc_now();
    assert_ok(fc_engine_open(config, &e, &err), &err);
    assert_ok(fc_engine_load(e, &(fc_model_choice){.base = checkpoint()}, NULL, &err), &err);
    assert_ok(fc_engine_run(e, &task, &(fc_hooks){.on_event = show}, &p, &err), &err);
    fc_engine_describe(e, &report);
    print_message("%s, %s: %.0f s; weights %llu MiB, stack %llu MiB, device at most %llu MiB\n",
                  report.device, report.precision, fc_now() - start,
                  (unsigned long long)(report.packed_bytes >> 20),
                  (unsigned long long)(report.stack_peak_bytes >> 20),
                  (unsigned long long)(report.device_peak_bytes >> 20));
    fc_engine_close(e);
    return p;
}

static void a_step_on_a_small_card(void **state)
{
    (void)state;
    const char *asked = getenv("FC_TEST_CARD_GB");
    char heap[24];
    int64_t gb = 4;
    if (asked) gb = strtol(asked, NULL, 10);
    if (!fc_path_exists(checkpoint())) skip();
    fc_picture want =
        draw(&(fc_engine_config){.backend = "cpu", .precision = FC_PRECISION_F32, .memory = FC_MEMORY_LOW});
    snprintf(heap, sizeof heap, "%lld", (long long)(gb * USABLE_MIB));
    (void)setenv("FC_VK_HEAP_MB", heap, 1);
    fc_picture got = draw(&(fc_engine_config){.backend = "vulkan", .device = tt_device("vulkan")});
    double error = tt_compare(want.latent, got.latent, run_latent_count(&want)).rms;
    int worst = 0;
    for (int i = 0; i < 3 * SIDE * SIDE; i++) {
        int d = abs((int)want.rgb[i] - (int)got.rgb[i]);
        if (d > worst) worst = d;
    }
    print_message("%lld GB: latent %.3g, pixels at most %d\n", (long long)gb, error, worst);
    assert_true(error <= 3e-2);
    fc_picture_fini(&want);
    fc_picture_fini(&got);
}

static int group(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_on_a_small_card)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return tt_main(argc > 1 ? 3 : 2, (char *[]){argv[0], "vulkan", argc > 1 ? argv[1] : NULL, NULL}, group);
}
