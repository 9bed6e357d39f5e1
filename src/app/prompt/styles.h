/* Styles: named templates around a prompt. The shipped ones are built in (data/styles, docs/DATA.md); files
 * of the user's folders come on top. Immutable once open, so any number of threads may share one set. Names,
 * order, composition and old names must match Fooocus 2.5.5 and 1.0.43; the texts are our own. */
#ifndef FC_APP_PROMPT_STYLES_H
#define FC_APP_PROMPT_STYLES_H

#include <stdbool.h>
#include "app/common/lines.h"
#include "app/common/warn.h"
#include "base/buf.h"
#include "base/pyrandom.h"

#ifdef FC_HARD
#define FC_STYLES_MAX      400u
#define FC_STYLES_MAX_FILE ((size_t)64 << 10)
#else
#define FC_STYLES_MAX      20000u
#define FC_STYLES_MAX_FILE ((size_t)4 << 20) /* bytes of one style file */
#endif

typedef enum fc_style_kind {
    FC_STYLE_TEXT,
    FC_STYLE_EXPANSION, /* "Fooocus V2": switches the prompt expansion on, has no text */
    FC_STYLE_RANDOM     /* "Random Style": another style for every picture */
} fc_style_kind;

typedef struct fc_style {
    const char *name;     /* as shown and compared */
    const char *prompt;   /* "" when there is no positive text */
    const char *negative; /* "" when there is no negative text */
    fc_style_kind kind;
    bool hidden; /* only version 1.0.43 had it: found by name, but in no list of 2.5 and never drawn */
} fc_style;

/* A name of version 1.0.43 and the style it stands for, in the order of its radio list. */
typedef struct fc_style_v1 {
    const char *name;
    const fc_style *style;
} fc_style_v1;

typedef struct fc_styles fc_styles;

/* Reads the files *.json below the folders (none, missing ones and NULL are fine), then the built-in files. A
 * file that is called like a built-in one (sai.json, or sdxl_styles_sai.json as in Fooocus) and lies directly
 * in a folder stands in for it; the others load first. A name that comes again replaces the texts and keeps
 * its place. What is broken is left out with a warning that names file and line. */
fc_status fc_styles_open(const char *const *folders, size_t folder_count, fc_warn warn, fc_styles **styles,
                         fc_err *err) FC_MUST_USE;
/* With the folders of a home: styles/, and sdxl_styles/ of a Fooocus installation. */
fc_status fc_styles_open_home(const char *home, fc_warn warn, fc_styles **styles, fc_err *err) FC_MUST_USE;
void fc_styles_close(fc_styles *s);

/* For lists: "Fooocus V2", "Random Style", then all others in load order. */
size_t fc_styles_count(const fc_styles *s);
const fc_style *fc_styles_at(const fc_styles *s, size_t index);
/* The 184 names of 1.0.43. */
const fc_style_v1 *fc_styles_v1(const fc_styles *s, size_t *count);

/* By any spelling: "sai-line art", "SAI Line Art", "sai_line_art", names of older versions. NULL when there
 * is none. */
const fc_style *fc_styles_find(const fc_styles *s, const char *name);
/* The same, with an error (ARG) that suggests a name. */
fc_status fc_styles_get(const fc_styles *s, const char *name, const fc_style **style,
                        fc_err *err) FC_MUST_USE;
/* What "Random Style" becomes: one draw among all styles of the list that have texts. NULL when there are
 * none. */
const fc_style *fc_styles_draw(const fc_styles *s, fc_pyrandom *random);

/* Appends the stored form of a name: '-' is a blank, words are capitalised; "3D", "SAI", "MRE". */
void fc_style_name_normalise(const char *name, fc_buf *out);

/* 2.5: the texts of all chosen styles in order. The bare prompt comes first when no template carried it.
 * Styles of other kinds than TEXT add nothing. */
void fc_styles_compose(const fc_style *const *chosen, size_t count, const char *prompt, fc_lines *positive,
                       fc_lines *negative);
/* 1.0.43: the one text of each side. Style negative and user negative are joined by ", " even when one is
 * empty. */
void fc_style_compose_v1(const fc_style *style, const char *prompt, const char *negative_prompt,
                         fc_buf *positive, fc_buf *negative);

#endif
