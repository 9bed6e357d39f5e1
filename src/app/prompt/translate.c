/* From cut Chinese to English: a reader of noun phrases. A clause is read from left to right; places and
 * times are said at its end, as English does. See glossary.h. */
#include <string.h>
#include "app/prompt/glossary.h"
#include "base/buf.h"
#include "base/str.h"
#include "text/unicode.h"

enum { MAX_ENGLISH = 1 << 20, MAX_DEPTH = 16 };

typedef fc_glossary_token token;

typedef struct parser {
    const token *t;
    fc_arena *arena;
    int depth; /* of clauses within noun phrases */
} parser;

/* ---- texts ---- */

/* Adds a word or phrase, with a blank between it and what is there. */
static void put(fc_buf *b, const char *text, size_t size)
{
    while (size > 0 && *text == ' ') text++, size--;
    while (size > 0 && text[size - 1] == ' ') size--;
    if (size == 0) return;
    if (b->len > 0 && b->data[b->len - 1] != ' ') fc_buf_putc(b, ' ');
    fc_buf_append(b, text, size);
}

static void put_text(fc_buf *b, const char *text)
{
    put(b, text, strlen(text));
}

static void put_token(fc_buf *b, const token *t)
{
    if (t->english)
        put_text(b, t->english);
    else
        put(b, t->text, t->size);
}

/* The text of a buffer in the arena; the buffer is given back. */
static const char *keep(parser *p, fc_buf *b)
{
    const char *text = fc_arena_strdup(p->arena, fc_buf_cstr(b));
    if (b->status != FC_OK && p->arena->status == FC_OK) p->arena->status = b->status;
    fc_buf_fini(b);
    return text ? text : "";
}

static bool is_any(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}
#define IS_ANY(word, list) is_any(word, list, sizeof(list) / sizeof *(list))

/* ---- English: plurals and articles ---- */

static const char *const irregular[][2] = {
    {"man", "men"},           {"woman", "women"},         {"child", "children"}, {"person", "people"},
    {"mouse", "mice"},        {"goose", "geese"},         {"wolf", "wolves"},    {"leaf", "leaves"},
    {"foot", "feet"},         {"tooth", "teeth"},         {"knife", "knives"},   {"fish", "fish"},
    {"goldfish", "goldfish"}, {"sheep", "sheep"},         {"deer", "deer"},      {"koi", "koi"},
    {"elf", "elves"},         {"gentleman", "gentlemen"}, {"bread", "bread"},    {"water", "water"},
    {"grass", "grass"},       {"snow", "snow"},           {"light", "light"},    {"people", "people"},
    {"clothes", "clothes"},   {"hair", "hair"},           {"rain", "rain"},      {"smoke", "smoke"},
    {"fruit", "fruit"},       {"food", "food"},           {"gold", "gold"},      {"bamboo", "bamboo"},
};

static bool ends_any(const char *word, const char *const *ends, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fc_str_ends(word, ends[i])) return true;
    return false;
}

/* The plural of a noun phrase's last word is put. */
static void put_plural(fc_buf *b, const char *noun)
{
    static const char *const hissing[] = {"s", "x", "z", "ch", "sh"};
    const char *blank = strrchr(noun, ' '), *last = blank ? blank + 1 : noun;
    size_t size = strlen(noun);
    for (size_t i = 0; i < sizeof irregular / sizeof *irregular; i++)
        if (strcmp(last, irregular[i][0]) == 0) {
            put(b, noun, (size_t)(last - noun));
            put_text(b, irregular[i][1]);
            return;
        }
    if (fc_str_ends(last, "flies") || fc_str_ends(last, "ers")) { /* is one */
        put_text(b, noun);
    } else if (size > 1 && noun[size - 1] == 'y' && !strchr("aeiou", noun[size - 2])) {
        put(b, noun, size - 1);
        fc_buf_puts(b, "ies");
    } else {
        put_text(b, noun);
        fc_buf_puts(b, ends_any(last, hissing, sizeof hissing / sizeof *hissing) ? "es" : "s");
    }
}

