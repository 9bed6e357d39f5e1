/* Any bytes as a PyTorch checkpoint, and as a pickle: refused with a message, or every tensor can be read. */
#include <stdlib.h>
#include <string.h>

#include "format/ckpt.h"
#include "format/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

static void as_checkpoint(const uint8_t *data, size_t size)
{
    fc_ckpt c;
    fc_err err = {0};
    if (fc_ckpt_parse(&c, data, size, &err) != FC_OK) {
        require(err.status != FC_OK && err.message[0] && err.status != FC_INTERNAL);
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < c.count; i++) {
        const fc_st_tensor *t = &c.tensors[i];
        const uint8_t *bytes = t->data;
        require(t->size == t->count * fc_dtype_size(t->dtype));
        require(fc_ckpt_find(&c, t->name) == t);
        if (t->size) sum += bytes[0] + bytes[t->size - 1];
    }
    (void)sum;
    fc_ckpt_close(&c);
}

static void as_pickle(const uint8_t *data, size_t size)
{
    fc_arena arena;
    fc_pickle pickle;
    fc_err err = {0};
    fc_arena_init(&arena, (size_t)64 << 20);
    if (fc_pickle_read(data, size, &arena, &pickle, &err) == FC_OK)
        require(pickle.value != NULL && pickle.size <= size);
    else
        require(err.message[0] != 0);
    fc_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_checkpoint(data, size);
    as_pickle(data, size);
    return 0;
}
