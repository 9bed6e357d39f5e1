#include "support/loras.h"

#include <stdlib.h>
#include <string.h>

#include "support/support.h"

/* A golden file without the tensors whose names contain `part`, in the tests' own folder. */
static const char *copy_without(const char *golden, const char *part, const char *name)
{
    fc_safetensors st;
    fc_err err = {0};
    size_t count = 0;
    fc_test_golden_open(&st, golden);
    fc_st_source *kept = calloc(st.count, sizeof *kept);
    assert_non_null(kept);
    for (size_t i = 0; i < st.count; i++) {
        const fc_st_tensor *t = &st.tensors[i];
        if (strstr(t->name, part)) continue;
        kept[count] = (fc_st_source){.name = t->name, .dtype = t->dtype, .ndim = t->ndim, .data = t->data};
        memcpy(kept[count++].shape, t->shape, sizeof t->shape);
    }
    assert_in_range(count, 1, st.count - 1);
    const char *path = fc_test_tmp_path(name);
    assert_ok(fc_safetensors_write(path, &(fc_st_write){.tensors = kept, .count = count}, &err), &err);
    free(kept);
    fc_safetensors_close(&st);
    return path;
}

const char *fc_test_lora_without_magnitudes(void)
{
    return copy_without("v25_lora_full.safetensors", ".dora_scale", "full.safetensors");
}

const char *fc_test_lora_of_unet(void)
{
    return copy_without("lora_kohya.safetensors", "lora_te", "unet_lora.safetensors");
}
