/* The synthetic checkpoints are bit for bit those that the golden data were made from. */
#include <stdlib.h>

#include "base/sha256.h"
#include "support/support.h"
#include "support/synth.h"

static void files_have_known_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *sha256;
    } known[] = {
        {"esrgan_full", "6484b5641aef48f7bed1f52167ca8cea204163b28417b9fe8fc9940733618e2c"},
        {"esrgan_small2", "e1833e2dd6b7070238a56f752e2e23e2ca4765b615aba5ab8059535faa0e0894"},
        {"esrgan_small4", "9012d66769230a39bf7b039a058cfc227bd67dd8dd584e2df07d9048f3916fe0"},
        {"taesd_decoder", "5f8d6ff00eb58a1c7d49952ba56fb66c657857d0c4fddb5845ada8a41832d888"},
        {"tiny_base", "c0d64a348151a33c936b4f89af09bf511575bbf059e2b17174b68507c5d97032"},
        {"tiny_refiner", "85d3cb4ba8b6969601f88f56993854653e837d9078c9807260d91dc2795cb7be"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fc_sha256 hash;
        fc_err err;
        assert_ok(fc_sha256_file(fc_test_synth(known[i].kind), NULL, &hash, &err), &err);
        assert_string_equal(hash.hex, known[i].sha256);
    }
}

static void full_size_tables(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        size_t tensors;
        double values;
    } known[] = {{"base", 2514, 3468837868.0}, {"refiner", 1858, 3037840364.0}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        fc_synth s;
        fc_err err;
        double values = 0.0;
        assert_ok(fc_synth_build(&s, known[k].kind, &err), &err);
        for (size_t i = 0; i < s.count; i++) {
            double n = 1.0;
            for (int32_t d = 0; d < s.tensors[i].ndim; d++) n *= (double)s.tensors[i].shape[d];
            values += n;
        }
        print_message("  %s: %zu tensors, %.0f values\n", known[k].kind, s.count, values);
        assert_int_equal(s.count, known[k].tensors);
        assert_true(values == known[k].values);
        fc_synth_fini(&s);
    }
}

/* Statistics of a weight and the agreement of whole and partial generation. */
static void values_follow_the_description(void **state)
{
    (void)state;
    static float all[100000], part[777];
    const fc_synth_tensor t = {.name = "x.weight", .ndim = 1, .shape = {100000}, .offset = 1.0, .scale = 0.2};
    fc_synth_values(all, &t, 0, 100000);
    fc_synth_values(part, &t, 5000, 777);
    assert_memory_equal(part, all + 5000, sizeof part);
    double sum = 0.0;
    for (size_t i = 0; i < 100000; i++) {
        assert_true(all[i] >= 0.9f && all[i] <= 1.1f);
        sum += (double)all[i];
    }
    assert_at_most("mean", sum / 1e5 > 1.0 ? sum / 1e5 - 1.0 : 1.0 - sum / 1e5,
                   6e-4); /* 3 sigma: 3 * 0.2 / sqrt(12e5) */
}

static void other_dtypes_and_kinds(void **state)
{
    (void)state;
    fc_synth s;
    fc_err err;
    fc_safetensors st;
    const char *path = fc_test_tmp_path("own.safetensors");
    assert_fails(fc_synth_build(&s, "nothing", &err), FC_ARG, &err, "nothing");
    for (int dtype = FC_F32; dtype <= FC_F16; dtype++) {
        fc_synth_init(&s);
        fc_synth_add(&s, "a", 2, (int64_t[]){3, 50001}, 0.0, 1.0);
        fc_synth_add(&s, "b", 0, NULL, 2.0, 0.0);
        assert_ok(fc_synth_write(path, &s, (fc_dtype)dtype, &err), &err);
        assert_ok(fc_safetensors_open(&st, path, &err), &err);
        fc_test_array a = fc_test_array_load(&st, "a"), b = fc_test_array_load(&st, "b");
        float *want = malloc(a.count * sizeof *want);
        fc_synth_values(want, &s.tensors[0], 0, a.count);
        /* half a unit in the last place of values below 0.5: exact, 2^-10, 2^-13 */
        const double limit[] = {[FC_F32] = 0.0, [FC_BF16] = 0x1p-10, [FC_F16] = 0x1p-13};
        assert_abs_error(fc_dtype_name((fc_dtype)dtype), a.data, want, a.count, limit[dtype]);
        assert_true(b.count == 1 && b.data[0] == 2.0f);
        free(want);
        fc_test_array_free(&a);
        fc_test_array_free(&b);
        fc_safetensors_close(&st);
        fc_synth_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_known_hashes),
        cmocka_unit_test(full_size_tables),
        cmocka_unit_test(values_follow_the_description),
        cmocka_unit_test(other_dtypes_and_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
