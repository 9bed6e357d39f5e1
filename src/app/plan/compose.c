/* The order of draws (wildcards of the main prompt, the main negative, the extra lines, then random styles)
 * is part of "same seed, same words". */
#include "app/plan/compose.h"

#include <inttypes.h>
#include <string.h>
#include "app/prompt/arrays.h"
#include "app/prompt/script_check.h"
#include "app/prompt/syntax_check.h"

enum { MAX_TEXT = 1 << 20 };

static fc_status full(const fc_composer *c, fc_err *err)
{
    return fc_fail(err, c->arena->status,
                   "the prompts of all pictures together are too large, make fewer at once");
}

static bool is_raw(const fc_composer *c)
{
    return c->input->params->raw;
}

/* ---- once for all images ---- */

static fc_status add_style(fc_composer *c, const char *name, fc_err *err)
{
    const fc_style *style;
    fc_status status = fc_styles_get(c->input->styles, name, &style, err);
    if (status != FC_OK) return status;
    if (style->kind == FC_STYLE_EXPANSION && c->input->added)
        c->expands = true;
    else if (style->kind == FC_STYLE_EXPANSION)
        fc_warn_emit(c->warn,
                     "%s adds words with a language model that is not part of this program; it was left out",
                     style->name);
    else if (!(style->hidden && strcmp(style->name, "None") == 0))
        c->styles[c->style_count++] = style;
    return FC_OK;
}

static fc_status init_styles(fc_composer *c, fc_err *err)
{
    const fc_string_list *names = &c->input->params->styles;
    fc_status status = fc_styles_get(c->input->styles, "None", &c->none, err);
    c->styles = fc_arena_array(c->arena, (size_t)names->count + 1, sizeof *c->styles);
    if (!c->styles) return full(c, err);
    for (int32_t i = 0; i < names->count && status == FC_OK; i++) status = add_style(c, names->items[i], err);
    return status;
}

static fc_status check_lines(const char *field, const fc_lines *lines, fc_err *err)
{
    fc_status status = FC_OK;
    for (size_t i = 0; i < lines->count && status == FC_OK; i++)
        status = fc_prompt_check_weights(field, lines->items[i], err);
    return status;
}

/* 1.0.43 takes the prompt as it is typed, 2.5 by lines and tidied. */
static fc_status read_prompts(fc_composer *c, fc_err *err)
{
    const fc_params *params = c->input->params;
    bool old = c->recipe == FC_RECIPE_1_0;
    if (old) {
        fc_lines_add(&c->positive, params->prompt, strlen(params->prompt));
        fc_lines_add(&c->negative, params->negative_prompt, strlen(params->negative_prompt));
    } else {
        fc_prompt_split(&c->positive, params->prompt, strlen(params->prompt));
        fc_prompt_split(&c->negative, params->negative_prompt, strlen(params->negative_prompt));
    }
    if (c->arena->status != FC_OK) return full(c, err);
    if (old && !strstr(params->prompt, "<lora:")) return FC_OK;
    fc_status status = fc_lora_tags_parse(c->positive.items[0], c->arena, &c->tags, err);
    if (status == FC_OK) c->positive.items[0] = c->tags.prompt;
    return status;
}

/* Tags that stay plain words are told. */
static void tell_tags(fc_composer *c)
{
    static const char *const others[] = {"<lyco:", "<hypernet:"};
    for (size_t i = 1; i < c->positive.count; i++)
        if (strstr(c->positive.items[i], "<lora:"))
            fc_warn_emit(c->warn,
                         "prompt: LoRA tags count in the first line alone; in line %zu they are plain words",
                         i + 1);
    for (size_t i = 0; i < c->negative.count; i++)
        if (strstr(c->negative.items[i], "<lora:"))
            fc_warn_emit(c->warn,
                         "negative_prompt: LoRA tags count in the prompt alone; here they are plain words");
    for (size_t i = 0; i < c->positive.count; i++)
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            if (strstr(c->positive.items[i], others[k]))
                fc_warn_emit(c->warn,
                             "prompt: %sNAME> is no tag here, write <lora:NAME:WEIGHT>; it is plain words",
                             others[k]);
}

