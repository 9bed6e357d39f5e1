/* A prompt box: split into lines, LoRA tags of each line. Tidying twice must change nothing more. */
#include <stdlib.h>
#include <string.h>

#include "app/prompt/lora_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void parse_line(fc_arena *arena, const char *line)
{
    fc_lora_tags tags;
    fc_err err = {0};
    fc_status s = fc_lora_tags_parse(line, arena, &tags, &err);
    check(s == FC_OK ? tags.prompt != NULL : err.message[0] != 0);
    if (s) return;
    const char *again = fc_prompt_tidy(arena, tags.prompt, strlen(tags.prompt));
    check(again && !strcmp(again, tags.prompt));
    check(strlen(tags.prompt) <= 2 * strlen(line) + 1);
    for (size_t i = 0; i < tags.count; i++) check(*tags.items[i].name && !strpbrk(tags.items[i].name, ":,"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_arena arena;
    fc_lines lines;
    if (size > 1 << 14) return 0;
    fc_arena_init(&arena, (size_t)64 << 20);
    fc_lines_init(&lines, &arena);
    fc_prompt_split(&lines, (const char *)data, size);
    check(lines.count >= 1);
    for (size_t i = 0; i < lines.count && i < 64; i++) parse_line(&arena, lines.items[i]);
    fc_arena_fini(&arena);
    return 0;
}
