/* The word list and how a sentence is cut into its words. See glossary.h. */
#include "app/prompt/glossary.h"

#include <stdlib.h>
#include <string.h>
#include "app/common/app_data.h"
#include "base/str.h"
#include "text/unicode.h"

enum {
    MAX_SENTENCE = 64 << 10,
    MAX_WORD = 64,  /* bytes */
    COST_WORD = 10, /* of a word; one of a single character costs more, so that longer ones win */
    COST_SINGLE = 14,
    COST_PHRASE = 16, /* "under the tree", unless it cuts a longer word: 樱花树|下, not 樱花|树下 */
    COST_UNKNOWN = 100
};

/* The lists' names for the classes. */
static const char *const class_names[FC_WORD_CLASS_COUNT] = {
    "noun",        "adjective",  "verb", "number", "measure",  "place",  "preposition",
    "conjunction", "possessive", "have", "copula", "particle", "phrase", "time"};

static const char folder[] = "glossary/zh/", traditional_file[] = "glossary/zh/traditional.txt";

/* ---- the list ---- */

typedef struct reader {
    fc_arena *arena;
    fc_word *words; /* NULL while words are only counted */
    size_t count;
    fc_word_class class;
} reader;

static fc_word_class class_of(const char *line, size_t size)
{
    for (size_t i = 0; i < FC_WORD_CLASS_COUNT; i++)
        if (strlen(class_names[i]) + 2 == size && memcmp(line + 1, class_names[i], size - 2) == 0)
            return (fc_word_class)i;
    return FC_WORD_NOUN; /* a test reads the lists: their classes are known */
}

/* "english: word word" */
static void read_words(reader *r, const char *line, const char *end)
{
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (!colon) return;
    const char *english = r->words ? fc_arena_strndup(r->arena, line, (size_t)(colon - line)) : NULL;
    for (const char *s = colon + 1; s < end;) {
        const char *blank = memchr(s, ' ', (size_t)(end - s));
        const char *stop = blank ? blank : end;
        if (stop > s && r->words)
            r->words[r->count] =
                (fc_word){fc_arena_strndup(r->arena, s, (size_t)(stop - s)), english, r->class};
        if (stop > s) r->count++;
        s = stop + 1;
    }
}

static void read_list(reader *r, const fc_embedded_file *file)
{
    const char *at = file->data, *end = file->data + file->size;
    r->class = FC_WORD_NOUN;
    while (at < end) {
        const char *line = at;
        size_t size = fc_line_next(&at, end);
        if (size == 0 || *line == '#') continue;
        if (*line == '[')
            r->class = class_of(line, size);
        else
            read_words(r, line, line + size);
    }
}

static void read_lists(reader *r)
{
    r->count = 0;
    for (size_t i = 0; i < fc_app_data.count; i++) {
        const fc_embedded_file *file = &fc_app_data.files[i];
        if (fc_str_starts(file->name, folder) && strcmp(file->name, traditional_file) != 0)
            read_list(r, file);
    }
}

