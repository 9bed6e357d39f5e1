/* diffusion/rng and diffusion/seedseq against PyTorch's CPU generator and numpy's SeedSequence: bit for bit.
 */
#include "diffusion/rng.h"
#include "diffusion/seedseq.h"
#include "support/support.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static size_t shape_count(const char *shape)
{
    size_t n = 1;
    char *end = NULL;
    for (const char *p = shape; *p && *p != '.'; p = *end == 'x' ? end + 1 : end) n *= strtoul(p, &end, 10);
    return n;
}

/* Compares a draw with the stored tensor "KIND.SEED.SHAPE[.first64|.last64|.sum.f64|.sumsq.f64]". */
static void check_draw(const fc_safetensors *st, const char *name)
{
    uint64_t seed = strtoull(strchr(name, '.') + 1, NULL, 10);
    const char *shape = strchr(strchr(name, '.') + 1, '.') + 1;
    size_t n = shape_count(shape);
    float *drawn = fc_calloc(n, sizeof *drawn);
    fc_rng rng;
    fc_rng_seed(&rng, seed);
    if (strncmp(name, "randn", 5) == 0)
        fc_rng_normal(&rng, drawn, n);
    else
        fc_rng_uniform(&rng, drawn, n);
    fc_test_array want = fc_test_array_load(st, name);
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)drawn[i];
        squares += (double)drawn[i] * (double)drawn[i];
    }
    if (strstr(name, "sumsq"))
        assert_true(fabs(squares - (double)want.data[0]) < 1e-7 * squares);
    else if (strstr(name, ".sum."))
        assert_true(fabs(sum - (double)want.data[0]) < 1e-7 * squares);
    else
        assert_memory_equal(drawn + (strstr(name, "last64") ? n - 64 : 0), want.data,
                            want.count * sizeof(float));
    fc_test_array_free(&want);
    fc_free(drawn);
}

static void draws_are_bit_identical(void **state)
{
    (void)state;
    fc_safetensors st;
    fc_test_golden_open(&st, "rng.safetensors");
    int checked = 0;
    for (size_t i = 0; i < st.count; i++) {
        if (strncmp(st.tensors[i].name, "rand", 4) != 0) continue;
        check_draw(&st, st.tensors[i].name);
        checked++;
    }
    assert_int_equal(checked, 7 * 20);
    fc_safetensors_close(&st);
}

static void successive_draws_carry_the_spare_value(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        size_t count;
    } draws[] = {{"a7", 7}, {"b16", 16}, {"c17", 17}, {"d3", 3}, {"e5", 5}};
    static const uint64_t seeds[] = {0, 1, 42, 123456789, 2147483648, 4294967295, 1073741823};
    fc_safetensors st;
    fc_test_golden_open(&st, "rng.safetensors");
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
        fc_rng rng;
        fc_rng_seed(&rng, seeds[s]);
        for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
            char name[64];
            float drawn[17];
            snprintf(name, sizeof name, "seq.%" PRIu64 ".%s", seeds[s], draws[d].tag);
            fc_rng_normal(&rng, drawn, draws[d].count);
            fc_test_array want = fc_test_array_load(&st, name);
            assert_int_equal(want.count, draws[d].count);
            assert_memory_equal(drawn, want.data, want.count * sizeof(float));
            fc_test_array_free(&want);
        }
    }
    fc_safetensors_close(&st);
}

static void only_the_low_32_bits_of_a_seed_count(void **state)
{
    (void)state;
    fc_rng a, b;
    float x[32], y[32];
    fc_rng_seed(&a, 42);
    fc_rng_seed(&b, 42 + (UINT64_C(7) << 32));
    fc_rng_normal(&a, x, 32);
    fc_rng_normal(&b, y, 32);
    assert_memory_equal(x, y, sizeof x);
}

static void normals_are_finite_at_the_ends_of_the_uniforms(void **state)
{
    (void)state;
    fc_rng rng;
    fc_rng_seed(&rng, 3);
    float x[4096];
    double sum = 0.0, squares = 0.0;
    for (int round = 0; round < 64; round++) {
        fc_rng_normal(&rng, x, 4096);
        for (size_t i = 0; i < 4096; i++) {
            assert_true(fabsf(x[i]) < 6.0f); /* sqrt(-2 ln 2^-24) = 5.77 bounds every value */
            sum += (double)x[i];
            squares += (double)x[i] * (double)x[i];
        }
    }
    double n = 64.0 * 4096.0;
    assert_at_most("mean of 262144 normals", fabs(sum / n), 3.0 / sqrt(n)); /* 3 standard errors */
    assert_at_most("variance - 1", fabs(squares / n - 1.0), 3.0 * sqrt(2.0 / n));
}

static void check_words(const uint32_t *got, const json_t *want)
{
    size_t i;
    json_t *word;
    json_array_foreach(want, i, word) assert_int_equal(got[i], json_integer_value(word));
}

static void seed_sequences_match_numpy(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("seedsequence.json");
    size_t i, checked = 0;
    json_t *item;
    json_array_foreach(json_object_get(root, "items"), i, item)
    {
        char *end;
        uint64_t entropy = strtoull(json_string_value(json_object_get(item, "entropy")), &end, 10);
        const char *key;
        json_t *want;
        uint32_t words[4];
        json_object_foreach(item, key, want)
        {
            if (strcmp(key, "entropy") == 0) continue;
            if (strcmp(key, "top3") == 0) {
                fc_seedseq_root(entropy, words, 3);
            } else {
                uint64_t spawn = strtoull(key, &end, 10);
                fc_seedseq_spawned(entropy, spawn, strtoull(end + 1, NULL, 10), words, 4);
            }
            check_words(words, want);
            checked++;
        }
    }
    print_message("  %zu rows of words\n", checked);
    assert_true(checked >= 50);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_bit_identical),
        cmocka_unit_test(successive_draws_carry_the_spare_value),
        cmocka_unit_test(only_the_low_32_bits_of_a_seed_count),
        cmocka_unit_test(normals_are_finite_at_the_ends_of_the_uniforms),
        cmocka_unit_test(seed_sequences_match_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
