/* Any bytes: the door for text gives valid UTF-8 without NUL and '\r', which it leaves alone the second time.
 */
#include "base/text.h"
#include "format/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_buf once, twice;
    fc_err err;
    json_t *root;
    fc_buf_init(&once, 1 << 20);
    fc_buf_init(&twice, 1 << 20);
    if (fc_text_read(data, size, &once, &err) == FC_OK) {
        const char *text = fc_buf_cstr(&once);
        if (!fc_utf8_valid(text, once.len) || strlen(text) != once.len || strchr(text, '\r')) abort();
        /* a second byte order mark is a character of the text */
        bool marked = once.len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
        if (fc_text_read(text, once.len, &twice, &err) != FC_OK) abort();
        if (!marked && strcmp(text, fc_buf_cstr(&twice)) != 0) abort();
    }
    if (fc_json_read(data, size, FC_JSON_ANY, &root, &err) == FC_OK) json_decref(root);
    fc_buf_fini(&once);
    fc_buf_fini(&twice);
    return 0;
}
