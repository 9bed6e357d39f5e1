/* SDXL's text encoders were trained on English. Words in other scripts are cut into bytes that mean nothing
 * to them, and the picture is a random one: that is told before it is drawn. */
#ifndef FC_APP_PROMPT_SCRIPT_CHECK_H
#define FC_APP_PROMPT_SCRIPT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* The script of the first word that the encoders cannot read ("Cyrillic"), with the word in word[size]; NULL:
 * there is none. Lone letters (an "α") are fine. han: whether Chinese characters count, which a glossary may
 * have taken care of; beside kana they are Japanese and always count. */
const char *fc_text_unread_script(const char *text, bool han, char *word, size_t size);

#endif
