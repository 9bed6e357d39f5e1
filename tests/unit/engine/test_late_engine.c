/* The engine on a device that does everything late and fails where it is told to (support/late.h): the
 * reference's picture, and after every failure another try, a clear error, and an engine that works. */
#include <stdio.h>
#include <string.h>

#include "engine/engine_impl.h"
#include "support/late.h"
#include "support/runs.h"
#include "support/synth.h"

static const char *const red_fox = "a red fox", *const blurry = "blurry";

static fc_task small_task(void)
{
    fc_task t = run_task(&red_fox, &blurry);
    t.width = t.height = 64;
    t.steps = 2;
    return t;
}

static fc_engine *open_on(const fc_backend *backend, uint64_t device_memory)
{
    fc_engine *e = NULL;
    fc_err err = {0};
    const fc_engine_config config = {.precision = FC_PRECISION_F32, .device_memory = device_memory};
    assert_ok(fc_engine_open_with(backend, &config, &e, &err), &err);
    run_load(e, false);
    return e;
}

static void assert_same(const fc_picture *a, const fc_picture *b)
{
    assert_int_equal(run_latent_count(a), run_latent_count(b));
    assert_memory_equal(a->latent, b->latent, run_latent_count(a) * sizeof(float));
    assert_memory_equal(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3);
}

static void assert_nothing_left(void)
{
    late_counts c = late_count();
    assert_int_equal(c.devices + c.allocations + c.weights + c.waiting, 0);
    assert_int_equal(c.bytes, 0);
}

struct watcher {
    char warning[200];
    int warnings;
};

static void on_event(void *user, const fc_event *event)
{
    struct watcher *w = user;
    if (event->kind != FC_EVENT_WARNING) return;
    w->warnings++;
    snprintf(w->warning, sizeof w->warning, "%s", event->text);
}

struct late {
    fc_picture want;
    uint64_t calls; /* of one picture by an engine that has drawn one */
};

static int draw_reference(void **state)
{
    static struct late l;
    fc_task t = small_task();
    fc_engine *ref = open_on(fc_backend_get("ref"), 0);
    l.want = run_picture(ref, &t);
    fc_engine_close(ref);
    *state = &l;
    return 0;
}

static int forget_reference(void **state)
{
    struct late *l = *state;
    fc_picture_fini(&l->want);
    return 0;
}

static void a_picture_is_the_reference_s(void **state)
{
    struct late *l = *state;
    fc_task t = small_task();
    fc_engine *e = open_on(&fc_backend_late, 0);
    for (int i = 0; i < 2; i++) {
        (void)late_fail_at(0, FC_OK);
        late_count_reset();
        fc_picture p = run_picture(e, &t);
        l->calls = late_fail_at(0, FC_OK);
        assert_same(&p, &l->want);
        fc_picture_fini(&p);
        /* the dry runs were right: the stack never had to grow */
        assert_int_equal(e->cx.grown, 0);
    }
    assert_true(late_count().waits < 20); /* measured: 5, two for each step and one for decoding */
    fc_engine_close(e);
    assert_nothing_left();
}

/* One failure costs another try, which the user is told. */
static void one_failure_is_recovered_from(void **state)
{
    const struct late *l = *state;
    fc_task t = small_task();
    fc_err err = {0};
    for (int lost = 0; lost < 2; lost++)
        for (uint64_t share = 1; share < 4; share++) {
            struct watcher w = {{0}, 0};
            fc_picture p;
            fc_engine *e = open_on(&fc_backend_late, 0);
            const fc_hooks hooks = {.user = &w, .on_event = on_event};
            (void)late_fail_at(l->calls * share / 4, lost ? FC_DEVICE : FC_NOMEM);
            assert_ok(fc_engine_run(e, &t, &hooks, &p, &err), &err);
            (void)late_fail_at(0, FC_OK);
            assert_same(&p, &l->want);
            assert_true(w.warnings <= 1 && (w.warnings == 1 || !lost));
            if (w.warnings) assert_non_null(strstr(w.warning, lost ? "lost" : "Memory ran out"));
            fc_picture_fini(&p);
            fc_engine_close(e);
            assert_nothing_left();
        }
}

/* What fails again and again ends in an error; when the cause is gone the engine draws again. */
static void lasting_failures_end_in_errors(void **state)
{
    const struct late *l = *state;
    fc_task t = small_task();
    fc_engine *e = open_on(&fc_backend_late, 0);
    for (int lost = 0; lost < 2; lost++) {
        fc_err err = {0};
        fc_picture p;
        (void)late_fail_from(l->calls / 2, lost ? FC_DEVICE : FC_NOMEM);
        fc_status status = fc_engine_run(e, &t, NULL, &p, &err);
        (void)late_fail_at(0, FC_OK);
        assert_fails(status, lost ? FC_DEVICE : FC_NOMEM, &err, lost ? "lost" : "memory");
        assert_null(p.rgb);
        p = run_picture(e, &t);
        assert_same(&p, &l->want);
        fc_picture_fini(&p);
    }
    fc_engine_close(e);
    assert_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_the_reference_s),
        cmocka_unit_test(one_failure_is_recovered_from),
        cmocka_unit_test(lasting_failures_end_in_errors),
    };
    return cmocka_run_group_tests(tests, draw_reference, forget_reference);
}
