/* Every setting of a request: its type, its row in the table of params.def, and strict reading of its value
 * from text. struct fc_params is the request fully resolved: no field is missing any more. Tables only, no
 * state. */
#ifndef FC_APP_SETTINGS_PARAMS_H
#define FC_APP_SETTINGS_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "engine/task.h"

typedef struct fc_string_list {
    const char *const *items;
    int32_t count;
} fc_string_list;

typedef struct fc_lora_list {
    const fc_lora_choice *items; /* path: as given, not yet looked up */
    int32_t count;
} fc_lora_list;

/* A picture that guides, as one text: [MODEL=]IMAGE[:WEIGHT[:STOP]] */
typedef struct fc_guide {
    const char *model; /* a control network or an adapter; "": the usual one */
    const char *image; /* as of an IMAGE field */
    double weight, stop;
} fc_guide;

typedef struct fc_guide_list {
    const fc_guide *items;
    int32_t count;
} fc_guide_list;

enum {
    FC_SEED_RANDOM = -1, /* value of the seed that asks for a drawn one */
    FC_PARAM_AUTO = -1   /* value of a field marked FC_MARK_AUTO that was not given */
};

#define FC_CTYPE_BOOL   bool
#define FC_CTYPE_INT    int32_t
#define FC_CTYPE_NUM    double
#define FC_CTYPE_TEXT   const char * /* never NULL */
#define FC_CTYPE_ENUM   const char * /* one of the choices, spelled as in their table */
#define FC_CTYPE_LIST   fc_string_list
#define FC_CTYPE_LORAS  fc_lora_list
#define FC_CTYPE_GUIDES fc_guide_list
/* the name of a kept picture (app/common/inputs.h), picture:NUMBER of the history (app/queue/history.h), or a
 * path; "": none */
#define FC_CTYPE_IMAGE const char *
#define FC_CTYPE_SEED  int64_t /* 0 .. 2^63-1 or FC_SEED_RANDOM */

typedef struct fc_params {
#define FC_PARAM(kind, name, ...) FC_CTYPE_##kind name;
#define FC_COMPOSITE(...)
#include "app/settings/params.def"
#undef FC_PARAM
#undef FC_COMPOSITE
} fc_params;

typedef enum fc_param_id {
#define FC_PARAM(kind, name, ...) FC_P_##name,
#define FC_COMPOSITE(...)
#include "app/settings/params.def"
#undef FC_PARAM
#undef FC_COMPOSITE
    FC_PARAM_COUNT
} fc_param_id;

typedef enum fc_param_kind {
    FC_KIND_BOOL,
    FC_KIND_INT,
    FC_KIND_NUM,
    FC_KIND_TEXT,
    FC_KIND_ENUM,
    FC_KIND_LIST,
    FC_KIND_LORAS,
    FC_KIND_GUIDES,
    FC_KIND_SEED,
    FC_KIND_IMAGE
} fc_param_kind;

typedef enum fc_param_group {
    FC_GROUP_BASIC,
    FC_GROUP_PICTURE,
    FC_GROUP_MODELS,
    FC_GROUP_OUTPUT,
    FC_GROUP_ADVANCED,
    FC_GROUP_DEVELOPER,
    FC_GROUP_COUNT
} fc_param_group;

enum {
    FC_MARK_PRIVATE = 1,
    FC_MARK_MODEL = 2,
    FC_MARK_AUTO = 4,
    FC_MARK_V25 = 8,
    FC_MARK_NOT_FAST = 16,
    FC_MARK_PLACED = 32
};

/* The choices of an ENUM field, one by one; NULL behind the last. */
typedef const char *(*fc_choice_fn)(size_t index);
enum { FC_MAX_CHOICES = 64 };

typedef struct fc_param {
    const char *name;  /* in requests */
    const char *flag;  /* on the command line, without "--"; NULL: none of its own */
    const char *value; /* what stands behind the flag in the help; NULL: nothing */
    const char *help;
    const char *defaults[2]; /* by fc_recipe_id; NULL: by the plan */
    double lowest, highest, step;
    fc_choice_fn choice;
    size_t max_length, max_items, offset; /* offset: of the field in struct fc_params */
    fc_param_kind kind;
    fc_param_group group;
    unsigned marks;
    char short_flag; /* 0: none */
} fc_param;

