/* Slips in the syntax of prompts that would otherwise go to the encoders as text. */
#ifndef FC_APP_PROMPT_SYNTAX_CHECK_H
#define FC_APP_PROMPT_SYNTAX_CHECK_H

#include "base/status.h"

/* Weights: "(a:" that never ends, weights that no picture survives. field names the prompt in the message. */
fc_status fc_prompt_check_weights(const char *field, const char *text, fc_err *err) FC_MUST_USE;
/* 2.5: a tag or array that is still there after tags and arrays were taken out. */
fc_status fc_prompt_check_leftovers(const char *field, const char *text, fc_err *err) FC_MUST_USE;

#endif
