/* Style names: the display rule of Fooocus (its normalize_key), and names that went out of use. */
#include "app/prompt/style_name.h"

#include <string.h>
#include <utf8proc.h>
#include "app/prompt/styles.h"
#include "base/str.h"

/* normalised old name -> stored name */
static const char *const old_names[][2] = {
    {"Default (Slightly Cinematic)", "Fooocus Cinematic"},
    {"Fooocus Anime", "Fooocus Masterpiece"},
};

/* Spelled otherwise than capitalisation would have it, wherever it stands in a name. */
static const char *const fixes[][2] = {{"3d", "3D"}, {"Sai", "SAI"}, {"Mre", "MRE"}, {"(s", "(S"}};

void fc_style_name_normalise(const char *name, fc_buf *out)
{
    size_t start = out->len, size = strlen(name);
    bool word_starts = true;
    for (size_t i = 0; i < size;) {
        uint32_t c;
        char bytes[4];
        size_t n = fc_utf8_decode(name + i, size - i, &c);
        if (c == '-') c = ' ';
        utf8proc_int32_t shown =
            word_starts ? utf8proc_toupper((utf8proc_int32_t)c) : utf8proc_tolower((utf8proc_int32_t)c);
        fc_buf_append(out, bytes, fc_utf8_encode((uint32_t)shown, bytes));
        word_starts = c == ' ';
        i += n;
    }
    if (out->status || out->len == start) return;
    for (size_t k = 0; k < sizeof fixes / sizeof *fixes; k++)
        for (char *p = out->data + start; (p = strstr(p, fixes[k][0]));) {
            size_t n = strlen(fixes[k][1]);
            memcpy(p, fixes[k][1], n);
            p += n;
        }
}

/* '_' for blanks, runs of blanks, blanks at the ends: as people type names on a command line. */
static void tidy(const char *name, fc_buf *out)
{
    fc_buf_reset(out);
    for (const char *p = name; *p; p++) {
        bool blank = *p == ' ' || *p == '_' || *p == '-' || *p == '\t';
        if (!blank)
            fc_buf_putc(out, *p);
        else if (out->len > 0 && out->data[out->len - 1] != ' ')
            fc_buf_putc(out, ' ');
    }
    if (!out->status && out->len > 0 && out->data[out->len - 1] == ' ') out->data[--out->len] = 0;
}

void fc_style_name_resolve(const char *name, fc_buf *out)
{
    fc_buf tidied;
    fc_buf_init(&tidied, FC_STYLE_MAX_NAME);
    tidy(name, &tidied);
    fc_buf_reset(out);
    fc_style_name_normalise(fc_buf_cstr(&tidied), out);
    if (tidied.status) out->status = tidied.status;
    fc_buf_fini(&tidied);
    for (size_t k = 0; k < sizeof old_names / sizeof *old_names && !out->status; k++)
        if (!strcmp(fc_buf_cstr(out), old_names[k][0])) {
            fc_buf_reset(out);
            fc_buf_puts(out, old_names[k][1]);
        }
}
