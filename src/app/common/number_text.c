/* Shortest decimals, by trying precisions until the value survives the round trip. */
#include "app/common/number_text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"

/* %g turns to exponents when digits <= exponent, people and Python only from 1e16 on. */
static void without_exponent(double value, char out[FC_NUMTEXT_SIZE])
{
    if (strchr(out, 'e') && value > -1e16 && value < 1e16 && (value >= 1 || value <= -1))
        snprintf(out, FC_NUMTEXT_SIZE, "%lld", (long long)value);
}

void fc_number_text(double value, char out[FC_NUMTEXT_SIZE])
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a static object in glibc and musl */
    locale_t former = c_locale ? uselocale(c_locale) : (locale_t)0;
    for (int digits = 1; digits <= 17; digits++) {
        double back = 0;
        snprintf(out, FC_NUMTEXT_SIZE, "%.*g", digits, value);
        if (fc_parse_f64(out, &back) && back == value) break;
    }
    if (c_locale) {
        uselocale(former);
        freelocale(c_locale);
    }
    without_exponent(value, out);
}

void fc_number_python(double value, char out[FC_NUMTEXT_SIZE])
{
    fc_number_text(value, out);
    size_t n = strlen(out);
    if (!strpbrk(out, ".e") && n + 3 <= FC_NUMTEXT_SIZE) memcpy(out + n, ".0", 3);
}
