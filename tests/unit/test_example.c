/* The example at the top of fooocus.h, compiled against the shared library: it makes a picture, and tells
 * what is wrong. */
#include <string.h>
#include "base/file.h"
#include "support/program.h"
#include "support/support.h"

static int make_model(void **state)
{
    (void)state;
    static const char *const args[] = {"tiny_base", "tiny.safetensors", NULL};
    program p = {0};
    program_run(&p, "synth_ckpt", args);
    assert_int_equal(p.code, 0);
    program_free(&p);
    return 0;
}

static void test_a_picture(void **state)
{
    (void)state;
    static const char *const args[] = {"prompt", "a fox", "model",  "tiny.safetensors", "size", "64x64",
                                       "steps",  "2",     "output", "fox.png",          NULL};
    program p = {0};
    program_run(&p, "example", args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    assert_string_equal(p.out, "step 1 of 2\nstep 2 of 2\nfox.png\n");
    assert_string_equal(p.err, "");
    assert_true(fc_path_exists(program_path("fox.png")));
    program_free(&p);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *args[5], *message;
    } cases[] = {
        {{"prompt", "a fox", "model", "missing.safetensors"}, "there is no file missing.safetensors"},
        {{"stpes", "3"}, "stpes"},
        {{"steps", "0"}, "steps: 0 is out of range"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program p = {0};
        program_run(&p, "example", cases[i].args);
        assert_int_equal(p.code, 1);
        assert_string_equal(p.out, "");
        if (!strstr(p.err, cases[i].message)) fail_msg("no '%s' in: %s", cases[i].message, p.err);
        program_free(&p);
    }
}

#ifdef FC_PYTHON
/* examples/paint.py: listings, reading values back, a picture in memory, stopping. */
static void test_python(void **state)
{
    (void)state;
    static const char *const args[] = {FC_SOURCE_DIR "/examples/paint.py",
                                       FC_BINARY_DIR "/libfooocus.so",
                                       "prompt",
                                       "a fox",
                                       "model",
                                       "tiny.safetensors",
                                       "size",
                                       "64x64",
                                       "steps",
                                       "2",
                                       "count",
                                       "2",
                                       NULL};
    program p = {0};
    program_run(&p, FC_PYTHON, args);
    if (p.code != 0) fail_msg("exit code %d: %s", p.code, p.err);
    assert_non_null(strstr(p.out, "settings, backend cpu\nsampler dpmpp_2m_sde_gpu\n"));
    assert_non_null(
        strstr(p.out, "picture 1 of 2: fox.ppm\nstopped; 1 of 2 pictures are finished and kept\n"));
    assert_true(fc_path_exists(program_path("fox.ppm")));
    assert_false(fc_path_exists(program_path("outputs")));
    program_free(&p);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture),
        cmocka_unit_test(test_errors),
#ifdef FC_PYTHON /* what is built with checks, Python cannot load */
        cmocka_unit_test(test_python),
#endif
    };
    return cmocka_run_group_tests(tests, make_model, NULL);
}
