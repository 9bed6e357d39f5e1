/* diffusion/brownian against torchsde's tree: bit for bit, in any order of queries. */
#include "diffusion/brownian.h"
#include "support/support.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t seeds[] = {0, 42, 987654321};

static fc_test_array load(const fc_safetensors *st, uint64_t seed, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "s%" PRIu64 ".%s", seed, what);
    return fc_test_array_load(st, name);
}

static fc_brownian *tree(size_t count, const fc_test_array *sigmas, uint64_t seed)
{
    fc_brownian *b;
    fc_err err;
    assert_ok(fc_brownian_new(&b, count, sigmas->data[sigmas->count - 2], sigmas->data[0], seed, &err), &err);
    return b;
}

static void noise(fc_brownian *b, float sigma, float sigma_next, float *out)
{
    fc_err err;
    assert_ok(fc_brownian_noise(b, sigma, sigma_next, out, &err), &err);
}

static void steps_of_a_run_are_bit_identical(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "brownian.safetensors");
    fc_test_array sigmas = fc_test_array_load(&st, "sigmas");
    for (size_t s = 0; s < 3; s++) {
        fc_test_array want = load(&st, seeds[s], "8x8");
        fc_brownian *b = tree(256, &sigmas, seeds[s]);
        for (size_t i = 0; i < 29; i++) {
            float got[256];
            noise(b, sigmas.data[i], sigmas.data[i + 1], got);
            assert_memory_equal(got, want.data + i * 256, sizeof got);
        }
        fc_brownian_free(b);
        fc_test_array_free(&want);
    }
    fc_test_array_free(&sigmas);
    fc_safetensors_close(&st);
}

static void a_larger_latent_is_bit_identical(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "brownian.safetensors");
    fc_test_array sigmas = fc_test_array_load(&st, "sigmas");
    for (size_t s = 0; s < 3; s++) {
        fc_test_array first = load(&st, seeds[s], "32x32.first32");
        fc_test_array last = load(&st, seeds[s], "32x32.last32");
        fc_test_array sums = load(&st, seeds[s], "32x32.sum.f64");
        fc_brownian *b = tree(4096, &sigmas, seeds[s]);
        for (size_t i = 0; i < 29; i++) {
            static float got[4096];
            noise(b, sigmas.data[i], sigmas.data[i + 1], got);
            assert_memory_equal(got, first.data + i * 32, 32 * sizeof(float));
            assert_memory_equal(got + 4064, last.data + i * 32, 32 * sizeof(float));
            double sum = 0.0;
            for (size_t k = 0; k < 4096; k++) sum += (double)got[k];
            assert_true(fabs(sum - (double)sums.data[i]) < 1e-5); /* the stored sums are read as float32 */
        }
        fc_brownian_free(b);
        fc_test_array_free(&first);
        fc_test_array_free(&last);
        fc_test_array_free(&sums);
    }
    fc_test_array_free(&sigmas);
    fc_safetensors_close(&st);
}

/* The two queries per step of dpmpp_sde, some of which leave the range by an ulp. */
static void midpoint_queries_are_bit_identical_in_any_order(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "brownian.safetensors");
    fc_test_array sigmas = fc_test_array_load(&st, "sigmas");
    for (size_t s = 0; s < 3; s++) {
        fc_test_array queries = load(&st, seeds[s], "sde.queries"), want = load(&st, seeds[s], "sde.8x8");
        fc_brownian *b = tree(256, &sigmas, seeds[s]);
        for (size_t k = 0; k < 2 * 58; k++) { /* forwards, then in a stride that jumps about */
            size_t i = k < 58 ? k : (k * 23) % 58;
            float got[256];
            noise(b, queries.data[2 * i], queries.data[2 * i + 1], got);
            assert_memory_equal(got, want.data + i * 256, sizeof got);
        }
        fc_brownian_free(b);
        fc_test_array_free(&queries);
        fc_test_array_free(&want);
    }
    fc_test_array_free(&sigmas);
    fc_safetensors_close(&st);
}

static void increments_add_up(void **state)
{
    (void)state;
    fc_brownian *b;
    fc_err err;
    assert_ok(fc_brownian_new(&b, 64, 0.03f, 14.6f, 5, &err), &err);
    float whole[64], upper[64], lower[64], sum[64];
    noise(b, 10.0f, 0.5f, whole);
    noise(b, 10.0f, 3.25f, upper);
    noise(b, 3.25f, 0.5f, lower);
    for (size_t i = 0; i < 64; i++) {
        sum[i] = (upper[i] * sqrtf(10.0f - 3.25f) + lower[i] * sqrtf(3.25f - 0.5f)) / sqrtf(10.0f - 0.5f);
    }
    assert_abs_error("two steps make one", sum, whole, 64, 1e-6); /* measured 4.8e-7 */
    fc_brownian_free(b);
}

static void empty_steps_are_silent_and_bad_ranges_refused(void **state)
{
    (void)state;
    fc_brownian *b;
    fc_err err;
    assert_ok(fc_brownian_new(&b, 4, 1.0f, 2.0f, 1, &err), &err);
    float got[4], zero[4] = {0};
    static const float steps[][2] = {
        {1.5f, 1.5f}, {1.2f, 1.8f}, {3.0f, 2.5f}, {0.5f, 0.0f}, {1.50000012f, 1.5f}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        noise(b, steps[i][0], steps[i][1], got);
        assert_memory_equal(got, zero, sizeof got);
    }
    fc_brownian_free(b);
    static const float ranges[][2] = {{1.0f, 1.0f},     {2.0f, 1.0f}, {-1.0f, 1.0f},
                                      {0.0f, INFINITY}, {NAN, 1.0f},  {0.0f, NAN}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        assert_fails(fc_brownian_new(&b, 4, ranges[i][0], ranges[i][1], 1, &err), FC_ARG, &err, "range");
        assert_null(b);
    }
    assert_fails(fc_brownian_new(&b, SIZE_MAX / 2, 0.0f, 1.0f, 1, &err), FC_NOMEM, &err, "memory");
}

static void rounding_is_that_of_the_decimal(void **state)
{
    (void)state;
    char text[64];
    for (int i = 0; i < 300000; i++) {
        double values[] = {(i + 0.5) / 1e6, (2 * i + 1) / 128.0, i * 7.3e-6 + 1e-9, -(i + 0.5) / 1e6,
                           i * 0.123456789};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            snprintf(text, sizeof text, "%.6f", values[k]);
            assert_true(fc_brownian_round6(values[k]) == strtod(text, NULL));
        }
    }
}

static fc_status short_run(void *user)
{
    (void)user;
    fc_brownian *b;
    fc_err err;
    fc_status s = fc_brownian_new(&b, 20, 0.02f, 14.0f, 9, &err);
    float out[20];
    if (!s) s = fc_brownian_noise(b, 9.0f, 2.0f, out, &err);
    if (!s) s = fc_brownian_noise(b, 2.0f, 0.5f, out, &err);
    fc_brownian_free(b);
    return s;
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fc_test_torture(short_run, NULL) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_a_run_are_bit_identical),
        cmocka_unit_test(a_larger_latent_is_bit_identical),
        cmocka_unit_test(midpoint_queries_are_bit_identical_in_any_order),
        cmocka_unit_test(increments_add_up),
        cmocka_unit_test(empty_steps_are_silent_and_bad_ranges_refused),
        cmocka_unit_test(rounding_is_that_of_the_decimal),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
