/* Python's float(): text becomes plain ASCII without underscores, which base's exact parser reads. */
#include "text/pyfloat.h"

#include <math.h>
#include <string.h>
#include "base/buf.h"
#include "base/str.h"
#include "text/unicode.h"

/* Space, tab, LF, VT, FF, CR; U+001C..U+001F are no white space to float(). */
static bool is_ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and spaces of all scripts become ASCII ones; any other foreign character makes it no number. */
static bool to_ascii(const char *text, size_t size, fc_buf *out)
{
    for (size_t i = 0; i < size;) {
        uint32_t c;
        i += fc_utf8_decode(text + i, size - i, &c);
        int digit = fc_unicode_decimal(c);
        if (c == 0)
            return false;
        else if (c < 127)
            fc_buf_putc(out, (char)c);
        else if (fc_unicode_is_space(c))
            fc_buf_putc(out, ' ');
        else if (digit >= 0)
            fc_buf_putc(out, (char)('0' + digit));
        else
            return false;
    }
    return true;
}

/* Takes underscores out in place; every one must stand between two digits. */
static bool drop_underscores(char *s)
{
    char *to = s, previous = '\0';
    for (const char *from = s; *from; from++) {
        if (*from == '_' && (!is_digit(previous) || !is_digit(from[1]))) return false;
        if (*from != '_') *to++ = *from;
        previous = *from;
    }
    *to = '\0';
    return true;
}

static bool parse_ascii(char *s, double *out)
{
    if (!drop_underscores(s)) return false;
    bool negative = *s == '-';
    const char *name = s + (*s == '-' || *s == '+');
    if (fc_str_eq_nocase(name, "nan")) {
        *out = (double)NAN;
    } else if (fc_str_eq_nocase(name, "inf") || fc_str_eq_nocase(name, "infinity")) {
        *out = negative ? -(double)INFINITY : (double)INFINITY;
    } else {
        return fc_parse_f64_saturating(s, out);
    }
    return true;
}

fc_status fc_pyfloat_parse(const char *text, size_t size, double *out)
{
    fc_buf ascii; /* never longer than the text: every character becomes one byte */
    fc_buf_init(&ascii, size);
    fc_status status = FC_ARG;
    if (!to_ascii(text, size, &ascii)) goto out;
    if (ascii.len == 0 || ascii.status) {
        status = ascii.status ? ascii.status : FC_ARG;
        goto out;
    }
    char *start = ascii.data, *end = ascii.data + ascii.len;
    while (start < end && is_ascii_space(*start)) start++;
    while (end > start && is_ascii_space(end[-1])) end--;
    *end = '\0';
    status = parse_ascii(start, out) ? FC_OK : FC_ARG;
out:
    fc_buf_fini(&ascii);
    return status;
}
