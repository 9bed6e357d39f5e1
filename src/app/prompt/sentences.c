/* See sentences.h. */
#include "app/prompt/sentences.h"

#include <string.h>
#include <strings.h>

#include "app/prompt/script_check.h"
#include "base/buf.h"
#include "base/str.h"

enum { MAX_ENGLISH = 1 << 20, LONG = 400 /* bytes: such a sentence ends at its next comma */ };

/* Most languages of a script are read by the model of its largest one, or by one of many languages. */
static const struct {
    const char *script, *language;
} languages[] = {
    {"Chinese", "zh"},    {"Japanese", "ja"}, {"Korean", "ko"},    {"Cyrillic", "ru"}, {"Arabic", "ar"},
    {"Greek", "el"},      {"Hebrew", "he"},   {"Thai", "th"},      {"Armenian", "hy"}, {"Georgian", "ka"},
    {"Devanagari", "hi"}, {"Bengali", "bn"},  {"Malayalam", "ml"}, {"Gujarati", "gu"}, {"Tamil", "ta"},
    {"Telugu", "te"},     {"Kannada", "kn"},  {"Gurmukhi", "pa"},  {"Burmese", "my"},  {"Khmer", "km"},
    {"Lao", "lo"},
};

const char *fc_text_language(const char *text)
{
    char word[80];
    const char *script = fc_text_unread_script(text, true, word, sizeof word);
    for (size_t i = 0; script && i < sizeof languages / sizeof *languages; i++)
        if (strcmp(languages[i].script, script) == 0) return languages[i].language;
    return NULL;
}

/* ---- what stays ---- */

static bool has_letters(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 128 || (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z'))
            return true;
    return false;
}

/* ":1.2" and the like, with either colon; its bytes, 0: none. */
static size_t weight_at(const char *s)
{
    size_t colon = *s == ':' ? 1 : fc_str_starts(s, "：") ? 3 : 0, size = colon;
    while (colon && s[size] && strchr("0123456789.- ", s[size])) size++;
    return size > colon ? size : 0;
}

/* Bytes at s that are copied as they are; 0: a sentence begins here. */
static size_t kept_at(const char *s)
{
    const char *end = *s == '<' ? strchr(s, '>') : NULL;
    if (end) return (size_t)(end - s) + 1;
    if (strncasecmp(s, "embedding:", 10) == 0) return strcspn(s, " ,()[]\n");
    if (*s == '\\' && s[1]) return 2;
    if (strchr("()[]{}<>|\n", *s)) return 1;
    return weight_at(s);
}

static const char *const ends[] = {"。", "！", "？", "；", "!", "?", ";"};

/* Bytes of a mark that ends a sentence; 0: there is none. */
static size_t end_at(const char *s, size_t length)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (fc_str_starts(s, ends[i])) return strlen(ends[i]);
    if (*s == '.' && (s[1] == ' ' || !s[1])) return 1;
    if (length < LONG) return 0;
    return fc_str_starts(s, "，") || fc_str_starts(s, "、") ? 3 : *s == ',';
}

static bool is_bracket(const char *s)
{
    return fc_str_starts(s, "（") || fc_str_starts(s, "）");
}

/* Bytes of the sentence at s, with the mark at its end. */
static size_t sentence_size(const char *s)
{
    size_t size = 0;
    while (s[size] && !is_bracket(s + size) && (size == 0 || !kept_at(s + size))) {
        size_t mark = end_at(s + size, size);
        uint32_t c;
        if (mark) return size + mark;
        size += fc_utf8_decode(s + size, strlen(s + size), &c);
    }
    return size;
}

/* ---- translating ---- */

static void put_english(fc_buf *out, const char *english, bool closed)
{
    size_t size = strlen(english);
    char last = out->len ? out->data[out->len - 1] : ' ';
    if (!closed && size > 1 && english[size - 1] == '.') size--; /* a full stop that was not written */
    if (size && !strchr(" ([{<\n\"|", last) && !strchr(",.;:!?)", *english)) fc_buf_putc(out, ' ');
    fc_buf_append(out, english, size);
}

