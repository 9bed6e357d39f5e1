/* See wildcards.h. */
#include "app/prompt/wildcards.h"

#include <stdlib.h>
#include <string.h>
#include "app/common/app_data.h"
#include "app/common/walk.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"
#include "text/unicode.h"

enum { MAX_MISSING = 100 }; /* names that are warned about */

typedef struct wildcard {
    const char *name;                /* of the file, without ending */
    const char *place;               /* the same below its folder: "sub/beast" */
    const char *path;                /* of the user's file, or NULL */
    const fc_embedded_file *builtin; /* the built-in file, or NULL */
    fc_lines lines;                  /* options, once read */
    bool is_read;
} wildcard;

struct fc_wildcards {
    fc_arena arena;
    wildcard *items; /* sorted by name */
    size_t count;
    wildcard *others; /* whose name another file has: found by their place alone */
    size_t other_count;
    fc_strmap missing; /* names that were warned about */
    fc_warn warn;
};

/* ---- the set ---- */

/* "sub/color.txt" -> "sub/color" */
static const char *place_of(fc_arena *arena, const char *path)
{
    return fc_arena_strndup(arena, path, strlen(path) - strlen(".txt"));
}

/* "sub/color.txt" -> "color" */
static const char *stem_of(fc_arena *arena, const char *path)
{
    const char *base = fc_path_basename(path);
    const char *dot = strrchr(base, '.');
    return fc_arena_strndup(arena, base, dot ? (size_t)(dot - base) : strlen(base));
}

/* seen: the names so far; the first file of a name counts */
static fc_status add(fc_wildcards *w, fc_strmap *seen, wildcard card)
{
    bool known = false;
    if (!card.name || !card.place) return FC_NOMEM;
    fc_status status = fc_strmap_put(seen, card.name, strlen(card.name), 0, &known);
    if (!status && !known) w->items[w->count++] = card;
    if (!status && known) w->others[w->other_count++] = card;
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const wildcard *)a)->name, ((const wildcard *)b)->name);
}

/* "sub/beast" for sub/beast.txt; Windows writes sub\\beast. */
static bool is_place(const char *place, const char *name)
{
    for (; *place && *name; place++, name++)
        if (*place != (*name == '\\' ? '/' : *name)) return false;
    return *place == *name;
}

static wildcard *find_place(const fc_wildcards *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (is_place(w->items[i].place, name)) return &w->items[i];
    for (size_t i = 0; i < w->other_count; i++)
        if (is_place(w->others[i].place, name)) return &w->others[i];
    return NULL;
}

static wildcard *find(const fc_wildcards *w, const char *name)
{
    wildcard key = {.name = name};
    wildcard *found = bsearch(&key, w->items, w->count, sizeof key, by_name);
    return found ? found : find_place(w, name);
}

static fc_status add_user_files(fc_wildcards *w, fc_strmap *seen, const char *folder, const fc_lines *found)
{
    char path[4096];
    fc_status status = FC_OK;
    for (size_t i = 0; i < found->count && !status; i++) {
        if (fc_path_join(path, sizeof path, folder, found->items[i])) continue;
        wildcard card = {.name = stem_of(&w->arena, found->items[i]),
                         .place = place_of(&w->arena, found->items[i]),
                         .path = fc_arena_strdup(&w->arena, path)};
        status = card.path ? add(w, seen, card) : FC_NOMEM;
    }
    return status;
}

static fc_status add_builtin_files(fc_wildcards *w, fc_strmap *seen)
{
    fc_status status = FC_OK;
    for (size_t i = 0; i < fc_app_data.count && !status; i++) {
        const fc_embedded_file *file = &fc_app_data.files[i];
        if (fc_str_starts(file->name, "wildcards/"))
            status = add(w, seen,
                         (wildcard){.name = stem_of(&w->arena, file->name),
                                    .place = place_of(&w->arena, file->name + strlen("wildcards/")),
                                    .builtin = file});
    }
    return status;
}