enum { FC_COMPOSITE_PARTS = 3 };

typedef struct fc_composite {
    const char *name, *flag, *value, *help;
    char separator;
    fc_param_group group;
    int32_t part_count;
    fc_param_id parts[FC_COMPOSITE_PARTS];
} fc_composite;

extern const fc_param fc_param_table[FC_PARAM_COUNT];
extern const fc_composite fc_composite_table[];
extern const size_t fc_composite_count;

static inline bool fc_param_is_list(const fc_param *p)
{
    return p->kind == FC_KIND_LIST || p->kind == FC_KIND_LORAS || p->kind == FC_KIND_GUIDES;
}

/* By field name or flag; NULL when there is none. */
const fc_param *fc_param_find(const char *name);
const fc_composite *fc_composite_find(const char *name);
/* The field or flag that `name` may have meant; NULL when none is close. */
const char *fc_param_closest(const char *name);
const char *fc_param_group_title(fc_param_group group);
/* As programs know them: "basic", "models" ...; "bool", "int" ... */
const char *fc_param_group_id(fc_param_group group);
const char *fc_param_kind_name(fc_param_kind kind);

/* Reads one value (of a list: one item) strictly and gives it back in its one canonical spelling, as an
 * fc_alloc'ed text: "30", "0.7", "on", "dpmpp_2m", "x.safetensors:0.7". Errors name the field and say what is
 * allowed. */
fc_status fc_param_canonical(const fc_param *p, const char *text, char **canonical, fc_err *err) FC_MUST_USE;
/* Puts canonical items (exactly one unless the field is a list) into the field of *params; texts are copied
 * to the arena. */
fc_status fc_param_store(const fc_param *p, const char *const *items, size_t count, fc_params *params,
                         fc_arena *arena, fc_err *err) FC_MUST_USE;
/* The default of the recipe as list of items. At most max are written; returns how many. Texts point into
 * scratch. */
size_t fc_param_default_items(const fc_param *p, fc_recipe_id recipe, const char **items, size_t max,
                              char *scratch, size_t scratch_size);
fc_recipe_id fc_recipe_from_name(const char *name); /* "1.0" or else 2.5 */

/* Whether a field of one value has what it has without being given. */
bool fc_param_is_default(const fc_param *p, const fc_params *params);

/* Weight and stop of a GUIDES field's items that tell none. */
void fc_guide_usual(const fc_param *p, double *weight, double *stop);
/* Where the parts of an item's text are. model_len 0: it names none. */
typedef struct fc_guide_text {
    const char *image;
    size_t model_len, image_len;
    double weight, stop;
} fc_guide_text;
void fc_guide_text_split(const fc_param *p, const char *text, fc_guide_text *out);
/* Strict reading of an item, as fc_param_canonical; text is valid UTF-8. */
fc_status fc_guide_canonical(const fc_param *p, const char *text, char **canonical, fc_err *err) FC_MUST_USE;
/* An item as text, weight and stop included. */
fc_status fc_guide_print(const fc_guide *g, char *text, size_t size);

const char *fc_choice_recipe(size_t index);
const char *fc_choice_performance(size_t index);
const char *fc_choice_sampler(size_t index);
const char *fc_choice_scheduler(size_t index);
const char *fc_choice_format(size_t index);
const char *fc_choice_metadata(size_t index);
const char *fc_choice_swap(size_t index);
const char *fc_choice_vary(size_t index);
const char *fc_choice_edit(size_t index);
/* The choice that text names, or NULL. */
const char *fc_choice_find(fc_choice_fn choice, const char *text);

/* The reference of all settings as Markdown (docs/PARAMETERS.md). */
void fc_params_markdown(fc_buf *out);
/* "1 to 30", "speed, quality, ...", "on or off": what a value may be. */
void fc_param_describe_values(const fc_param *p, fc_buf *out);
/* "7; 4 in recipe 2.5", or one value when they agree; "" when there is none. */
void fc_param_describe_default(const fc_param *p, fc_buf *out);
/* "1152x896"; "1.5,0.8,1; 1.5,0.8,0.3 in recipe 2.5" */
void fc_composite_describe_default(const fc_composite *c, fc_buf *out);

#endif
