/* Prompt expansion: seed, list of words, prompt and what the model says (four bytes a number, NaN and
 * infinity too), divided by NULs. Any of them ends in a text or a reason, the same one the second time. The
 * vocabulary is a small one, because the drawing goes through all of it for each word. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/prompt/expansion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 270, CONTEXT = 300, MAX_PROMPT = 2000, MAX_OUT = 1 << 20 };

/* Ġ is the space in GPT-2's byte alphabet. */
static const char merges[] = "a b\nĠ ab\nĠ c\nĠc a\nĠca t\nĠ \xc4\xa0\nb a\nĠ ba\nĠba ba\nĠ d\nĠ ,\n";

struct logits {
    const uint8_t *data;
    size_t size, at, context;
};

static void require(bool condition)
{
    if (!condition) abort();
}

static fc_status say(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err)
{
    struct logits *l = user;
    l->context += (size_t)n;
    require(n > 0 && l->context <= CONTEXT);
    for (int32_t i = 0; i < n; i++) require(ids[i] >= 0 && ids[i] < WORDS);
    for (int32_t i = 0; i < WORDS; i++, l->at += 4) {
        if (l->at + 4 > l->size) l->at = 0;
        logits[i] = 0;
        if (l->size >= 4) memcpy(&logits[i], l->data + l->at, 4);
    }
    return l->size % 7 == 6 ? fc_fail(err, FC_CANCELLED, "told to stop") : FC_OK;
}

/* What lies before the next NUL, as a string; *data goes on behind it. */
static void take(const uint8_t **data, const uint8_t *end, char *out, size_t room)
{
    const uint8_t *stop = memchr(*data, 0, (size_t)(end - *data));
    size_t n = (size_t)((stop ? stop : end) - *data);
    size_t kept = n < room ? n : room - 1;
    memcpy(out, *data, kept);
    out[kept] = '\0';
    *data = stop ? stop + 1 : end;
}

static void run(fc_byte_bpe *bpe, const uint8_t *allowed, const char *prompt, uint64_t seed,
                struct logits from, fc_buf *out)
{
    fc_err err = {0};
    const fc_expansion_model model = {.user = &from, .words = WORDS, .context = CONTEXT, .read = say};
    fc_status status = fc_expansion_run(bpe, &model, allowed, prompt, seed, out, &err);
    require(status == FC_OK || (err.status == status && err.message[0]));
    require(*prompt || out->len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fc_clip_vocab vocab;
    static char list[1 << 14], prompt[MAX_PROMPT];
    uint8_t allowed[WORDS];
    fc_byte_bpe bpe;
    fc_buf once, again;
    fc_err err = {0};
    const uint8_t *end = data + size;
    if (size < 1) return 0;
    if (!vocab.merge_count) require(fc_clip_vocab_init(&vocab, merges, sizeof merges - 1, &err) == FC_OK);
    uint64_t seed = *data++;
    take(&data, end, list, sizeof list);
    take(&data, end, prompt, sizeof prompt);
    require(fc_byte_bpe_init(&bpe, &vocab, &err) == FC_OK);
    fc_status status = fc_expansion_words(&bpe, list, strlen(list), allowed, WORDS, &err);
    require(status == FC_OK || (status == FC_FORMAT && err.message[0]));
    struct logits from = {.data = data, .size = (size_t)(end - data)};
    fc_buf_init(&once, MAX_OUT);
    fc_buf_init(&again, MAX_OUT);
    run(&bpe, allowed, prompt, seed, from, &once);
    run(&bpe, allowed, prompt, seed, from, &again);
    require(strcmp(fc_buf_cstr(&once), fc_buf_cstr(&again)) == 0);
    fc_buf_fini(&once);
    fc_buf_fini(&again);
    fc_byte_bpe_fini(&bpe);
    return 0;
}