static fc_status init_prompts(fc_composer *c, fc_err *err)
{
    const fc_params *params = c->input->params;
    fc_status status = read_prompts(c, err);
    if (status != FC_OK) return status;
    tell_tags(c);
    uint64_t combinations = fc_arrays_count(c->positive.items[0]);
    if (combinations > (uint64_t)params->count)
        fc_warn_emit(c->warn,
                     "the prompt describes %" PRIu64 " pictures, %" PRId32
                     " of them are made; --count gives more",
                     combinations, params->count);
    status = check_lines("prompt", &c->positive, err);
    return status == FC_OK ? check_lines("negative_prompt", &c->negative, err) : status;
}

fc_status fc_composer_init(fc_composer *c, const fc_plan_input *input, fc_warn warn, fc_arena *arena,
                           fc_err *err)
{
    *c = (fc_composer){
        .input = input, .recipe = fc_recipe_from_name(input->params->recipe), .warn = warn, .arena = arena};
    fc_lines_init(&c->positive, arena);
    fc_lines_init(&c->negative, arena);
    fc_lines_init(&c->unknown, arena);
    if (is_raw(c)) return FC_OK;
    fc_status status = init_styles(c, err);
    return status == FC_OK ? init_prompts(c, err) : status;
}

/* ---- one image ---- */

static fc_text_list one_text(fc_arena *arena, const char *text)
{
    const char **texts = fc_arena_array(arena, 1, sizeof *texts);
    if (texts) texts[0] = text;
    return (fc_text_list){texts, 1, 1};
}

static void compose_raw(fc_composer *c, fc_plan_image *out)
{
    const fc_params *params = c->input->params;
    out->prompt = params->prompt;
    out->negative_prompt = params->negative_prompt;
    out->task.positive = one_text(c->arena, params->prompt);
    out->task.negative = one_text(c->arena, params->negative_prompt);
}

static void set_style_names(fc_composer *c, const fc_style *const *styles, size_t count, fc_plan_image *out)
{
    const char **names = fc_arena_array(c->arena, count + 1, sizeof *names);
    size_t first = c->expands ? 1 : 0;
    if (names && c->expands) names[0] = "Fooocus V2";
    for (size_t i = 0; names && i < count; i++) names[first + i] = styles[i]->name;
    count += first;
    out->styles = (fc_string_list){names, names ? (int32_t)count : 0};
}

/* Wildcards of one line, and arrays when it is the main prompt. */
static fc_status resolve_line(fc_composer *c, const char *line, const fc_wildcard_draw *draw, bool has_arrays,
                              fc_lines *out, fc_err *err)
{
    fc_buf text, picked;
    fc_buf_init(&text, MAX_TEXT);
    fc_buf_init(&picked, MAX_TEXT);
    fc_status status = fc_wildcards_apply(c->input->wildcards, line, draw, &text, err);
    if (status == FC_OK && has_arrays) {
        fc_arrays_apply(fc_buf_cstr(&text), draw->image, &picked);
        status = fc_prompt_check_leftovers("prompt", fc_buf_cstr(&picked), err);
        fc_lines_add(out, fc_buf_cstr(&picked), picked.len);
    } else if (status == FC_OK) {
        fc_lines_add(out, fc_buf_cstr(&text), text.len);
    }
    fc_buf_fini(&text);
    fc_buf_fini(&picked);
    return status;
}

/* All prompt lines, in the order in which Fooocus draws. */
static fc_status resolve_lines(fc_composer *c, const fc_wildcard_draw *draw, fc_lines *positive,
                               fc_lines *negative, fc_err *err)
{
    fc_status status = resolve_line(c, c->positive.items[0], draw, true, positive, err);
    if (status != FC_OK) return status;
    status = resolve_line(c, c->negative.items[0], draw, false, negative, err);
    for (size_t i = 1; i < c->positive.count && status == FC_OK; i++)
        status = resolve_line(c, c->positive.items[i], draw, false, positive, err);
    for (size_t i = 1; i < c->negative.count && status == FC_OK; i++)
        status = resolve_line(c, c->negative.items[i], draw, false, negative, err);
    return status;
}

/* ---- Chinese to English ---- */

static bool is_told(const fc_composer *c, const char *word)
{
    for (size_t i = 0; i < c->unknown.count; i++)
        if (strcmp(c->unknown.items[i], word) == 0) return true;
    return false;
}

/* Names the words that stay Chinese, each once in a job. */
static void tell_unknown(fc_composer *c, const fc_lines *unknown)
{
    fc_buf list;
    fc_buf_init(&list, MAX_TEXT);
    for (size_t i = 0; i < unknown->count; i++) {
        if (is_told(c, unknown->items[i])) continue;
        fc_buf_printf(&list, "%s%s", list.len ? ", " : "", unknown->items[i]);
        fc_lines_add(&c->unknown, unknown->items[i], strlen(unknown->items[i]));
    }
    if (list.len > 0)
        fc_warn_emit(c->warn, "no English word is known for: %s; write it in English to have it drawn",
                     fc_buf_cstr(&list));
    fc_buf_fini(&list);
}

