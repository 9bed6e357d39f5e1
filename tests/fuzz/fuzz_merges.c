/* merges.txt of any bytes: refused with a reason, or a vocabulary that tokenizes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "text/clip_bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static void tokenize(const fc_clip_vocab *v, const char *text, size_t size)
{
    fc_clip_bpe bpe;
    fc_codes ids;
    fc_clip_bpe_init(&bpe, v, FC_CLEAN_KEEP_ACCENTS);
    fc_codes_init(&ids, size * FC_CLEAN_GROWTH);
    require(fc_clip_bpe_encode(&bpe, text, size, &ids, NULL) == FC_OK);
    for (size_t i = 0; i < ids.len; i++) require(ids.data[i] <= fc_clip_vocab_end(v));
    fc_codes_fini(&ids);
    fc_clip_bpe_fini(&bpe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_err err = {0};
    fc_clip_vocab v;
    fc_status s = fc_clip_vocab_init(&v, (const char *)data, size, &err);
    require(s == FC_OK || (err.status == s && err.message[0]));
    if (s) return 0;
    for (uint32_t i = 0; i < v.merge_count; i++) {
        require(v.ranks[i] < v.merge_count);
        require(i == 0 || v.pairs[i - 1] < v.pairs[i]);
        require(fc_clip_vocab_merge(&v, v.pairs[i] >> 16, v.pairs[i] & 0xffff) ==
                FC_CLIP_FIRST_MERGED + v.ranks[i]);
    }
    tokenize(&v, (const char *)data,
             size < 4096 ? size : 4096); /* its own text: what its merges are made for */
    fc_clip_vocab_fini(&v);
    return 0;
}