static bool is_one(const char *number)
{
    static const char *const singular[] = {"a",           "half",       "every",      "a cup of", "a bowl of",
                                           "a bottle of", "a plate of", "a piece of", "a pot of"};
    return IS_ANY(number, singular);
}

/* ---- the parser ---- */

static const char *clause(parser *p, size_t low, size_t high);

static bool is_noun(const token *t)
{
    return t->class == FC_WORD_NOUN || t->class == FC_WORD_LITERAL || t->class == FC_WORD_UNKNOWN;
}

static bool is_class(const parser *p, size_t i, size_t high, fc_word_class class)
{
    return i < high && p->t[i].class == class;
}

/* "wearing hat 的 cat": the place of the 的 that makes all from i on describe what follows; 0: there is none.
 * Behind an adjective or a number 的 belongs to that alone. */
static size_t relative_end(const parser *p, size_t i, size_t high)
{
    bool has_object = false;
    for (size_t d = i; d + 1 < high; d++) {
        const token *t = &p->t[d];
        if (t->class == FC_WORD_POSSESSIVE && has_object &&
            (is_noun(&p->t[d - 1]) || p->t[d - 1].class == FC_WORD_PLACE ||
             p->t[d - 1].class == FC_WORD_VERB || p->t[d - 1].class == FC_WORD_PHRASE))
            return d;
        has_object = has_object || is_noun(t) || t->class == FC_WORD_PHRASE || t->class == FC_WORD_PLACE ||
                     (t->class == FC_WORD_VERB && d > i);
    }
    return 0;
}

typedef struct noun_phrase {
    const char *number; /* "" or "two", "a" */
    fc_buf before, head, after;
} noun_phrase;

static size_t read_number(const parser *p, size_t i, size_t high, noun_phrase *n)
{
    if (is_class(p, i, high, FC_WORD_NUMBER)) {
        n->number = p->t[i++].english;
        while (is_class(p, i, high, FC_WORD_NUMBER)) put_token(&n->before, &p->t[i++]);
    } else if (is_class(p, i, high, FC_WORD_LITERAL) && is_class(p, i + 1, high, FC_WORD_MEASURE)) {
        n->number = fc_arena_strndup(p->arena, p->t[i].text, p->t[i].size);
        if (!n->number) n->number = "";
        i++;
    }
    return is_class(p, i, high, FC_WORD_MEASURE) ? i + 1 : i;
}

/* "places the noun"; a noun with an article of its own gets none */
static const char *located(parser *p, const char *place, const char *noun)
{
    const char *article =
        *noun && !fc_str_starts(noun, "a ") && !fc_str_starts(noun, "the ") && !fc_str_starts(noun, "an ")
            ? "the "
            : "";
    const char *text = fc_arena_printf(p->arena, "%s %s%s", place, article, noun);
    return text ? text : "";
}

/* A run of nouns, and what makes it the head or a part of what describes the head. Returns where to go on;
 * *done: the head was found. */
static size_t read_nouns(parser *p, size_t i, size_t high, noun_phrase *n, bool *done)
{
    fc_buf run;
    fc_buf_init(&run, MAX_ENGLISH);
    while (i < high && is_noun(&p->t[i])) put_token(&run, &p->t[i++]);
    if (is_class(p, i, high, FC_WORD_PLACE) && is_class(p, i + 1, high, FC_WORD_POSSESSIVE) && i + 2 < high) {
        put_text(&n->after, located(p, p->t[i].english, fc_buf_cstr(&run)));
        i += 2;
    } else if (is_class(p, i, high, FC_WORD_POSSESSIVE) && i + 1 < high) {
        put_text(&n->before, fc_buf_cstr(&run));
        i++;
    } else {
        put_text(&n->head, fc_buf_cstr(&run));
        *done = true;
    }
    fc_buf_fini(&run);
    return i;
}