static fc_status translate_by_model(fc_composer *c, const char *field, bool is_first, const char **line,
                                    fc_err *err)
{
    const char *english;
    fc_status status = fc_line_translate(c->input->translator, *line, c->arena, &english, err);
    if (status != FC_OK) return status;
    if (is_first && strcmp(*line, english) != 0) fc_warn_emit(c->warn, "%s, in English: %s", field, english);
    *line = english;
    return FC_OK;
}

/* Lines in other languages become English ones, which is told for the first image: by a translation model
 * where there is one, Chinese else by the word list. */
static fc_status translate(fc_composer *c, const char *field, bool is_first, fc_lines *lines, fc_err *err)
{
    fc_status status = FC_OK;
    for (size_t i = 0; i < lines->count; i++) {
        fc_glossary_text english;
        const char *language = fc_text_language(lines->items[i]);
        const fc_sentence_translator *t = c->input->translator;
        if (t && t->reads(t->user, language)) {
            status = translate_by_model(c, field, is_first, &lines->items[i], err);
            if (status != FC_OK) return status;
            continue;
        }
        if (!fc_text_is_chinese(lines->items[i])) continue;
        if (c->glossary.count == 0) status = fc_glossary_open(c->arena, &c->glossary, err);
        if (status == FC_OK)
            status = fc_glossary_translate(&c->glossary, lines->items[i], c->arena, &english, err);
        if (status != FC_OK) return status;
        lines->items[i] = english.english;
        if (is_first) fc_warn_emit(c->warn, "%s, in English: %s", field, english.english);
        tell_unknown(c, &english.unknown);
    }
    return FC_OK;
}

/* Empty texts are no texts; when nothing is left, the main prompt is the only one. */
static fc_text_list finish(const fc_lines *lines, const char *main_prompt, fc_arena *arena)
{
    const char **texts = fc_arena_array(arena, lines->count + 1, sizeof *texts);
    int32_t count = 0;
    for (size_t i = 0; texts && i < lines->count; i++)
        if (*lines->items[i]) texts[count++] = lines->items[i];
    if (texts && count == 0) texts[count++] = main_prompt;
    return (fc_text_list){texts, count, count};
}

static const char *joined(const fc_lines *lines, fc_arena *arena)
{
    const char *text = lines->items[0];
    for (size_t i = 1; i < lines->count && text; i++)
        text = fc_arena_printf(arena, "%s\n%s", text, lines->items[i]);
    return text;
}

static const fc_style **drawn_styles(fc_composer *c, fc_pyrandom *random, size_t *count)
{
    const fc_style **styles = fc_arena_array(c->arena, (size_t)c->style_count + 1, sizeof *styles);
    *count = 0; /* one more: None */
    for (int32_t i = 0; styles && i < c->style_count; i++) {
        const fc_style *style = c->styles[i];
        if (style->kind == FC_STYLE_RANDOM) style = fc_styles_draw(c->input->styles, random);
        if (style) styles[(*count)++] = style;
    }
    return styles;
}

static void add_from(fc_lines *to, const fc_lines *from, size_t first)
{
    for (size_t i = first; i < from->count; i++) fc_lines_add(to, from->items[i], strlen(from->items[i]));
}

/* 1.0.43 with its one style: one text a side. */
static fc_status join_one(fc_composer *c, const fc_style *style, const fc_lines *own_positive,
                          const fc_lines *own_negative, fc_plan_image *out, fc_err *err)
{
    fc_buf positive, negative;
    fc_buf_init(&positive, MAX_TEXT);
    fc_buf_init(&negative, MAX_TEXT);
    fc_style_compose_v1(style, own_positive->items[0], own_negative->items[0], &positive, &negative);
    out->task.positive = one_text(c->arena, fc_arena_strdup(c->arena, fc_buf_cstr(&positive)));
    out->task.negative = one_text(c->arena, fc_arena_strdup(c->arena, fc_buf_cstr(&negative)));
    fc_status status = positive.status != FC_OK ? positive.status : negative.status;
    fc_buf_fini(&positive);
    fc_buf_fini(&negative);
    return status == FC_OK ? FC_OK : fc_fail(err, status, "the prompt is too long for the style");
}

