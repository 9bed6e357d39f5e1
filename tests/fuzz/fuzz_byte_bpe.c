/* GPT-2's tokenizer. Up to the first NUL: merges.txt of any bytes, which may make another vocabulary than the
 * built-in one; the rest: a text of any bytes. It comes back from its tokens as it was. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "text/byte_bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_OWN = 512 }; /* bytes of text for a stranger's merges, which may join all of it in one token */

static void require(bool condition)
{
    if (!condition) abort();
}

static void there_and_back(const fc_clip_vocab *vocab, const char *text, size_t size)
{
    fc_byte_bpe b;
    fc_codes ids;
    fc_buf back;
    fc_err err = {0};
    fc_status status = fc_byte_bpe_init(&b, vocab, &err);
    require(status == FC_OK || (status == FC_FORMAT && err.message[0]));
    if (status) return;
    fc_codes_init(&ids, size);
    fc_buf_init(&back, size + 1);
    require(fc_byte_bpe_encode(&b, text, size, &ids, &err) == FC_OK);
    for (size_t i = 0; i < ids.len; i++) require(ids.data[i] < 256 + vocab->merge_count);
    fc_byte_bpe_decode(&b, ids.data, ids.len, &back);
    require(back.status == FC_OK && back.len == size && memcmp(fc_buf_cstr(&back), text, size) == 0);
    fc_buf_fini(&back);
    fc_codes_fini(&ids);
    fc_byte_bpe_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_clip_vocab own;
    const char *text = (const char *)data, *end = text + size, *cut = memchr(data, 0, size);
    if (!cut) cut = end;
    const char *rest = cut < end ? cut + 1 : end;
    size_t left = (size_t)(end - rest);
    if (fc_clip_vocab_init(&own, text, (size_t)(cut - text), NULL) == FC_OK) {
        there_and_back(&own, rest, left < MAX_OWN ? left : MAX_OWN);
        fc_clip_vocab_fini(&own);
    }
    /* the built-in one takes 0.1 ms to turn round, so every other time is enough */
    if (size & 1) there_and_back(&fc_gpt2_vocab_builtin, rest, left < 8192 ? left : 8192);
    return 0;
}
