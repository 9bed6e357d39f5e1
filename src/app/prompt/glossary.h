/* Chinese to English by a word list, for text encoders that know English only: data/glossary/zh, built into
 * the program. Sentences are cut into the words of the list; what stands before a noun in Chinese and behind
 * it in English is moved ("wearing a hat 的 cat" -> "cat wearing hat"). Plain descriptions come out as a
 * reader expects; stories do not. Traditional characters are read as simplified ones. */
#ifndef FC_APP_PROMPT_GLOSSARY_H
#define FC_APP_PROMPT_GLOSSARY_H

#include <stdbool.h>
#include "app/common/lines.h"

typedef enum fc_word_class {
    FC_WORD_NOUN,
    FC_WORD_ADJECTIVE,
    FC_WORD_VERB,
    FC_WORD_NUMBER,
    FC_WORD_MEASURE, /* behind a number, not said in English */
    FC_WORD_PLACE,   /* behind a noun: "in", "under" */
    FC_WORD_PREPOSITION,
    FC_WORD_CONJUNCTION,
    FC_WORD_POSSESSIVE,
    FC_WORD_HAVE,
    FC_WORD_COPULA,
    FC_WORD_PARTICLE,
    FC_WORD_PHRASE, /* says where, complete: "by the sea" */
    FC_WORD_TIME,   /* says when, complete: "at sunset" */
    FC_WORD_CLASS_COUNT,
    FC_WORD_LITERAL = FC_WORD_CLASS_COUNT, /* text in other scripts, kept as it is */
    FC_WORD_UNKNOWN,                       /* Chinese that the list does not have, kept as it is */
    FC_WORD_BREAK                          /* punctuation between clauses */
} fc_word_class;

typedef struct fc_word {
    const char *chinese, *english; /* english may be "" */
    fc_word_class class;
} fc_word;

typedef struct fc_glossary {
    const fc_word *words;        /* sorted by chinese; a word of two classes stands twice */
    size_t count, longest;       /* of the Chinese words, in characters */
    const uint32_t *traditional; /* pairs of code points, sorted by the first: traditional, simplified */
    size_t pairs;
} fc_glossary;

/* A word of a sentence; text points into the sentence. */
typedef struct fc_glossary_token {
    fc_word_class class;
    const char *english; /* NULL for literals, unknown words and breaks */
    const char *text;
    size_t size;
} fc_glossary_token;

/* Everything lives in the arena. NOMEM, LIMIT: the arena is full. */
fc_status fc_glossary_open(fc_arena *arena, fc_glossary *out, fc_err *err) FC_MUST_USE;
/* Cuts a sentence into tokens, so that as few characters as can be stay unknown and words are long. */
fc_status fc_glossary_cut(const fc_glossary *glossary, const char *sentence, fc_arena *arena,
                          fc_glossary_token **tokens, size_t *count, fc_err *err) FC_MUST_USE;

typedef struct fc_glossary_text {
    const char *english;
    fc_lines unknown; /* Chinese words that stayed as they are, each once */
} fc_glossary_text;

/* Whether the text has Chinese characters (and no Japanese or Korean ones). */
bool fc_text_is_chinese(const char *text);
/* Prompt weights, brackets and words in other scripts stay as they are. LIMIT: a text over 64 KiB. */
fc_status fc_glossary_translate(const fc_glossary *glossary, const char *text, fc_arena *arena,
                                fc_glossary_text *out, fc_err *err) FC_MUST_USE;

#endif
