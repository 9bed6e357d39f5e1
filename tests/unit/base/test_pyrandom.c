/* base/mt19937, base/pyrandom: values printed by CPython 3.11's random.Random. */
#include "base/pyrandom.h"
#include "support/support.h"

static void mt19937_reference_values(void **state)
{
    (void)state;
    fc_mt19937 mt;
    fc_mt19937_seed(&mt, 5489u); /* the authors' default seed; the 10000th output is in the C++ standard */
    uint32_t v = 0;
    for (int i = 0; i < 10000; i++) v = fc_mt19937_next(&mt);
    assert_int_equal(v, 4123659995u);
}

typedef struct draws {
    uint64_t seed;
    uint64_t bits[6];    /* getrandbits(1), (8), (32), (33), (64), (63) */
    uint64_t choices[7]; /* then choice(range(n)) for n = 1, 2, 3, 7, 277, 1000, 2^40 + 1 */
} draws;

static void seeds_give_pythons_draws(void **state)
{
    (void)state;
    static const unsigned widths[] = {1, 8, 32, 33, 64, 63};
    static const uint64_t counts[] = {1, 2, 3, 7, 277, 1000, (UINT64_C(1) << 40) + 1};
    static const draws want[] = {
        {0,
         {1, 98, 3255389356, 3823568514, 4776171008201404212u, 4715676943270851834u},
         {0, 1, 1, 3, 183, 597, 619073466650}},
        {1,
         {0, 145, 3639700191, 7740669488, 4705193143269049553u, 4569582132408609673u},
         {0, 1, 2, 3, 107, 96, 62224870530}},
        {42,
         {1, 28, 107420369, 3184935163, 4117511471858006928u, 6792748013404602857u},
         {0, 0, 2, 3, 16, 30, 477143787866}},
        {4294967296,
         {0, 89, 1794561286, 4014597330, 11284269182920140557u, 7430782158761337747u},
         {0, 1, 0, 1, 38, 838, 752968576454}},
        {9223372036854775807u,
         {0, 168, 2711238091, 4864845664, 8364931118716031454u, 4397637321448968380u},
         {0, 0, 2, 2, 48, 837, 243920856100}},
        {123456789012345,
         {1, 56, 1255537387, 1761982086, 9681392983356684151u, 1062100744111869881u},
         {0, 1, 0, 6, 138, 595, 642886817443}},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        fc_pyrandom r;
        fc_pyrandom_seed(&r, want[i].seed);
        for (size_t k = 0; k < 6; k++) assert_true(fc_pyrandom_getrandbits(&r, widths[k]) == want[i].bits[k]);
        for (size_t k = 0; k < 7; k++) assert_true(fc_pyrandom_choice(&r, counts[k]) == want[i].choices[k]);
    }
}

static void a_long_run_stays_in_step(void **state)
{
    (void)state;
    fc_pyrandom r;
    fc_pyrandom_seed(&r, 7);
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= 5000; i++) sum += i * fc_pyrandom_choice(&r, 277);
    assert_true(sum == 1692516878u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mt19937_reference_values),
        cmocka_unit_test(seeds_give_pythons_draws),
        cmocka_unit_test(a_long_run_stays_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
