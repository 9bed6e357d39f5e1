/* synth_ckpt KIND PATH [f16|bf16|f32]: writes a synthetic checkpoint for tests and measurements. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/synth.h"

static int usage(void)
{
    fprintf(stderr, "usage: synth_ckpt KIND PATH [f16|bf16|f32]\nkinds:");
    for (int i = 0; fc_synth_kinds[i]; i++) fprintf(stderr, " %s", fc_synth_kinds[i]);
    fputc('\n', stderr);
    return 2;
}

static bool parse_dtype(const char *name, fc_dtype *dtype)
{
    *dtype = strcmp(name, "bf16") == 0 ? FC_BF16 : strcmp(name, "f32") == 0 ? FC_F32 : FC_F16;
    return *dtype != FC_F16 || strcmp(name, "f16") == 0;
}

int main(int argc, char **argv)
{
    fc_synth s;
    fc_err err;
    fc_dtype dtype = FC_F16;
    if (argc < 3 || argc > 4 || (argc == 4 && !parse_dtype(argv[3], &dtype))) return usage();
    double start = fc_now(), values = 0.0;
    if (fc_synth_build(&s, argv[1], &err) != FC_OK) {
        fprintf(stderr, "%s\n", err.message);
        return usage();
    }
    for (size_t i = 0; i < s.count; i++) {
        double n = 1.0;
        for (int32_t d = 0; d < s.tensors[i].ndim; d++) n *= (double)s.tensors[i].shape[d];
        values += n;
    }
    fc_status status = fc_synth_write(argv[2], &s, dtype, &err);
    if (status != FC_OK)
        fprintf(stderr, "%s\n", err.message);
    else
        printf("%s: %zu tensors, %.3f G values, %.2f GB, %.1f s\n", argv[1], s.count, values / 1e9,
               values * (double)fc_dtype_size(dtype) / 1e9, fc_now() - start);
    fc_synth_fini(&s);
    return fc_status_exit_code(status);
}
