/* UTF-8, strict numbers and small string helpers, independent of the locale. */
#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length of the well-formed sequence at s (Unicode 15, table 3-7), 0 when malformed or cut. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    unsigned c = s[0];
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n < len) return 0;
    unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;  /* no overlong forms */
    unsigned high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* no surrogates, <= U+10FFFF */
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return len;
}

bool fc_utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = utf8_length((const unsigned char *)s + i, n - i);
        if (len == 0) return false;
        i += len;
    }
    return true;
}

size_t fc_utf8_decode(const char *s, size_t n, uint32_t *code_point)
{
    static const unsigned char first_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *bytes = (const unsigned char *)s;
    size_t len = utf8_length(bytes, n);
    if (len == 0) {
        *code_point = 0xfffd;
        return 1;
    }
    uint32_t value = bytes[0] & first_mask[len];
    for (size_t i = 1; i < len; i++) value = value << 6 | (bytes[i] & 0x3fu);
    *code_point = value;
    return len;
}

size_t fc_utf8_encode(uint32_t c, char out[4])
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[len] | c);
    return len;
}

bool fc_parse_u64(const char *s, uint64_t *out)
{
    uint64_t value = 0;
    if (!*s) return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return false;
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(*s - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

bool fc_parse_i64(const char *s, int64_t *out)
{
    bool negative = *s == '-';
    uint64_t magnitude;
    if (!fc_parse_u64(*s == '-' || *s == '+' ? s + 1 : s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static const char *skip_digits(const char *s)
{
    while (*s >= '0' && *s <= '9') s++;
    return s;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent */
static bool is_decimal(const char *s)
{
    if (*s == '-' || *s == '+') s++;
    const char *whole_end = skip_digits(s);
    bool any = whole_end > s;
    s = whole_end;
    if (*s == '.') {
        const char *end = skip_digits(s + 1);
        any = any || end > s + 1;
        s = end;
    }
    if (any && (*s == 'e' || *s == 'E')) {
        s++;
        if (*s == '-' || *s == '+') s++;
        const char *end = skip_digits(s);
        if (end == s) return false;
        s = end;
    }
    return any && !*s;
}

bool fc_parse_f64_saturating(const char *s, double *out)
{
    if (!is_decimal(s)) return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a static object in glibc and musl */
    if (!c_locale) return false;
    *out = strtod_l(s, NULL, c_locale);
    freelocale(c_locale);
    return true;
}

bool fc_parse_f64(const char *s, double *out)
{
    double value;
    if (!fc_parse_f64_saturating(s, &value) || !isfinite(value)) return false;
    *out = value;
    return true;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool fc_str_eq_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return *a == *b;
}

bool fc_str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool fc_str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

bool fc_str_ends_nocase(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && fc_str_eq_nocase(s + n - k, suffix);
}

enum { MAX_COMPARED = 128 }; /* longer strings are not worth a guess */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance with swaps of neighbours as one edit, ASCII case ignored. Three rows of the usual table. */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned rows[3][MAX_COMPARED + 1];
    for (size_t j = 0; j <= nb; j++) rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned differs = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] = min3(now[j - 1] + 1, last[j] + 1, last[j - 1] + differs);
            bool swapped =
                i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

const char *fc_str_closest(const char *wanted, const char *const *candidates, size_t count)
{
    size_t n = strlen(wanted);
    const char *best = NULL;
    unsigned limit = (unsigned)(n / 3) + 1; /* one typing error in three letters */
    if (n == 0 || n > MAX_COMPARED) return NULL;
    for (size_t k = 0; k < count; k++) {
        size_t m = strlen(candidates[k]);
        if (m > MAX_COMPARED) continue;
        unsigned distance = edit_distance(wanted, n, candidates[k], m);
        if (distance >= m || distance > limit || (best && distance == limit)) continue;
        best = candidates[k];
        limit = distance;
    }
    return best;
}