/* Blanks and commas of either kind at s; their bytes. */
static size_t comma_size(const char *s, size_t size)
{
    size_t n = 0;
    while (n < size) {
        if (s[n] == ' ' || s[n] == ',')
            n++;
        else if (size - n >= 3 && (fc_str_starts(s + n, "，") || fc_str_starts(s + n, "、")))
            n += 3;
        else
            break;
    }
    return n;
}

static void put_commas(fc_buf *out, const char *s, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        bool wide = (unsigned char)s[n] >= 128;
        if (wide) n += 2;
        fc_buf_puts(out, wide ? ", " : (char[]){s[n], '\0'});
    }
}

/* s: without commas around it */
static fc_status put_sentence(const fc_sentence_translator *t, const char *s, size_t size, fc_arena *arena,
                              fc_buf *out, fc_err *err)
{
    char *text = fc_arena_strndup(arena, s, size);
    if (!text) return fc_fail(err, FC_NOMEM, "out of memory while a prompt is translated");
    const char *language = fc_text_language(text), *english;
    if (!has_letters(text) || !t->reads(t->user, language)) {
        fc_buf_puts(out, text);
        return FC_OK;
    }
    bool closed = size > 0 && (strchr(".!?;", text[size - 1]) || fc_str_ends(text, "。"));
    fc_status status = t->run(t->user, language, text, arena, &english, err);
    if (!status) put_english(out, english, closed);
    return status;
}

static fc_status put_stretch(const fc_sentence_translator *t, const char *s, size_t size, fc_arena *arena,
                             fc_buf *out, fc_err *err)
{
    size_t first = comma_size(s, size), end = size;
    while (end > first) { /* commas at the end */
        size_t wide = end >= 3 && comma_size(s + end - 3, 3) == 3 && (unsigned char)s[end - 1] >= 128 ? 3 : 1;
        if (wide == 1 && s[end - 1] != ' ' && s[end - 1] != ',') break;
        end -= wide;
    }
    put_commas(out, s, first);
    fc_status status = end > first ? put_sentence(t, s + first, end - first, arena, out, err) : FC_OK;
    put_commas(out, s + end, size - end);
    return status;
}

/* One stretch of the line that stays or is translated; its bytes in *size. */
static fc_status put_next(const fc_sentence_translator *t, const char *s, fc_arena *arena, fc_buf *out,
                          size_t *size, fc_err *err)
{
    if (is_bracket(s)) {
        fc_buf_putc(out, fc_str_starts(s, "（") ? '(' : ')');
        *size = 3;
        return FC_OK;
    }
    *size = kept_at(s);
    if (*size == 0) {
        *size = sentence_size(s);
        return put_stretch(t, s, *size, arena, out, err);
    }
    bool wide = fc_str_starts(s, "：");
    bool opens = *s == '(' || *s == '<' || strncasecmp(s, "embedding:", 10) == 0;
    if (opens && out->len && !strchr(" ([{<\n\\", out->data[out->len - 1])) fc_buf_putc(out, ' ');
    if (wide) fc_buf_putc(out, ':');
    fc_buf_append(out, s + (wide ? 3 : 0), *size - (wide ? 3 : 0));
    return FC_OK;
}

fc_status fc_line_translate(const fc_sentence_translator *t, const char *line, fc_arena *arena,
                            const char **english, fc_err *err)
{
    fc_buf text;
    size_t size;
    fc_status status = FC_OK;
    fc_buf_init(&text, MAX_ENGLISH);
    for (const char *s = line; *s && !status; s += size) status = put_next(t, s, arena, &text, &size, err);
    if (status != FC_OK) goto out;
    *english = fc_arena_strdup(arena, fc_buf_cstr(&text));
    status = text.status ? text.status : *english ? FC_OK : FC_NOMEM;
    if (status) status = fc_fail(err, status, "no memory for translating the prompt");
out:
    fc_buf_fini(&text);
    return status;
}