/* One step of what stands before the head; returns where to go on, i: nothing more belongs to the phrase. */
static size_t read_modifier(parser *p, size_t i, size_t high, noun_phrase *n, bool *done)
{
    const token *t = &p->t[i];
    size_t d;
    if (is_noun(t)) return read_nouns(p, i, high, n, done);
    switch (t->class) {
    case FC_WORD_ADJECTIVE:
        put_token(&n->before, t);
        return is_class(p, i + 1, high, FC_WORD_POSSESSIVE) ? i + 2 : i + 1;
    case FC_WORD_POSSESSIVE:
        return i + 1;
    case FC_WORD_PARTICLE:
        return *t->english ? i : i + 1;
    case FC_WORD_VERB:
        if (is_class(p, i + 1, high, FC_WORD_POSSESSIVE) && i + 2 < high) {
            put_token(strchr(t->english, ' ') ? &n->after : &n->before, t); /* "boy playing piano" */
            return i + 2;
        }
        /* fallthrough */
    case FC_WORD_PREPOSITION:
        d = p->depth < MAX_DEPTH ? relative_end(p, i, high) : 0;
        if (d == 0) return i;
        put_text(&n->after, clause(p, i, d));
        return d + 1;
    case FC_WORD_PHRASE:
    case FC_WORD_TIME:
        if (!is_class(p, i + 1, high, FC_WORD_POSSESSIVE) || i + 2 >= high) return i;
        put_token(&n->after, t);
        return i + 2;
    default:
        return i;
    }
}

/* Puts "a", or "an" where what follows begins with a vowel, and other numbers as they are. */
static void put_number(fc_buf *out, const char *number, const char *next)
{
    bool vowel =
        *next && strchr("aeiou", *next) && !fc_str_starts(next, "uni") && !fc_str_starts(next, "one");
    put_text(out, strcmp(number, "a") == 0 && vowel ? "an" : number);
}

/* Reads the noun phrase at i, *text: its English. Goes on by one token at least. */
static size_t noun_phrase_at(parser *p, size_t i, size_t high, const char **text)
{
    noun_phrase n = {.number = ""};
    fc_buf out;
    bool done = false;
    size_t first = i;
    fc_buf_init(&n.before, MAX_ENGLISH);
    fc_buf_init(&n.head, MAX_ENGLISH);
    fc_buf_init(&n.after, MAX_ENGLISH);
    fc_buf_init(&out, MAX_ENGLISH);
    i = read_number(p, i, high, &n);
    while (i < high && !done) {
        size_t next = read_modifier(p, i, high, &n, &done);
        if (next == i && is_class(p, i, high, FC_WORD_NUMBER) && !*n.number && n.head.len == 0)
            next = read_number(p, i, high, &n); /* "by the sea 的 a boat" */
        if (next == i) break;
        i = next;
    }
    put_number(&out, n.number, n.before.len > 0 ? fc_buf_cstr(&n.before) : fc_buf_cstr(&n.head));
    put_text(&out, fc_buf_cstr(&n.before));
    if (n.head.len > 0 && *n.number && !is_one(n.number))
        put_plural(&out, fc_buf_cstr(&n.head));
    else
        put_text(&out, fc_buf_cstr(&n.head));
    put_text(&out, fc_buf_cstr(&n.after));
    fc_buf_fini(&n.before);
    fc_buf_fini(&n.head);
    fc_buf_fini(&n.after);
    *text = keep(p, &out);
    return i > first ? i : first + 1;
}

typedef struct clause_state {
    fc_buf out, places, times; /* where and when: said at the end, or before a second verb */
    bool has_subject, has_verb;
} clause_state;

/* "reflected in" and "in the puddle" share their preposition. */
static void put_place(fc_buf *out, const char *place)
{
    size_t word = strcspn(place, " ");
    bool repeats = word < out->len && out->data[out->len - word - 1] == ' ' &&
                   memcmp(out->data + out->len - word, place, word) == 0;
    put_text(out, repeats ? place + word : place);
}

static void flush(clause_state *c)
{
    put_place(&c->out, fc_buf_cstr(&c->places));
    put_text(&c->out, fc_buf_cstr(&c->times));
    fc_buf_reset(&c->places);
    fc_buf_reset(&c->times);
}

