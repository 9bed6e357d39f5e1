/* See script_check.h. Blocks are Unicode's. */
#include "app/prompt/script_check.h"

#include <stdint.h>
#include <string.h>
#include "base/str.h"

static const struct {
    uint32_t first, last;
    const char *name;
} blocks[] = {
    {0x0370, 0x03ff, "Greek"},      {0x0400, 0x052f, "Cyrillic"},  {0x0530, 0x058f, "Armenian"},
    {0x0590, 0x05ff, "Hebrew"},     {0x0600, 0x06ff, "Arabic"},    {0x0750, 0x077f, "Arabic"},
    {0x0900, 0x097f, "Devanagari"}, {0x0980, 0x09ff, "Bengali"},   {0x0a00, 0x0a7f, "Gurmukhi"},
    {0x0a80, 0x0aff, "Gujarati"},   {0x0b80, 0x0bff, "Tamil"},     {0x0c00, 0x0c7f, "Telugu"},
    {0x0c80, 0x0cff, "Kannada"},    {0x0d00, 0x0d7f, "Malayalam"}, {0x0e00, 0x0e7f, "Thai"},
    {0x0e80, 0x0eff, "Lao"},        {0x1000, 0x109f, "Burmese"},   {0x10a0, 0x10ff, "Georgian"},
    {0x1100, 0x11ff, "Korean"},     {0x1780, 0x17ff, "Khmer"},     {0x3040, 0x30ff, "Japanese"},
    {0x31f0, 0x31ff, "Japanese"},   {0x3400, 0x4dbf, "Chinese"},   {0x4e00, 0x9fff, "Chinese"},
    {0xac00, 0xd7a3, "Korean"},     {0xf900, 0xfaff, "Chinese"},   {0xfb50, 0xfdff, "Arabic"},
    {0xfe70, 0xfeff, "Arabic"},     {0xff66, 0xff9f, "Japanese"},  {0x20000, 0x3ffff, "Chinese"},
};

/* NULL: a script the encoders read, or no letter at all. */
static const char *script_of(uint32_t c)
{
    if (c == 0x30fb || c == 0xfeff) return NULL; /* a dot among kana; a mark */
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (c >= blocks[i].first && c <= blocks[i].last) return blocks[i].name;
    return NULL;
}

static bool has_kana(const char *text)
{
    for (size_t i = 0, size = strlen(text); i < size;) {
        uint32_t c;
        i += fc_utf8_decode(text + i, size - i, &c);
        const char *script = script_of(c);
        if (script && strcmp(script, "Japanese") == 0) return true;
    }
    return false;
}

const char *fc_text_unread_script(const char *text, bool han, char *word, size_t size)
{
    const char *first = NULL;
    size_t used = 0, letters = 0, n;
    bool japanese = has_kana(text);
    for (size_t i = 0, end = strlen(text); i < end; i += n) {
        uint32_t c;
        n = fc_utf8_decode(text + i, end - i, &c);
        const char *script = script_of(c);
        bool chinese = script && strcmp(script, "Chinese") == 0;
        if (chinese && japanese) script = "Japanese";
        if (!script || (chinese && !japanese && !han)) {
            if (letters >= 2 || (letters == 1 && strcmp(first, "Chinese") == 0)) break;
            first = NULL;
            used = letters = 0;
            continue;
        }
        if (!first) first = script;
        letters++;
        if (used + n < size) {
            memcpy(word + used, text + i, n);
            used += n;
        }
    }
    word[used] = '\0';
    bool counts = letters >= 2 || (letters == 1 && strcmp(first, "Chinese") == 0);
    return counts ? first : NULL;
}
