#include "support/runs.h"

#include <math.h>
#include <stdio.h>

#include "support/synth.h"

fc_task run_task(const char *const *positive, const char *const *negative)
{
    fc_task task = fc_task_ordinary();
    task.recipe = FC_RECIPE_1_0;
    task.positive = (fc_text_list){positive, 1, 1};
    task.negative = (fc_text_list){negative, 1, 1};
    task.width = task.height = 256;
    task.adm_end = 1;
    task.switch_step = -1;
    return task;
}

fc_engine *run_engine(fc_precision precision, int threads)
{
    fc_err err = {0};
    fc_engine *e = NULL;
    assert_ok(fc_engine_open(&(fc_engine_config){.precision = precision, .threads = threads}, &e, &err),
              &err);
    return e;
}

void run_load(fc_engine *e, bool refiner)
{
    fc_err err = {0};
    const fc_model_choice choice = {.base = fc_test_synth("tiny_base"),
                                    .preview_decoder = fc_test_synth("taesd_decoder"),
                                    .refiner = refiner ? fc_test_synth("tiny_refiner") : NULL};
    assert_ok(fc_engine_load(e, &choice, NULL, &err), &err);
}

fc_picture run_picture(fc_engine *e, const fc_task *task)
{
    fc_err err = {0};
    fc_picture p;
    assert_ok(fc_engine_run(e, task, NULL, &p, &err), &err);
    return p;
}

size_t run_latent_count(const fc_picture *p)
{
    return (size_t)p->latent_width * (size_t)p->latent_height * 4;
}

void run_check_image(const fc_safetensors *golden, const char *name, const fc_picture *p)
{
    char key[80];
    snprintf(key, sizeof key, "%s.image_u8", name);
    if (!fc_test_has(golden, key)) return;
    fc_test_array want = fc_test_array_load(golden, key);
    size_t off = 0;
    assert_int_equal(want.count, (size_t)p->width * (size_t)p->height * 3);
    for (size_t i = 0; i < want.count; i++) {
        double d = fabs((double)p->rgb[i] - (double)want.data[i]);
        off += d != 0;
        assert_true(d <= 1);
    }
    /* truncation at exact levels: measured 2e-4 of the values are off by one */
    assert_at_most(key, (double)off / (double)want.count, 6e-4);
    fc_test_array_free(&want);
}
