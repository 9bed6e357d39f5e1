/* Prompt + style -> texts for the encoders. */
#include <string.h>
#include "app/prompt/styles.h"
#include "base/mem.h"

static const char placeholder[] = "{prompt}";
enum { PLACEHOLDER_SIZE = sizeof placeholder - 1 };

static size_t count_placeholders(const char *text)
{
    size_t count = 0;
    for (; (text = strstr(text, placeholder)); text += PLACEHOLDER_SIZE) count++;
    return count;
}

/* 2.5: adds the lines of the template with every {prompt} replaced, and those of the negative text. */
static void apply(const fc_style *style, const char *prompt, fc_lines *positive, fc_lines *negative)
{
    size_t count = count_placeholders(style->prompt), prompt_size = strlen(prompt);
    size_t size = strlen(style->prompt) - count * PLACEHOLDER_SIZE, added;
    if (style->kind != FC_STYLE_TEXT) return;
    fc_lines_split(negative, style->negative, strlen(style->negative));
    bool fits = fc_size_mul(count, prompt_size, &added) && fc_size_add(size, added, &size) && size < SIZE_MAX;
    char *text = fc_arena_array(positive->arena, fits ? size + 1 : SIZE_MAX, 1);
    if (!text) return;
    char *at = text;
    for (const char *rest = style->prompt, *hit;; rest = hit + PLACEHOLDER_SIZE) {
        hit = strstr(rest, placeholder);
        size_t n = hit ? (size_t)(hit - rest) : strlen(rest);
        memcpy(at, rest, n);
        at += n;
        if (!hit) break;
        memcpy(at, prompt, prompt_size);
        at += prompt_size;
    }
    fc_lines_split(positive, text, size);
}

void fc_styles_compose(const fc_style *const *chosen, size_t count, const char *prompt, fc_lines *positive,
                       fc_lines *negative)
{
    bool carried = false;
    for (size_t i = 0; i < count; i++)
        if (strstr(chosen[i]->prompt, placeholder)) carried = true;
    if (!carried) fc_lines_add(positive, prompt, strlen(prompt));
    for (size_t i = 0; i < count; i++) apply(chosen[i], prompt, positive, negative);
}

void fc_style_compose_v1(const fc_style *style, const char *prompt, const char *negative_prompt,
                         fc_buf *positive, fc_buf *negative)
{
    const char *rest = style->prompt;
    if (!strstr(rest, placeholder)) { /* 1.0.43 has no such style, users do: the sentence goes in front */
        fc_buf_puts(positive, prompt);
        if (*prompt && *rest) fc_buf_puts(positive, ", ");
    }
    for (const char *hit; (hit = strstr(rest, placeholder)); rest = hit + PLACEHOLDER_SIZE) {
        fc_buf_append(positive, rest, (size_t)(hit - rest));
        fc_buf_puts(positive, prompt);
    }
    fc_buf_puts(positive, rest);
    fc_buf_puts(negative, style->negative);
    fc_buf_puts(negative, ", ");
    fc_buf_puts(negative, negative_prompt);
}
