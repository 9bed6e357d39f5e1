/* See beam.h. */
#include "model/beam.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

enum { WIDE = 2 * FC_BEAM_MAX };
static const float NEVER = -1e9f; /* a score that no text has */

typedef struct candidate {
    float score;
    int32_t parent, token;
} candidate;

typedef struct text {
    float score; /* NEVER: there is none */
    int32_t length, *tokens;
} text;

typedef struct search {
    const fc_beam_model *model;
    const fc_beam_opts *opts;
    fc_arena arena;
    float *logits;                                 /* [beams][words] */
    text running[FC_BEAM_MAX], spare[FC_BEAM_MAX]; /* tokens: [max_length] each */
    text done[FC_BEAM_MAX];
    int32_t done_count, live; /* texts in work */
    candidate best[WIDE];
    int32_t best_count;
} search;

/* ---- probabilities ---- */

static void subtract_log_sum(float *x, int32_t n)
{
    double sum = 0;
    float top = -INFINITY;
    for (int32_t i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
    for (int32_t i = 0; i < n; i++) sum += exp((double)(x[i] - top));
    float all = top + (float)log(sum);
    for (int32_t i = 0; i < n; i++) x[i] -= all;
}

/* Logits of a text of so many tokens become logarithms of probabilities, by the rules of the options. */
static void to_scores(const search *s, float *x, int32_t length)
{
    const fc_beam_opts *o = s->opts;
    int32_t words = s->model->words;
    subtract_log_sum(x, words);
    for (size_t i = 0; i < o->banned_count; i++)
        if (o->banned[i] >= 0 && o->banned[i] < words) x[o->banned[i]] = -INFINITY;
    if (length < o->min_length) x[o->end] = -INFINITY;
    if (o->forced_end && length == o->max_length - 1) {
        for (int32_t i = 0; i < words; i++) x[i] = -INFINITY;
        x[o->end] = 0;
    }
    if (o->renormalise) subtract_log_sum(x, words);
}

/* Keeps the best `room` candidates, the best first; equal ones in the order they come. */
static void offer(search *s, int32_t room, candidate c)
{
    int32_t at = s->best_count;
    if (at == room && !(c.score > s->best[at - 1].score)) return;
    if (at < room)
        s->best_count++;
    else
        at--;
    for (; at > 0 && c.score > s->best[at - 1].score; at--) s->best[at] = s->best[at - 1];
    s->best[at] = c;
}

/* ---- beams ---- */

static void append(text *to, const text *from, int32_t token, float score)
{
    memcpy(to->tokens, from->tokens, (size_t)from->length * sizeof *to->tokens);
    to->tokens[from->length] = token;
    to->length = from->length + 1;
    to->score = score;
}

/* A finished text is kept when it is among the best. */
static void finish(search *s, const candidate *c, int32_t prompt)
{
    const text *from = &s->running[c->parent];
    float score = c->score / powf((float)(from->length + 1 - prompt), s->opts->length_penalty);
    int32_t at = s->done_count;
    if (at == s->opts->beams) {
        if (!(score > s->done[--at].score)) return;
    } else {
        s->done_count++;
    }
    text free_one = s->done[at];
    for (; at > 0 && score > s->done[at - 1].score; at--) s->done[at] = s->done[at - 1];
    s->done[at] = free_one;
    append(&s->done[at], from, c->token, score);
}

/* The best candidates go on or are finished. parents, tokens: for the next step. */
static void choose(search *s, int32_t prompt, int32_t *parents, int32_t *tokens)
{
    int32_t beams = s->opts->beams, live = 0, length = s->running[0].length + 1;
    for (int32_t i = 0; i < s->best_count; i++) {
        const candidate *c = &s->best[i];
        bool ends = c->token == s->opts->end || length >= s->opts->max_length;
        if (ends && i < beams && c->score > NEVER) finish(s, c, prompt);
        if (ends || live == beams) continue;
        append(&s->spare[live], &s->running[c->parent], c->token, c->score);
        parents[live] = c->parent;
        tokens[live++] = c->token;
    }
    for (int32_t i = 0; i < live; i++) {
        text t = s->running[i];
        s->running[i] = s->spare[i];
        s->spare[i] = t;
    }
    s->live = live;
}

static bool can_improve(const search *s, int32_t prompt)
{
    if (s->live == 0) return false;
    if (s->done_count < s->opts->beams) return true;
    float possible =
        s->running[0].score / powf((float)(s->running[0].length - prompt), s->opts->length_penalty);
    return possible > s->done[s->done_count - 1].score;
}

/* One text alone: always the most probable token. */
static void choose_greedily(search *s, int32_t *tokens)
{
    text *t = &s->running[0];
    *tokens = s->best[0].token;
    s->live = *tokens != s->opts->end && t->length + 1 < s->opts->max_length;
    t->tokens[t->length++] = *tokens;
}

static fc_status run(search *s, const int32_t *prompt, int32_t prompt_count, fc_err *err)
{
    int32_t parents[FC_BEAM_MAX] = {0}, tokens[FC_BEAM_MAX], beams = s->opts->beams;
    int32_t words = s->model->words;
    fc_status status = FC_OK;
    memcpy(s->running[0].tokens, prompt, (size_t)prompt_count * sizeof *prompt);
    s->running[0].length = prompt_count;
    s->live = 1;
    for (int32_t i = 0; i < prompt_count && !status; i++)
        status = s->model->step(s->model->user, parents, &prompt[i], 1, s->logits, err);
    while (!status) {
        s->best_count = 0;
        for (int32_t i = 0; i < s->live; i++) {
            float *row = s->logits + (size_t)i * (size_t)words;
            to_scores(s, row, s->running[i].length);
            for (int32_t k = 0; k < words; k++)
                offer(s, beams == 1 ? 1 : 2 * beams, (candidate){s->running[i].score + row[k], i, k});
        }
        if (beams == 1)
            choose_greedily(s, tokens);
        else
            choose(s, prompt_count, parents, tokens);
        if (beams == 1 ? s->live == 0 : !can_improve(s, prompt_count)) break;
        status = s->model->step(s->model->user, parents, tokens, s->live, s->logits, err);
    }
    return status;
}

static bool prepare(search *s)
{
    size_t length = (size_t)s->opts->max_length;
    text *all[] = {s->running, s->spare, s->done};
    s->logits =
        fc_arena_array(&s->arena, (size_t)s->opts->beams * (size_t)s->model->words, sizeof *s->logits);
    for (int k = 0; k < 3; k++)
        for (int32_t i = 0; i < s->opts->beams; i++)
            all[k][i].tokens = fc_arena_array(&s->arena, length, sizeof(int32_t));
    return s->arena.status == FC_OK;
}

static void give(const search *s, int32_t first, int32_t *out, int32_t *count)
{
    const text *best = s->opts->beams > 1 && s->done_count > 0 ? &s->done[0] : &s->running[0];
    *count = 0;
    for (int32_t i = first; i < best->length; i++)
        if (best->tokens[i] != s->opts->end) out[(*count)++] = best->tokens[i];
}

fc_status fc_beam_search(const fc_beam_model *model, const fc_beam_opts *opts, const int32_t *prompt,
                         int32_t prompt_count, int32_t *tokens, int32_t *count, fc_err *err)
{
    search s = {.model = model, .opts = opts};
    bool sane = opts->beams > 0 && opts->beams <= FC_BEAM_MAX && model->words > 2 * opts->beams &&
                model->words <= 1 << 20 && prompt_count > 0 && opts->max_length > prompt_count &&
                opts->max_length <= FC_BEAM_MAX_LENGTH && opts->end >= 0 && opts->end < model->words;
    if (!sane) return fc_fail(err, FC_ARG, "a search with impossible sizes");
    fc_arena_init(&s.arena, (size_t)256 << 20);
    fc_status status = prepare(&s) ? run(&s, prompt, prompt_count, err)
                                   : fc_fail(err, FC_NOMEM, "out of memory while a text is searched");
    if (status != FC_OK) goto out;
    give(&s, prompt_count, tokens, count);
out:
    fc_arena_fini(&s.arena);
    return status;
}