/* A noun phrase; with a place behind it, it says where. "There is" behind that is not said. */
static size_t read_thing(parser *p, size_t i, size_t high, clause_state *c)
{
    const char *text;
    i = noun_phrase_at(p, i, high, &text);
    if (!is_class(p, i, high, FC_WORD_PLACE)) {
        put_text(&c->out, text);
        c->has_subject = true;
        return i;
    }
    put_text(&c->places, located(p, p->t[i].english, text));
    return is_class(p, i + 1, high, FC_WORD_HAVE) ? i + 2 : i + 1;
}

/* 在 and what follows it: "under the tree", "at sunset", or "in" a thing without a place. */
static size_t read_preposition(parser *p, size_t i, size_t high, clause_state *c)
{
    const char *text;
    i++;
    if (i >= high || p->t[i].class == FC_WORD_PHRASE || p->t[i].class == FC_WORD_TIME ||
        p->t[i].class == FC_WORD_VERB)
        return i;
    i = noun_phrase_at(p, i, high, &text);
    bool has_place = is_class(p, i, high, FC_WORD_PLACE);
    put_text(&c->places, located(p, has_place ? p->t[i].english : "in", text));
    return has_place ? i + 1 : i;
}

static bool begins_relative(const parser *p, size_t i, size_t high, const clause_state *c)
{
    bool is_verb = p->t[i].class == FC_WORD_VERB;
    bool is_object = is_verb && i > 0 && p->t[i - 1].class == FC_WORD_VERB; /* "crossing moss-grown stones" */
    if (!is_verb && p->t[i].class != FC_WORD_PREPOSITION) return false;
    if (c->has_subject && !is_object) return false;
    return relative_end(p, i, high) > 0 || (is_verb && is_class(p, i + 1, high, FC_WORD_POSSESSIVE));
}

static bool describes_next(const parser *p, size_t i, size_t high)
{
    return is_class(p, i + 1, high, FC_WORD_POSSESSIVE) && i + 2 < high;
}

static size_t read_one(parser *p, size_t i, size_t high, clause_state *c)
{
    const token *t = &p->t[i];
    if (begins_relative(p, i, high, c)) return read_thing(p, i, high, c);
    switch (t->class) {
    case FC_WORD_TIME:
    case FC_WORD_PHRASE:
        if (describes_next(p, i, high)) return read_thing(p, i, high, c);
        put_token(t->class == FC_WORD_TIME ? &c->times : &c->places, t);
        return is_class(p, i + 1, high, FC_WORD_HAVE) ? i + 2 : i + 1;
    case FC_WORD_PREPOSITION:
        return read_preposition(p, i, high, c);
    case FC_WORD_CONJUNCTION:
        break;
    case FC_WORD_VERB:
        if (c->has_verb) flush(c);
        c->has_subject = c->has_verb = true;
        break;
    case FC_WORD_HAVE:
        if (c->out.len == 0) return i + 1;
        break;
    case FC_WORD_COPULA:
    case FC_WORD_PLACE:
    case FC_WORD_POSSESSIVE:
        return i + 1;
    case FC_WORD_PARTICLE:
        break;
    default:
        return read_thing(p, i, high, c);
    }
    put_token(&c->out, t);
    if (t->class == FC_WORD_CONJUNCTION) c->has_subject = false;
    return i + 1;
}

/* The English of the tokens [low, high), which hold no break. */
static const char *clause(parser *p, size_t low, size_t high)
{
    clause_state c = {.has_subject = false};
    fc_buf_init(&c.out, MAX_ENGLISH);
    fc_buf_init(&c.places, MAX_ENGLISH);
    fc_buf_init(&c.times, MAX_ENGLISH);
    p->depth++;
    while (low < high) low = read_one(p, low, high, &c);
    p->depth--;
    flush(&c);
    fc_buf_fini(&c.places);
    fc_buf_fini(&c.times);
    return keep(p, &c.out);
}

/* ---- whole texts ---- */

