/* How far a job is and how long it will take, on a clock that the test moves. */
#include "support/support.h"

#include "app/progress.h"

static double time_now;
static double clock_now(void)
{
    return time_now;
}

typedef struct seen {
    int steps, warnings;
    double fraction, left;
} seen;

static void on_event(void *user, const fc_event *e)
{
    seen *s = user;
    if (e->kind == FC_EVENT_WARNING) s->warnings++;
    if (e->kind != FC_EVENT_STEP) return;
    s->steps++;
    s->fraction = e->fraction;
    s->left = e->seconds_left;
}

static void step(const fc_hooks *engine, int step_number, double seconds)
{
    time_now += seconds;
    engine->on_event(engine->user, &(fc_event){.kind = FC_EVENT_STEP, .step = step_number, .steps = 4});
}

static void check(double got, double want)
{
    if (got < want - 1e-9 || got > want + 1e-9) fail_msg("%g, wanted %g", got, want);
}

static void test_two_images(void **state)
{
    (void)state;
    seen s = {0};
    const fc_hooks outer = {.user = &s, .on_event = on_event};
    fc_progress p;
    fc_progress_init(&p, &outer, NULL, 2, 8, clock_now);
    const fc_hooks engine = fc_progress_hooks(&p);
    fc_progress_start_image(&p, 1, 0);
    step(&engine, 1, 100); /* loading and the first step: tells nothing */
    check(s.left, -1);
    check(s.fraction, 0.125);
    step(&engine, 2, 2);
    check(s.left, 2 * 6);
    step(&engine, 3, 4);
    check(s.left, 3 * 5);
    step(&engine, 4, 3);
    time_now += 5; /* decoding and saving */
    fc_progress_finish_image(&p);
    fc_progress_start_image(&p, 2, 4);
    step(&engine, 1, 3);
    check(s.fraction, 0.625);
    check(s.left, 3 * 3 + 5);
    step(&engine, 2, 3);
    step(&engine, 3, 3);
    step(&engine, 4, 3);
    check(s.fraction, 1);
    check(s.left, 5);
    assert_int_equal(s.steps, 8);
}

/* A skipped image leaves no time of its own behind. */
static void test_skipped_image(void **state)
{
    (void)state;
    seen s = {0};
    const fc_hooks outer = {.user = &s, .on_event = on_event};
    fc_progress p;
    fc_progress_init(&p, &outer, NULL, 2, 8, clock_now);
    const fc_hooks engine = fc_progress_hooks(&p);
    fc_progress_start_image(&p, 1, 0);
    step(&engine, 1, 1);
    step(&engine, 2, 2);
    fc_progress_start_image(&p, 2, 4);
    step(&engine, 1, 50);
    check(s.left, 2 * 3);
    check(s.fraction, 0.625);
}

static void test_hooks_may_be_missing(void **state)
{
    (void)state;
    fc_progress p;
    int cancel = FC_RUN;
    fc_progress_init(&p, NULL, NULL, 1, 4, clock_now);
    fc_hooks engine = fc_progress_hooks(&p);
    fc_progress_start_image(&p, 1, 0);
    step(&engine, 1, 1);
    fc_progress_warn(&p, "x");
    assert_false(fc_progress_stopped(&p));
    const fc_hooks outer = {0};
    fc_progress_init(&p, &outer, &cancel, 1, 4, clock_now);
    fc_progress_phase(&p, "x");
    cancel = FC_SKIP_IMAGE;
    assert_false(fc_progress_stopped(&p));
    cancel = FC_STOP;
    assert_true(fc_progress_stopped(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_images),
        cmocka_unit_test(test_skipped_image),
        cmocka_unit_test(test_hooks_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
