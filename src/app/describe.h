/* Pictures in words: finds the captioner among the user's files and runs it. */
#ifndef FC_APP_DESCRIBE_H
#define FC_APP_DESCRIBE_H

#include "app/settings/config.h"
#include "engine/captioner.h"

#define FC_DESCRIBE_MODEL      "model_base_caption_capfilt_large.pth"
#define FC_DESCRIBE_VOCABULARY "bert_vocab.txt"

/* The files in models/clip_vision: Fooocus's captioner or another one with "blip" in its name, and BERT's
 * vocabulary as bert_vocab.txt or vocab.txt. NOT_FOUND says what fetches what is missing. */
fc_status fc_describe_open(const fc_config *config, fc_captioner **out, fc_err *err) FC_MUST_USE;

#endif
