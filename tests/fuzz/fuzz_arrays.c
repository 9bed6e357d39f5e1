/* Arrays in prompts: the result never grows, and after the last combination the first comes again. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/prompt/arrays.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t index = size ? data[0] : 0;
    char *text = size && size < 1 << 14 ? fc_strndup((const char *)data + 1, size - 1) : NULL;
    if (!text) return 0;
    fc_buf a, b;
    fc_buf_init(&a, size);
    fc_buf_init(&b, size);
    uint64_t count = fc_arrays_count(text);
    check(count >= 1);
    fc_arrays_apply(text, index, &a);
    check(a.status == FC_OK && a.len <= strlen(text));
    fc_arrays_apply(text, count < UINT64_MAX - 255 ? index + count : index, &b);
    check(!strcmp(fc_buf_cstr(&a), fc_buf_cstr(&b)));
    if (!strstr(text, "[[")) check(count == 1 && !strcmp(fc_buf_cstr(&a), text));
    fc_buf_fini(&a);
    fc_buf_fini(&b);
    fc_free(text);
    return 0;
}
