/* LoRAs named inside a prompt: "a fox <lora:watercolor:0.7>". Must match Fooocus 2.5.5, which parses the main
 * prompt line only and on the way tidies that line even when it has no tag. */
#ifndef FC_APP_PROMPT_LORA_TAGS_H
#define FC_APP_PROMPT_LORA_TAGS_H

#include "app/common/lines.h"
#include "app/common/warn.h"
#include "engine/task.h"

#ifdef FC_HARD
enum { FC_LORA_MAX_TAGS = 8 };
#else
enum { FC_LORA_MAX_TAGS = 256 };
#endif

typedef struct fc_lora_tag {
    const char *name; /* as written: any text without ':' and ',' */
    double weight;
} fc_lora_tag;

typedef struct fc_lora_tags {
    fc_lora_tag *items; /* in the order of the prompt */
    size_t count;
    const char *prompt; /* the line without tags, tidied */
} fc_lora_tags;

/* line: one prompt line. All memory comes from the arena. LIMIT (too many tags), NOMEM. */
fc_status fc_lora_tags_parse(const char *line, fc_arena *arena, fc_lora_tags *out, fc_err *err) FC_MUST_USE;

/* A prompt line as Fooocus tidies it: runs of blanks and of commas made one, every item between commas
 * trimmed, empty items dropped, joined by ", ". From the arena; NULL when that is full. */
const char *fc_prompt_tidy(fc_arena *arena, const char *line, size_t size);

/* The LoRAs of a job: the user's rows without "None", then the tags' that are not among them, cut to `limit`.
 * files: the known LoRA files (sub-folders allowed); a tag means the first whose name without folder and
 * ending it is. excluded (may be NULL): the file of the performance mode, which no tag can name. Tags that
 * name no file are left out with a warning. *out comes from the arena. */
typedef struct fc_lora_merge {
    const fc_lora_choice *chosen;
    size_t chosen_count;
    const char *const *files;
    size_t file_count;
    const char *excluded;
    size_t limit;
    fc_warn warn;
} fc_lora_merge;

fc_status fc_lora_tags_merge(const fc_lora_tags *tags, const fc_lora_merge *with, fc_arena *arena,
                             fc_lora_choice **out, size_t *count, fc_err *err) FC_MUST_USE;

#endif
