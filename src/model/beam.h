/* Beam search over a model that tells what follows a text: how translations and captions are found. One beam
 * is greedy search. Must match the beam and greedy searches of transformers' generate() without sampling: the
 * best 2 * beams continuations are looked at in each step, a finished text counts with its summed logarithms
 * of probabilities divided by length ^ length_penalty, and the search ends when no text in work can become
 * better than the worst of `beams` finished ones. */
#ifndef FC_MODEL_BEAM_H
#define FC_MODEL_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum { FC_BEAM_MAX = 16, FC_BEAM_MAX_LENGTH = 1024 };

typedef struct fc_beam_model {
    void *user;
    int32_t words; /* ids are below it */
    /* Reads one more token in each of n texts: text i goes on behind what text parents[i] was before the
     * call, with tokens[i]. logits [n][words]: of what follows. The first call has one text. */
    fc_status (*step)(void *user, const int32_t *parents, const int32_t *tokens, int32_t n, float *logits,
                      fc_err *err);
} fc_beam_model;

typedef struct fc_beam_opts {
    int32_t beams;      /* 1 .. FC_BEAM_MAX */
    int32_t max_length; /* tokens in all, the prompt's included */
    int32_t min_length; /* no end before so many */
    int32_t end;        /* the token behind the last one */
    bool forced_end;    /* the last token that is possible is the end, whatever the model says */
    bool renormalise;   /* probabilities add up to 1 again without the banned tokens */
    float length_penalty;
    const int32_t *banned; /* tokens that are never chosen */
    size_t banned_count;
} fc_beam_opts;

/* prompt: what every text begins with, one token at least. out [max_length]: the best text, without prompt
 * and end, *count tokens. ARG: sizes that are not possible; otherwise what the model's step returned. */
fc_status fc_beam_search(const fc_beam_model *model, const fc_beam_opts *opts, const int32_t *prompt,
                         int32_t prompt_count, int32_t *out, int32_t *count, fc_err *err) FC_MUST_USE;

#endif
