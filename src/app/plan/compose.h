/* From prompts and styles to the texts that are encoded: wildcards, arrays, LoRA tags, styles. Must match
 * Fooocus in texts and in the order of random draws. Recipe 1.0: the prompt as typed in its one style, one
 * text a side. Recipe 2.5: prompts by lines and tidied, every line of every style a text of its own. What
 * 1.0.43 did not have - several styles, wildcards, arrays, tags - works in recipe 1.0 as in 2.5; a prompt
 * without them is not touched. */
#ifndef FC_APP_PLAN_COMPOSE_H
#define FC_APP_PLAN_COMPOSE_H

#include "app/plan/plan.h"
#include "app/prompt/glossary.h"
#include "app/prompt/lora_tags.h"

typedef struct fc_composer {
    const fc_plan_input *input;
    fc_recipe_id recipe;
    fc_warn warn;
    fc_arena *arena;
    fc_lines positive, negative; /* prompt lines, the main one first, tags taken out; 1.0: one line each */
    fc_lora_tags tags;
    const fc_style **styles;
    int32_t style_count;
    bool expands;         /* "Fooocus V2" was chosen */
    fc_glossary glossary; /* empty until a prompt is Chinese */
    fc_lines unknown;     /* words that it does not have, told once each */
    const fc_style *none; /* what recipe 1.0 does without a style */
} fc_composer;

/* Reads prompts and styles once for all images. ARG: an unknown style, a tag, array or weight that is not
 * finished. */
fc_status fc_composer_init(fc_composer *c, const fc_plan_input *input, fc_warn warn, fc_arena *arena,
                           fc_err *err) FC_MUST_USE;
/* Fills the texts of out->task, out->prompt, out->negative_prompt and out->styles for image `index`
 * (0-based), whose seed out->task.seed holds. */
fc_status fc_compose(fc_composer *c, int32_t index, fc_plan_image *out, fc_err *err) FC_MUST_USE;

#endif
