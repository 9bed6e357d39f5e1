/* See captioner.h. The search is that of BLIP's own demonstration: three beams behind "a picture of", which
 * the sentence does not repeat. Pictures are brought to the network's size by Lanczos' filter, where the
 * reference takes a bicubic one. */
#include "engine/captioner.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/side_device.h"
#include "model/blip.h"
#include "picture/resize.h"
#include "text/wordpiece.h"

enum { MAX_VOCABULARY = 16 << 20, BEAMS = 3, LONGEST = 40, SHORTEST = 10, PROMPT = 4, FIRST = 30522 };

struct fc_captioner {
    fc_arena arena;
    fc_buf vocabulary;
    fc_wordpiece words;
    fc_weights *weights;
    fc_blip *net;
    fc_side_device device;
    int32_t prompt[PROMPT], prompt_count;
    int32_t end;
};

/* The token that begins a sentence has no line of its own in BERT's vocabulary; smaller ones bring it. */
static fc_status read_prompt(fc_captioner *c, fc_err *err)
{
    static const char *const words[] = {"a", "picture", "of"};
    int32_t first = fc_wordpiece_id(&c->words, "[DEC]"), count = fc_blip_words(c->net);
    c->end = fc_wordpiece_id(&c->words, "[SEP]");
    c->prompt[c->prompt_count++] = first >= 0 ? first : FIRST;
    for (int i = 0; i < PROMPT - 1; i++) c->prompt[c->prompt_count++] = fc_wordpiece_id(&c->words, words[i]);
    bool fits = c->end >= 0 && c->end < count && c->words.count <= (size_t)count;
    for (int i = 0; i < PROMPT; i++) fits = fits && c->prompt[i] >= 0 && c->prompt[i] < count;
    if (fits) return FC_OK;
    return fc_fail(err, FC_FORMAT,
                   "the vocabulary does not belong to the captioner; it needs that of "
                   "bert-base-uncased");
}

static fc_status open_all(fc_captioner *c, const char *model, const char *vocabulary, fc_err *err)
{
    fc_status status = fc_file_read(vocabulary, &c->vocabulary, err);
    if (status) return status;
    status = fc_wordpiece_init(&c->words, c->vocabulary.data, c->vocabulary.len, &c->arena, err);
    if (status) return status;
    status = fc_weights_open(&c->weights, model, err);
    if (status) return status;
    status = fc_blip_open(&c->net, c->weights, err);
    if (status) return status;
    status = read_prompt(c, err);
    return status ? status : fc_side_device_open(&c->device, err);
}

fc_status fc_captioner_open(fc_captioner **out, const char *model, const char *vocabulary, fc_err *err)
{
    *out = NULL;
    fc_captioner *c = fc_calloc(1, sizeof *c);
    if (!c) return fc_fail(err, FC_NOMEM, "out of memory while opening the captioner");
    fc_arena_init(&c->arena, 2 * MAX_VOCABULARY);
    fc_buf_init(&c->vocabulary, MAX_VOCABULARY);
    fc_status status = open_all(c, model, vocabulary, err);
    if (status) {
        fc_captioner_close(c);
        return status;
    }
    *out = c;
    return FC_OK;
}

void fc_captioner_close(fc_captioner *c)
{
    if (!c) return;
    fc_blip_close(c->net);
    fc_side_device_close(&c->device);
    fc_weights_close(c->weights);
    fc_buf_fini(&c->vocabulary);
    fc_arena_fini(&c->arena);
    fc_free(c);
}

static fc_status sentence(fc_captioner *c, const int32_t *ids, int32_t count, fc_arena *arena,
                          const char **out, fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    fc_wordpiece_decode(&c->words, ids, count, &text);
    *out = text.status ? NULL : fc_arena_strdup(arena, fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return *out ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while a picture is described");
}

fc_status fc_captioner_run(fc_captioner *c, const fc_pixels *rgb, const int *cancel, fc_arena *arena,
                           const char **out, fc_err *err)
{
    int32_t ids[LONGEST], count = 0, size = fc_blip_size(c->net);
    fc_pixels small = {0};
    const fc_beam_opts opts = {
        .beams = BEAMS, .max_length = LONGEST, .min_length = SHORTEST, .end = c->end, .length_penalty = 1};
    fc_status status = fc_resize_lanczos(&small, rgb, size, size, err);
    if (status) return status;
    fc_cx_watch(&c->device.cx, cancel);
    status = fc_blip_describe(&c->device.cx, c->net, small.data, c->prompt, c->prompt_count, &opts, ids,
                              &count, err);
    fc_cx_watch(&c->device.cx, NULL);
    fc_cx_reset(&c->device.cx);
    fc_pixels_fini(&small);
    return status ? status : sentence(c, ids, count, arena, out, err);
}
