/* SentencePiece models from outside: any bytes are a model or an error, and any model cuts any text. */
#include <stdint.h>
#include <string.h>

#include "text/spm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const texts[] = {"a red  house", "\xe7\x8c\xab (x:1.2)\xef\xbc\x8c\xc2\xa0",
                                        "\xff\xfe\xf0"};
    fc_spm *m;
    fc_arena arena;
    fc_spm_pieces pieces;
    if (fc_spm_open(&m, data, size, NULL) != FC_OK) return 0;
    fc_arena_init(&arena, 16 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        (void)!fc_spm_encode(m, texts[i], &arena, &pieces, NULL);
    if (size < 4096) {
        char text[4096];
        memcpy(text, data, size);
        text[size] = '\0';
        (void)!fc_spm_encode(m, text, &arena, &pieces, NULL);
    }
    fc_arena_fini(&arena);
    fc_spm_close(m);
    return 0;
}
