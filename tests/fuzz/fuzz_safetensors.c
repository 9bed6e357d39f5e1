/* Any bytes as a safetensors file: either refused with a message, or every tensor lies inside the file. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_safetensors st;
    fc_err err = {0};
    if (fc_safetensors_parse(&st, data, size, &err) != FC_OK) {
        require(err.status != FC_OK && err.message[0] && err.status != FC_INTERNAL);
        return 0;
    }
    size_t total = 0;
    for (size_t i = 0; i < st.count; i++) {
        const fc_st_tensor *t = &st.tensors[i];
        const uint8_t *bytes = t->data;
        require(bytes >= data && t->size <= size && bytes + t->size <= data + size);
        require(t->size == t->count * fc_dtype_size(t->dtype));
        require(fc_safetensors_find(&st, t->name) == t);
        total += t->size;
    }
    for (size_t i = 0; i < st.metadata_count; i++)
        require(fc_safetensors_metadata(&st, st.metadata[i].key) != NULL);
    require(total <= size);
    fc_safetensors_close(&st);
    return 0;
}