static fc_status fill(fc_wildcards *w, const char *const *folders, size_t folder_count, fc_err *err)
{
    static const char *const endings[] = {".txt", NULL};
    fc_status status = FC_OK;
    size_t count = fc_app_data.count;
    fc_strmap seen;
    fc_lines *found = fc_arena_array(&w->arena, folder_count, sizeof *found);
    fc_strmap_init(&seen);
    for (size_t i = 0; i < folder_count && found && !status; i++) {
        fc_lines_init(&found[i], &w->arena);
        status = fc_walk(folders[i], endings, &found[i], err);
        count += found[i].count;
    }
    w->items = fc_arena_array(&w->arena, count, sizeof *w->items);
    w->others = fc_arena_array(&w->arena, count, sizeof *w->others);
    if (status != FC_OK) goto out;
    status = w->arena.status;
    for (size_t i = 0; i < folder_count && !status; i++)
        status = add_user_files(w, &seen, folders[i], &found[i]);
    if (status != FC_OK) goto out;
    status = add_builtin_files(w, &seen);
    if (!status) qsort(w->items, w->count, sizeof *w->items, by_name);
out:
    fc_strmap_fini(&seen);
    return status;
}

fc_status fc_wildcards_open(const char *const *folders, size_t folder_count, fc_warn warn,
                            fc_wildcards **wildcards, fc_err *err)
{
    fc_err details = {0};
    fc_wildcards *w = fc_calloc(1, sizeof *w);
    fc_status status = w ? FC_OK : FC_NOMEM;
    if (w) {
        w->warn = warn;
        fc_arena_init(&w->arena, (size_t)256 << 20);
        fc_strmap_init(&w->missing);
        status = fill(w, folders, folder_count, &details);
    }
    if (status) {
        fc_wildcards_close(w);
        w = NULL;
    }
    *wildcards = w;
    return status
               ? fc_fail(err, status, "%s",
                         details.message[0] ? details.message : "out of memory while looking for wildcards")
               : FC_OK;
}

void fc_wildcards_close(fc_wildcards *w)
{
    if (!w) return;
    fc_strmap_fini(&w->missing);
    fc_arena_fini(&w->arena);
    fc_free(w);
}

size_t fc_wildcards_count(const fc_wildcards *w)
{
    return w->count;
}

const char *fc_wildcards_name(const fc_wildcards *w, size_t index)
{
    return index < w->count ? w->items[index].name : NULL;
}

/* ---- the options of one wildcard ---- */

/* Every line but empty ones and those that begin with '#', which are comments. */
static void add_options(fc_lines *lines, const char *text, size_t size)
{
    const char *at = text, *end = text + size;
    while (at < end) {
        const char *line = at;
        size_t n = fc_line_next(&at, end);
        if (n && *line != '#') fc_lines_add(lines, line, n);
    }
}

/* *told: why there are no options was told. */
static fc_status read_user_file(fc_wildcards *w, wildcard *card, bool *told)
{
    fc_err why = {0};
    fc_buf content;
    fc_buf_init(&content, FC_WILDCARD_MAX_FILE);
    fc_status status = fc_text_read_file(card->path, &content, &why);
    if (!status)
        add_options(&card->lines, fc_buf_cstr(&content), content.len);
    else
        fc_warn_emit(w->warn, "the wildcard %s cannot be read: %s", card->name, why.message);
    *told = status != FC_OK;
    fc_buf_fini(&content);
    return status == FC_NOMEM ? status : FC_OK;
}

/* card->lines are the options; none when the file is empty or broken (it has been warned about then). */
static fc_status read_options(fc_wildcards *w, wildcard *card)
{
    if (card->is_read) return FC_OK;
    fc_lines_init(&card->lines, &w->arena);
    fc_status status = FC_OK;
    bool told = false;
    if (card->builtin)
        add_options(&card->lines, card->builtin->data, card->builtin->size);
    else
        status = read_user_file(w, card, &told);
    if (status != FC_OK) goto out;
    status = w->arena.status;
out:
    card->is_read = !status;
    if (!status && card->lines.count == 0 && !told)
        fc_warn_emit(w->warn, "the wildcard %s has no lines", card->name);
    return status;
}