/* How ASCII writes Chinese punctuation. */
static const struct {
    const char *chinese, *ascii;
} marks[] = {
    {"，", ", "}, {"、", ", "}, {"。", ". "}, {"；", "; "}, {"：", ":"}, {"！", "! "},
    {"？", "? "}, {"（", "("},  {"）", ")"},  {"【", "("},  {"】", ")"}, {"“", "\""},
    {"”", "\""},  {"《", "\""}, {"》", "\""}, {"…", "..."},
};

static void put_mark(fc_buf *out, const token *t)
{
    const char *ascii = NULL;
    for (size_t i = 0; i < sizeof marks / sizeof *marks && !ascii; i++)
        if (strlen(marks[i].chinese) == t->size && memcmp(marks[i].chinese, t->text, t->size) == 0)
            ascii = marks[i].ascii;
    if (ascii && *ascii == ':' && (t->text[t->size] < '0' || t->text[t->size] > '9'))
        ascii = ": "; /* no weight */
    while (ascii && *ascii == ',' && out->len > 0 && out->data[out->len - 1] == ' ') out->len--;
    if (ascii)
        fc_buf_puts(out, ascii);
    else
        fc_buf_append(out, t->text, t->size);
}

static bool has_chinese(const token *t, size_t low, size_t high)
{
    for (size_t i = low; i < high; i++)
        if (t[i].english || t[i].class == FC_WORD_UNKNOWN) return true;
    return false;
}

/* A clause without Chinese stays as it is typed; English gets blanks around it where letters or closed
 * brackets would touch. */
static void put_clause(parser *p, size_t low, size_t high, fc_buf *out)
{
    if (low == high) return;
    if (!has_chinese(p->t, low, high)) {
        fc_buf_append(out, p->t[low].text,
                      (size_t)(p->t[high - 1].text + p->t[high - 1].size - p->t[low].text));
        return;
    }
    const char *english = clause(p, low, high);
    if (*english && out->len > 0 && !strchr(" ([{\"\n:", out->data[out->len - 1])) fc_buf_putc(out, ' ');
    fc_buf_puts(out, english);
}

static void note_unknown(fc_lines *unknown, const token *t)
{
    for (size_t i = 0; i < unknown->count; i++)
        if (strlen(unknown->items[i]) == t->size && memcmp(unknown->items[i], t->text, t->size) == 0) return;
    fc_lines_add(unknown, t->text, t->size);
}

fc_status fc_glossary_translate(const fc_glossary *glossary, const char *text, fc_arena *arena,
                                fc_glossary_text *result, fc_err *err)
{
    token *tokens;
    size_t count, first = 0;
    fc_buf out;
    fc_lines_init(&result->unknown, arena);
    fc_status status = fc_glossary_cut(glossary, text, arena, &tokens, &count, err);
    if (status != FC_OK) return status;
    parser p = {.t = tokens, .arena = arena};
    fc_buf_init(&out, MAX_ENGLISH);
    for (size_t i = 0; i <= count; i++) {
        if (i < count && tokens[i].class == FC_WORD_UNKNOWN) note_unknown(&result->unknown, &tokens[i]);
        if (i < count && tokens[i].class != FC_WORD_BREAK) continue;
        put_clause(&p, first, i, &out);
        first = i + 1;
        if (i == count) break;
        if (*tokens[i].text == '(' && out.len > 0 && i > 0 && tokens[i - 1].english) fc_buf_putc(&out, ' ');
        put_mark(&out, &tokens[i]);
    }
    result->english = keep(&p, &out);
    return arena->status == FC_OK ? FC_OK
                                  : fc_fail(err, arena->status, "no memory for translating the prompt");
}

bool fc_text_is_chinese(const char *text)
{
    bool chinese = false;
    for (size_t i = 0, size = strlen(text); i < size;) {
        uint32_t c;
        i += fc_utf8_decode(text + i, size - i, &c);
        if ((c >= 0x3040 && c <= 0x30ff) || (c >= 0xac00 && c <= 0xd7a3)) return false;
        chinese = chinese || fc_unicode_is_ideograph(c);
    }
    return chinese;
}
