/* A recursive descent over the literal subset; every read checks for the end. */
#include "app/common/python_literal.h"

#include <stdio.h>
#include <string.h>
#include "base/str.h"

enum { MAX_DEPTH = 8, MAX_STRING = 1 << 16, MAX_NUMBER = 40 };

typedef struct reader {
    const char *at; /* NUL-terminated */
    int depth;
} reader;

static json_t *read_value(reader *r);

static void skip_blanks(reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r') r->at++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The digits behind \x, \u and \U. */
static bool read_hex(reader *r, int digits, fc_buf *out)
{
    uint32_t code_point = 0;
    char utf8[4];
    for (int i = 0; i < digits; i++, r->at++) {
        int digit = hex_digit(*r->at);
        if (digit < 0) return false;
        code_point = code_point << 4 | (uint32_t)digit;
    }
    if (code_point == 0 || code_point > 0x10ffff) return false;
    fc_buf_append(out, utf8, fc_utf8_encode(code_point, utf8));
    return true;
}

static bool read_escape(reader *r, fc_buf *out)
{
    static const char letters[] = "abfnrtv", codes[] = "\a\b\f\n\r\t\v";
    char c = *r->at;
    if (!c) return false;
    r->at++;
    if (c == 'x') return read_hex(r, 2, out);
    if (c == 'u') return read_hex(r, 4, out);
    if (c == 'U') return read_hex(r, 8, out);
    const char *letter = strchr(letters, c);
    if (letter)
        fc_buf_putc(out, codes[letter - letters]);
    else if (c == '\\' || c == '\'' || c == '"')
        fc_buf_putc(out, c);
    else
        fc_buf_printf(out, "\\%c", c); /* Python keeps the backslash of what is no escape */
    return true;
}

static json_t *read_string(reader *r)
{
    fc_buf text;
    json_t *value = NULL;
    char quote = *r->at++;
    bool ok = true;
    fc_buf_init(&text, MAX_STRING);
    while (ok && *r->at && *r->at != quote) {
        if (*r->at == '\\') {
            r->at++;
            ok = read_escape(r, &text);
        } else {
            fc_buf_putc(&text, *r->at++);
        }
    }
    if (ok && *r->at == quote && text.status == FC_OK)
        value = json_string(fc_buf_cstr(&text)); /* checks UTF-8 */
    if (value) r->at++;
    fc_buf_fini(&text);
    return value;
}

static json_t *read_number(reader *r)
{
    char digits[MAX_NUMBER];
    size_t n = strspn(r->at, "0123456789+-.eE");
    int64_t whole;
    double real;
    if (n == 0 || n >= sizeof digits) return NULL;
    memcpy(digits, r->at, n);
    digits[n] = '\0';
    r->at += n;
    if (fc_parse_i64(digits, &whole)) return json_integer(whole);
    return fc_parse_f64(digits, &real) ? json_real(real) : NULL;
}

static json_t *read_word(reader *r)
{
    static const char *const words[] = {"True", "False", "None"};
    for (int i = 0; i < 3; i++) {
        if (!fc_str_starts(r->at, words[i])) continue;
        r->at += strlen(words[i]);
        return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
    }
    return NULL;
}

/* "(1, 2)", "(1,)", "[]" */
static json_t *read_sequence(reader *r, char end)
{
    json_t *array = json_array();
    bool ok = array && ++r->depth <= MAX_DEPTH;
    r->at++;
    skip_blanks(r);
    while (ok && *r->at != end) {
        ok = json_array_append_new(array, read_value(r)) == 0;
        skip_blanks(r);
        if (ok && *r->at == ',')
            r->at++;
        else if (*r->at != end)
            ok = false;
        skip_blanks(r);
    }
    r->depth--;
    if (ok) {
        r->at++;
        return array;
    }
    json_decref(array);
    return NULL;
}

static json_t *read_value(reader *r)
{
    skip_blanks(r);
    switch (*r->at) {
    case '(':
        return read_sequence(r, ')');
    case '[':
        return read_sequence(r, ']');
    case '\'':
    case '"':
        return read_string(r);
    case 'T':
    case 'F':
    case 'N':
        return read_word(r);
    default:
        return read_number(r);
    }
}

json_t *fc_pyliteral_read(const char *text)
{
    reader r = {.at = text};
    json_t *value = read_value(&r);
    skip_blanks(&r);
    if (!*r.at) return value;
    json_decref(value);
    return NULL;
}

static void write_string(const char *text, fc_buf *out)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    fc_buf_putc(out, quote);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == (unsigned char)quote || c == '\\')
            fc_buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            fc_buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x20 || c == 0x7f)
            fc_buf_printf(out, "\\x%02x", c);
        else
            fc_buf_putc(out, (char)c);
    }
    fc_buf_putc(out, quote);
}

void fc_pyliteral_write_strings(const json_t *strings, fc_buf *out)
{
    fc_buf_putc(out, '[');
    for (size_t i = 0; i < json_array_size(strings); i++) {
        if (i) fc_buf_puts(out, ", ");
        write_string(json_string_value(json_array_get(strings, i)), out);
    }
    fc_buf_putc(out, ']');
}