/* ---- finding __name__ ---- */

static bool is_name_character(uint32_t c)
{
    return c == '_' || c == '-' || fc_unicode_is_letter(c) || fc_unicode_is_number(c);
}

/* End of the run of name characters that starts at `at`. */
static const char *run_end(const char *at, const char *end)
{
    while (at < end) {
        uint32_t c;
        size_t n = fc_utf8_decode(at, (size_t)(end - at), &c);
        if (!is_name_character(c)) break;
        at += n;
    }
    return at;
}

/* The last "__" in [from, end), or NULL. */
static const char *last_mark(const char *from, const char *end)
{
    for (const char *p = end - 2; p >= from; p--)
        if (p[0] == '_' && p[1] == '_') return p;
    return NULL;
}

/* Once for every name. */
static void warn_missing(fc_wildcards *w, const char *name, const char *what)
{
    bool known = fc_strmap_get(&w->missing, name, strlen(name), NULL);
    const char *copy = known || w->missing.count >= MAX_MISSING ? NULL : fc_arena_strdup(&w->arena, name);
    if (!copy || fc_strmap_put(&w->missing, copy, strlen(copy), 0, NULL)) return;
    fc_warn_emit(w->warn, "there is no wildcard file %s.txt; %s", name, what);
}

enum { MAX_NAME = 200 };

/* A name that no regular expression of Fooocus finds, with a folder or a blank in it: what stands between the
 * "__" at `open` and the next one of the line. 0: there is none. */
static size_t long_name(const char *open, const char *end)
{
    const char *name = open + 2, *close = name;
    while (close + 1 < end && close - name < MAX_NAME && *close != '\n' &&
           !(close[0] == '_' && close[1] == '_'))
        close++;
    bool closed = close + 1 < end && close[0] == '_' && close[1] == '_';
    size_t n = (size_t)(close - name);
    return closed && n > 0 && name[0] != ' ' && name[n - 1] != ' ' ? n : 0;
}

/* Adds the name at `open` when there is such a file; else what looks like one is told. -> behind it, or NULL
 */
static const char *add_long_name(fc_wildcards *w, const char *open, const char *end, fc_lines *names)
{
    char name[MAX_NAME + 1];
    size_t n = long_name(open, end);
    if (!n) return NULL;
    memcpy(name, open + 2, n);
    name[n] = '\0';
    if (find(w, name))
        fc_lines_add(names, name, n);
    else
        warn_missing(w, name, "it stays in the prompt");
    return open + n + 4;
}

/* Adds the names of all wildcards in text, as re.findall("__([\w-]+)__") finds them: inside a run of name
 * characters from the first "__" to the last one, as much as possible. Names with folders and blanks count
 * where that finds nothing. */
static void find_names(fc_wildcards *w, const char *text, size_t size, fc_lines *names)
{
    const char *at = text, *end = text + size;
    while (at < end) {
        const char *stop = run_end(at, end);
        const char *open = at;
        while (open + 1 < stop && !(open[0] == '_' && open[1] == '_')) open++;
        /* the name has at least one character, and the closing mark may share no byte with it */
        const char *close = open + 5 <= stop ? last_mark(open + 3, stop) : NULL;
        const char *behind = close || open + 1 >= stop ? NULL : add_long_name(w, open, end, names);
        if (close) fc_lines_add(names, open + 2, (size_t)(close - open - 2));
        /* a second match in the rest of the run would need a "__" behind the last one */
        uint32_t c;
        at = behind ? behind : stop;
        if (!behind && at < end) at += fc_utf8_decode(at, (size_t)(end - at), &c);
    }
}

/* ---- replacing ---- */

typedef struct job {
    fc_wildcards *w;
    const fc_wildcard_draw *draw;
    fc_buf text;       /* as it is now */
    fc_buf next, mark; /* scratch */
    unsigned draws;
    fc_err *err;
} job;