static int by_chinese(const void *a, const void *b)
{
    const fc_word *x = a, *y = b;
    int order = strcmp(x->chinese, y->chinese);
    return order != 0 ? order : (int)x->class - (int)y->class;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int by_code_point(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Pairs of characters with anything between; lines that begin with '#' do not count. */
static void read_traditional(fc_glossary *g, fc_arena *arena)
{
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, traditional_file);
    uint32_t *codes = file ? fc_arena_array(arena, file->size / 3 + 2, sizeof *codes) : NULL;
    size_t count = 0;
    if (!codes) return;
    for (const char *at = file->data, *end = file->data + file->size; at < end;) {
        const char *line = at;
        size_t size = fc_line_next(&at, end);
        for (size_t i = 0; i < size && *line != '#';) {
            uint32_t c;
            i += fc_utf8_decode(line + i, size - i, &c);
            if (fc_unicode_is_ideograph(c)) codes[count++] = c;
        }
    }
    g->pairs = count / 2;
    qsort(codes, g->pairs, 2 * sizeof *codes, by_code_point);
    g->traditional = codes;
}

fc_status fc_glossary_open(fc_arena *arena, fc_glossary *out, fc_err *err)
{
    reader r = {.arena = arena};
    *out = (fc_glossary){0};
    read_lists(&r);
    r.words = fc_arena_array(arena, r.count, sizeof *r.words);
    if (r.words) read_lists(&r);
    read_traditional(out, arena);
    if (arena->status != FC_OK) return fc_fail(err, arena->status, "no memory for the glossary");
    qsort(r.words, r.count, sizeof *r.words, by_chinese);
    out->words = r.words;
    out->count = r.count;
    for (size_t i = 0; i < r.count; i++) {
        size_t n = characters(r.words[i].chinese);
        if (n > out->longest) out->longest = n;
    }
    return FC_OK;
}

/* ---- cutting ---- */

/* One character of a sentence, and the best way to cut all that follows it. */
typedef struct place {
    const char *at;      /* in the sentence */
    uint32_t c;          /* simplified, ASCII letters small */
    const fc_word *word; /* the word that begins here; NULL: a single character */
    uint32_t length;     /* in characters */
    uint32_t cost;       /* from here to the end */
} place;

static uint32_t simplified(const fc_glossary *g, uint32_t c)
{
    if (c < 128) return c >= 'A' && c <= 'Z' ? c + 32 : c;
    const uint32_t *pair =
        g->pairs ? bsearch(&c, g->traditional, g->pairs, 2 * sizeof c, by_code_point) : NULL;
    return pair ? pair[1] : c;
}

/* The first of the entries that spell `key`, or NULL. */
static const fc_word *look_up(const fc_glossary *g, const char *key)
{
    size_t low = 0, high = g->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(g->words[middle].chinese, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->count && strcmp(g->words[low].chinese, key) == 0 ? &g->words[low] : NULL;
}

static uint32_t word_cost(const fc_word *word, size_t length)
{
    if (length == 1) return COST_SINGLE;
    return word->class == FC_WORD_PHRASE ? COST_PHRASE : COST_WORD;
}

/* Chooses what begins at places[i]; what follows is decided already. */
static void choose(const fc_glossary *g, place *places, size_t i, size_t count)
{
    char key[MAX_WORD + 4];
    size_t size = 0;
    place *p = &places[i];
    p->length = 1;
    p->cost = places[i + 1].cost + (fc_unicode_is_ideograph(p->c) ? COST_UNKNOWN : 0);
    for (size_t n = 0; n < g->longest && i + n < count && size < MAX_WORD; n++) {
        size += fc_utf8_encode(places[i + n].c, key + size);
        key[size] = '\0';
        const fc_word *word = size <= MAX_WORD ? look_up(g, key) : NULL;
        uint32_t cost = places[i + n + 1].cost + (word ? word_cost(word, n + 1) : 0);
        if (word && cost <= p->cost) { /* equally good: the longer one first */
            p->word = word;
            p->length = (uint32_t)n + 1;
            p->cost = cost;
        }
    }
}

static bool is_break(uint32_t c)
{
    if (c < 128) return strchr(",.;:!?()[]{}|\"\n\r\t", (int)c) != NULL;
    /* 、。〈〉《》「」『』【】 and the full-width ！（），：；？ with “” ‘’ … — · */
    return (c >= 0x3001 && c <= 0x3011) || c == 0xff01 || c == 0xff08 || c == 0xff09 || c == 0xff0c ||
           c == 0xff1a || c == 0xff1b || c == 0xff1f || (c >= 0x2018 && c <= 0x201d) || c == 0x2026 ||
           c == 0x2014 || c == 0xb7;
}

static fc_word_class single_class(uint32_t c)
{
    if (is_break(c)) return FC_WORD_BREAK;
    return fc_unicode_is_ideograph(c) ? FC_WORD_UNKNOWN : FC_WORD_LITERAL;
}

/* Neighbours of the same kind are one token: literals, and characters that no word has. */
static void add_token(fc_glossary_token *tokens, size_t *count, fc_glossary_token token)
{
    fc_glossary_token *last = *count ? &tokens[*count - 1] : NULL;
    bool joins = token.class == FC_WORD_LITERAL || token.class == FC_WORD_UNKNOWN;
    if (last && joins && last->class == token.class)
        last->size += token.size;
    else
        tokens[(*count)++] = token;
}

static bool is_counted(const fc_glossary_token *before)
{
    if (!before) return false;
    char last = before->text[before->size - 1];
    return before->class == FC_WORD_NUMBER ||
           (before->class == FC_WORD_LITERAL && last >= '0' && last <= '9');
}

static bool is_described(const place *next)
{
    if (!next->word) return single_class(next->c) == FC_WORD_UNKNOWN;
    fc_word_class class = next->word->class;
    return class == FC_WORD_NOUN || class == FC_WORD_ADJECTIVE || class == FC_WORD_POSSESSIVE;
}

/* Which of the entries of a word is meant: the measure word behind a number, the adjective where something
 * follows that it can describe ("Chinese", else "China"), else the first that is neither. */
static const fc_word *entry_for(const fc_glossary *g, const fc_word *first, const fc_glossary_token *before,
                                const place *next)
{
    const fc_word *end = g->words + g->count, *other = NULL, *adjective = NULL;
    for (const fc_word *w = first; w < end && strcmp(w->chinese, first->chinese) == 0; w++) {
        if (w->class == FC_WORD_MEASURE && is_counted(before)) return w;
        if (w->class == FC_WORD_ADJECTIVE)
            adjective = w;
        else if (w->class != FC_WORD_MEASURE && !other)
            other = w;
    }
    if (adjective && (!other || is_described(next))) return adjective;
    return other ? other : first;
}

static size_t make_tokens(const fc_glossary *g, const place *places, size_t count, fc_glossary_token *tokens)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i += places[i].length) {
        const place *p = &places[i];
        const char *next = places[i + p->length].at;
        fc_glossary_token token = {single_class(p->c), NULL, p->at, (size_t)(next - p->at)};
        if (p->word) {
            const fc_word *word = entry_for(g, p->word, n ? &tokens[n - 1] : NULL, p + p->length);
            token.class = word->class;
            token.english = word->english;
        }
        add_token(tokens, &n, token);
    }
    return n;
}

fc_status fc_glossary_cut(const fc_glossary *g, const char *sentence, fc_arena *arena,
                          fc_glossary_token **tokens, size_t *count, fc_err *err)
{
    size_t size = strlen(sentence), n = 0;
    *count = 0;
    if (size > MAX_SENTENCE)
        return fc_fail(err, FC_LIMIT, "the prompt has %zu bytes, at most %d can be translated", size,
                       MAX_SENTENCE);
    place *places = fc_arena_array(arena, size + 1, sizeof *places);
    *tokens = fc_arena_array(arena, size + 1, sizeof **tokens);
    if (!places || !*tokens)
        return fc_fail(err, arena->status, "no memory for cutting the prompt into words");
    for (size_t i = 0; i < size; n++) {
        places[n].at = sentence + i;
        i += fc_utf8_decode(sentence + i, size - i, &places[n].c);
        places[n].c = simplified(g, places[n].c);
    }
    places[n].at = sentence + size;
    for (size_t i = n; i-- > 0;) choose(g, places, i, n);
    *count = make_tokens(g, places, n, *tokens);
    return FC_OK;
}