/* 2.5: every line of every style a text of its own, then the prompt's other lines. */
static void join_many(fc_composer *c, const fc_style *const *styles, size_t count,
                      const fc_lines *own_positive, const fc_lines *own_negative, fc_plan_image *out)
{
    fc_lines positive, negative;
    fc_lines_init(&positive, c->arena);
    fc_lines_init(&negative, c->arena);
    fc_styles_compose(styles, count, own_positive->items[0], &positive, &negative);
    add_from(&positive, own_positive, 1);
    add_from(&negative, own_negative, 0);
    out->task.positive = finish(&positive, own_positive->items[0], c->arena);
    out->task.negative = finish(&negative, own_negative->items[0], c->arena);
}

/* The prompt with added words is one text more, whose pooled vector does not count. */
static fc_status add_words(fc_composer *c, const char *prompt, int32_t index, fc_plan_image *out, fc_err *err)
{
    const fc_added_words *added = c->input->added;
    fc_text_list *list = &out->task.positive;
    if (!c->expands || !*prompt) return FC_OK;
    fc_status status = added->run(added->user, prompt, out->task.seed, c->arena, &out->expansion, err);
    if (status != FC_OK || !out->expansion) return status;
    const char **texts = fc_arena_array(c->arena, (size_t)list->count + 1, sizeof *texts);
    if (!texts) return full(c, err);
    memcpy(texts, list->texts, (size_t)list->count * sizeof *texts);
    texts[list->count++] = out->expansion;
    list->texts = texts;
    if (index == 0) fc_warn_emit(c->warn, "prompt, with the words of Fooocus V2: %s", out->expansion);
    return FC_OK;
}

static fc_status compose_lines(fc_composer *c, int32_t index, fc_plan_image *out, fc_err *err)
{
    fc_lines own_positive, own_negative;
    fc_pyrandom random;
    size_t style_count;
    bool old = c->recipe == FC_RECIPE_1_0;
    fc_pyrandom_seed(&random, out->task.seed);
    const fc_wildcard_draw draw = {&random, c->input->params->wildcards_in_order, (uint64_t)index};
    fc_lines_init(&own_positive, c->arena);
    fc_lines_init(&own_negative, c->arena);
    fc_status status = resolve_lines(c, &draw, &own_positive, &own_negative, err);
    const fc_style **styles = drawn_styles(c, &random, &style_count);
    if (status != FC_OK) return status;
    if (c->arena->status != FC_OK) return full(c, err);
    out->prompt = joined(&own_positive, c->arena);
    out->negative_prompt = joined(&own_negative, c->arena);
    if (c->input->params->translate) {
        status = translate(c, "prompt", index == 0, &own_positive, err);
        if (status == FC_OK) status = translate(c, "negative_prompt", index == 0, &own_negative, err);
        if (status != FC_OK) return status;
    }
    old = old && !c->expands;
    if (old && style_count == 0) styles[style_count++] = c->none;
    set_style_names(c, styles, style_count, out);
    if (old && style_count == 1) return join_one(c, styles[0], &own_positive, &own_negative, out, err);
    join_many(c, styles, style_count, &own_positive, &own_negative, out);
    return add_words(c, own_positive.items[0], index, out, err);
}

/* What the text encoders cannot read. Chinese was translated, and what had no English word was told. */
static void tell_unread(fc_composer *c, const fc_plan_image *image)
{
    const fc_text_list *sides[] = {&image->task.positive, &image->task.negative};
    bool translated = c->input->params->translate && !is_raw(c);
    for (int k = 0; k < 2; k++)
        for (int32_t i = 0; i < sides[k]->count; i++) {
            char word[80];
            const char *script = fc_text_unread_script(sides[k]->texts[i], !translated, word, sizeof word);
            if (script)
                fc_warn_emit(
                    c->warn,
                    "the model reads English: words in %s (%s) mean nothing to it, and what it draws for "
                    "them is random; write the prompt in English",
                    script, word);
        }
}

fc_status fc_compose(fc_composer *c, int32_t index, fc_plan_image *out, fc_err *err)
{
    fc_status status = FC_OK;
    if (is_raw(c))
        compose_raw(c, out);
    else
        status = compose_lines(c, index, out, err);
    if (status == FC_OK && c->arena->status != FC_OK) return full(c, err);
    if (status == FC_OK && out->task.positive.texts && out->task.negative.texts) tell_unread(c, out);
    return status;
}