/* Replaces "__name__" by word, the first `times` times. */
static fc_status replace(job *j, const char *name, const char *word, size_t times)
{
    fc_buf_reset(&j->mark);
    fc_buf_printf(&j->mark, "__%s__", name);
    fc_buf_reset(&j->next);
    const char *from = fc_buf_cstr(&j->text), *mark = fc_buf_cstr(&j->mark);
    for (const char *hit; times > 0 && (hit = strstr(from, mark)); times--) {
        fc_buf_append(&j->next, from, (size_t)(hit - from));
        fc_buf_puts(&j->next, word);
        from = hit + j->mark.len;
    }
    fc_buf_puts(&j->next, from);
    fc_buf done = j->next;
    j->next = j->text;
    j->text = done;
    return j->mark.status ? j->mark.status : j->text.status;
}

static fc_status replace_one(job *j, const char *name)
{
    wildcard *card = find(j->w, name);
    fc_status status = card ? read_options(j->w, card) : FC_OK;
    if (status) return status;
    if (++j->draws > FC_WILDCARD_MAX_DRAWS)
        return fc_fail(j->err, FC_LIMIT,
                       "more than %u wildcards in one prompt; do they name each other in a circle?",
                       FC_WILDCARD_MAX_DRAWS);
    if (!card || card->lines.count == 0) {
        if (!card) warn_missing(j->w, name, "the bare word is used");
        return replace(j, name, name, SIZE_MAX);
    }
    uint64_t count = card->lines.count;
    uint64_t index = j->draw->in_order ? j->draw->image % count : fc_pyrandom_choice(j->draw->random, count);
    return replace(j, name, card->lines.items[index], 1);
}

/* One pass over the wildcards that are in the text now; *any tells whether there were some. */
static fc_status replace_pass(job *j, bool *any)
{
    fc_arena arena;
    fc_lines names;
    fc_arena_init(&arena, 4 * FC_WILDCARD_MAX_TEXT + ((size_t)1 << 20));
    fc_lines_init(&names, &arena);
    find_names(j->w, fc_buf_cstr(&j->text), j->text.len, &names);
    fc_status status = arena.status;
    for (size_t i = 0; i < names.count && !status; i++) status = replace_one(j, names.items[i]);
    *any = names.count > 0;
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_wildcards_apply(fc_wildcards *w, const char *text, const fc_wildcard_draw *draw, fc_buf *out,
                             fc_err *err)
{
    fc_err details = {0};
    job j = {.w = w, .draw = draw, .err = &details};
    bool any = true;
    fc_buf_init(&j.text, FC_WILDCARD_MAX_TEXT);
    fc_buf_init(&j.next, FC_WILDCARD_MAX_TEXT);
    fc_buf_init(&j.mark, FC_WILDCARD_MAX_TEXT + 8);
    fc_buf_puts(&j.text, text);
    fc_status status = j.text.status;
    for (int pass = 0; pass < FC_WILDCARD_MAX_PASSES && any && !status; pass++)
        status = replace_pass(&j, &any);
    if (!status && any)
        fc_warn_emit(w->warn, "wildcards nested more than %d times: the rest is left as it is",
                     (int)FC_WILDCARD_MAX_PASSES);
    fc_buf_reset(out);
    if (!status) {
        fc_buf_append(out, fc_buf_cstr(&j.text), j.text.len);
        status = out->status;
    }
    fc_buf_fini(&j.text);
    fc_buf_fini(&j.next);
    fc_buf_fini(&j.mark);
    if (status && details.message[0]) return fc_fail(err, status, "%s", details.message);
    if (status == FC_LIMIT)
        return fc_fail(err, status, "with its wildcards the prompt grows beyond %zu kB",
                       FC_WILDCARD_MAX_TEXT >> 10);
    return status ? fc_fail(err, status, "not enough memory for the wildcards of the prompt") : FC_OK;
}
