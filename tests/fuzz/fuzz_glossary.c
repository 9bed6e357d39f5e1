/* Chinese prompts in English: any text ends, and text without Chinese stays as it is. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/prompt/glossary.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fc_arena lists;
    static fc_glossary glossary;
    fc_arena arena;
    fc_glossary_text t;
    if (size > 4096) return 0;
    if (glossary.count == 0) {
        fc_arena_init(&lists, 16 << 20);
        if (fc_glossary_open(&lists, &glossary, NULL) != FC_OK) abort();
    }
    fc_arena_init(&arena, 16 << 20);
    char *text = fc_arena_strndup(&arena, (const char *)data, size);
    bool ascii = text != NULL;
    for (const char *s = text; s && *s; s++) ascii = ascii && (unsigned char)*s < 128;
    if (text && fc_glossary_translate(&glossary, text, &arena, &t, NULL) == FC_OK)
        if (ascii && strcmp(t.english, text) != 0) abort();
    fc_arena_fini(&arena);
    return 0;
}
