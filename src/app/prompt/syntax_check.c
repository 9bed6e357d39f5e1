/* See prompt_check.h. */
#include "app/prompt/syntax_check.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "app/common/number_text.h"
#include "text/emphasis.h"

enum { MAX_WEIGHT = 100 };

/* The innermost '(' that nothing closes, or NULL. */
static const char *last_unclosed(const char *text)
{
    const char *stack[FC_EMPHASIS_MAX_DEPTH];
    size_t depth = 0;
    for (const char *s = text; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            continue;
        }
        if (*s == '(' && depth < FC_EMPHASIS_MAX_DEPTH) stack[depth++] = s;
        if (*s == ')' && depth > 0) depth--;
    }
    return depth > 0 ? stack[depth - 1] : NULL;
}

/* "(a:" or "(a:1.2" up to the end of the text; "(a: b" is a sentence. */
static bool is_unfinished_weight(const char *open)
{
    const char *colon = strrchr(open, ':');
    return colon && colon > open + 1 && colon[1 + strspn(colon + 1, "0123456789.+- \n")] == '\0';
}

fc_status fc_prompt_check_weights(const char *field, const char *text, fc_err *err)
{
    fc_emphasis parts;
    const char *open = last_unclosed(text);
    if (open && is_unfinished_weight(open))
        return fc_fail(
            err, FC_ARG,
            "%s: the weight in '%.40s' is not finished, write (words:1.2), or \\( for a plain parenthesis",
            field, open);
    fc_status status = fc_emphasis_parse(&parts, text, strlen(text), err);
    if (status != FC_OK) {
        fc_fail_prefix(err, "%s", field);
        return status;
    }
    for (size_t i = 0; i < parts.count && status == FC_OK; i++) {
        const fc_emphasis_segment *part = &parts.segments[i];
        char digits[FC_NUMTEXT_SIZE] = "that is not a number";
        if (fabs(part->weight) <= MAX_WEIGHT) continue;
        if (isfinite(part->weight)) fc_number_text(part->weight, digits);
        status = fc_fail(err, FC_ARG, "%s: the weight %s of '%.*s' is out of range, stay between -%d and %d",
                         field, digits, (int)(part->size < 40 ? part->size : 40), part->text, MAX_WEIGHT,
                         MAX_WEIGHT);
    }
    fc_emphasis_fini(&parts);
    return status;
}

fc_status fc_prompt_check_leftovers(const char *field, const char *text, fc_err *err)
{
    const char *tag = strstr(text, "<lora:"), *array = strstr(text, "[[");
    if (tag)
        return fc_fail(err, FC_ARG,
                       "%s: '%.40s' is no complete tag, write <lora:NAME:WEIGHT> with a number as weight",
                       field, tag);
    if (array) return fc_fail(err, FC_ARG, "%s: '%.40s' has no ']]', write [[red, blue]]", field, array);
    return FC_OK;
}
