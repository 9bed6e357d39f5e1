#include "support/loras.h"

#include <string.h>

#include "support/support.h"

const char *fc_test_lora_without_magnitudes(void)
{
    fc_safetensors st;
    fc_err err = {0};
    fc_st_source kept[64];
    size_t count = 0;
    fc_test_golden_open(&st, "v25_lora_full.safetensors");
    for (size_t i = 0; i < st.count && count < 64; i++) {
        const fc_st_tensor *t = &st.tensors[i];
        if (strstr(t->name, ".dora_scale")) continue;
        kept[count] = (fc_st_source){.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
        memcpy(kept[count++].shape, t->shape, sizeof t->shape);
    }
    const char *path = fc_test_tmp_path("full.safetensors");
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = kept, .count = count}, &err), &err);
    fc_safetensors_close(&st);
    return path;
}
