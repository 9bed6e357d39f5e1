/* RFC 8259, read strictly: no comments, no trailing commas, no leading zeros, no lone surrogates. */
#include "format/json_scan.h"

#include <string.h>
#include "base/str.h"

void fc_scan_init(fc_json_scan *s, const char *text, size_t size, fc_arena *arena)
{
    *s = (fc_json_scan){.begin = text, .at = text, .end = text + size, .arena = arena};
}

static void *refuse(fc_json_scan *s, const char *problem)
{
    if (!s->problem) s->problem = problem;
    return NULL;
}

static void skip_space(fc_json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) s->at++;
}

bool fc_scan_take(fc_json_scan *s, char c)
{
    if (s->problem) return false;
    skip_space(s);
    if (s->at == s->end || *s->at != c) return false;
    s->at++;
    return true;
}

void fc_scan_want(fc_json_scan *s, char c)
{
    if (fc_scan_take(s, c) || s->problem) return;
    switch (c) {
    case '{':
        refuse(s, "an object is missing");
        break;
    case '[':
        refuse(s, "an array is missing");
        break;
    case ':':
        refuse(s, "a colon is missing");
        break;
    case '"':
        refuse(s, "a string is missing");
        break;
    case '}':
        refuse(s, "a comma or the end of an object is missing");
        break;
    default:
        refuse(s, "a comma or the end of an array is missing");
        break;
    }
}

bool fc_scan_item(fc_json_scan *s, bool *first, char closing)
{
    bool was_first = *first;
    *first = false;
    if (was_first) return !fc_scan_take(s, closing) && !s->problem;
    if (fc_scan_take(s, ',')) return true;
    fc_scan_want(s, closing);
    return false;
}

/* Four hexadecimal digits at p. -> value or -1 */
static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* \uXXXX, or two of them for a character beyond U+FFFF; *p stands behind the 'u'. -> code point or -1 */
static int32_t unicode_escape(const char **p, const char *end)
{
    int high = hex4(*p, end);
    if (high <= 0) return -1; /* NUL would end the string */
    *p += 4;
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
    int low = hex4(*p + 2, end);
    if (low < 0xdc00 || low > 0xdfff) return -1;
    *p += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* [p, end) with escapes -> out, which never gets longer than the source. -> length or -1 */
static ptrdiff_t unescape(char *out, const char *p, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *o = out;
    while (p < end) {
        if (*p != '\\') {
            *o++ = *p++;
            continue;
        }
        p++; /* the closing quote comes behind, so there is a character */
        const char *simple = *p == 'u' ? NULL : memchr(from, *p, sizeof from - 1);
        if (simple) {
            *o++ = to[simple - from];
            p++;
            continue;
        }
        int32_t code_point = *p++ == 'u' ? unicode_escape(&p, end) : -1;
        if (code_point < 0) return -1;
        o += fc_utf8_encode((uint32_t)code_point, o);
    }
    return o - out;
}

const char *fc_scan_string(fc_json_scan *s)
{
    fc_scan_want(s, '"');
    if (s->problem) return NULL;
    const char *start = s->at, *p = start;
    bool escaped = false;
    for (; p < s->end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) return refuse(s, "a control character in a string");
        if (*p != '\\') continue;
        escaped = true;
        if (++p == s->end) break;
    }
    if (p >= s->end) return refuse(s, "a string does not end");
    if (!fc_utf8_valid(start, (size_t)(p - start))) return refuse(s, "a string is not UTF-8");
    char *text = fc_arena_strndup(s->arena, start, (size_t)(p - start));
    if (!text) return refuse(s, "out of memory");
    if (escaped) {
        ptrdiff_t n = unescape(text, start, p);
        if (n < 0) return refuse(s, "a wrong escape in a string");
        text[n] = '\0';
    }
    s->at = p + 1;
    return text;
}

int64_t fc_scan_integer(fc_json_scan *s)
{
    char digits[21]; /* "-9223372036854775808" */
    size_t n = 0;
    int64_t value = 0;
    if (s->problem) return 0;
    skip_space(s);
    const char *p = s->at;
    while (p < s->end && n < sizeof digits - 1 && ((*p >= '0' && *p <= '9') || (*p == '-' && n == 0)))
        digits[n++] = *p++;
    digits[n] = '\0';
    const char *first = digits + (digits[0] == '-');
    bool leading_zero = first[0] == '0' && first[1];
    bool goes_on = p < s->end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' || *p == 'E');
    if (leading_zero || goes_on || !fc_parse_i64(digits, &value)) {
        refuse(s, "a whole number is missing or too large");
        return 0;
    }
    s->at = p;
    return value;
}

void fc_scan_end(fc_json_scan *s)
{
    if (s->problem) return;
    skip_space(s);
    if (s->at != s->end) refuse(s, "something comes behind the end");
}
