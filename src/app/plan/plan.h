/* From a request to picture tasks: composition, performance modes, seeds, switch steps. Pure: files were
 * looked up before, random numbers come in. Must match Fooocus 1.0.43 (recipe 1.0) and 2.5.5 (recipe 2.5) in
 * texts and numbers. */
#ifndef FC_APP_PLAN_PLAN_H
#define FC_APP_PLAN_PLAN_H

#include "app/models/files.h"
#include "app/plan/work.h"
#include "app/prompt/sentences.h"
#include "app/prompt/added_words.h"
#include "app/prompt/styles.h"
#include "app/prompt/wildcards.h"
#include "app/settings/request.h"

typedef struct fc_plan_input {
    const fc_params *params;
    const fc_request *request; /* tells which fields were given; NULL: none was */
    const fc_styles *styles;
    fc_wildcards *wildcards; /* reads its files when they are named */
    const fc_model_files *files;
    uint64_t random_seed; /* taken when the request asks for a random seed */
    bool (*brings)(const char *lora_path, const char *name); /* whether a LoRA brings an embedding; NULL: none
                                                              * does */
    const fc_sentence_translator *translator;                /* NULL: the word list alone */
    const fc_added_words *added;                             /* of the style "Fooocus V2"; NULL: none */
    fc_work_picture picture;                                 /* that comes in */
} fc_plan_input;

typedef struct fc_plan_image {
    fc_task task;
    const char *prompt,
        *negative_prompt;  /* after wildcards, arrays and tags; extra prompts as further lines */
    const char *expansion; /* the prompt with the words of "Fooocus V2"; NULL: none were added */
    fc_string_list styles; /* by name, the drawn one in place of "Random Style" */
} fc_plan_image;

typedef struct fc_plan {
    fc_params params; /* what is really used: a fast mode replaces some fields */
    fc_model_choice models;
    fc_plan_image *images;
    int32_t count;
    fc_string_list warnings;
} fc_plan;

/* A random seed of the recipe's range, from 64 random bits. */
uint64_t fc_plan_draw_seed(fc_recipe_id recipe, uint64_t random);
/* Everything in *plan lives in the arena, which must have a cap; what input points to must live as long. */
fc_status fc_plan_make(const fc_plan_input *input, fc_arena *arena, fc_plan *plan, fc_err *err) FC_MUST_USE;

#endif
