/* Any bytes as a file of a textual inversion: refused with a message that names it, or finite vectors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/embedding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

static void check(const fc_embedding *e)
{
    require(e->count > 0 && e->count <= FC_EMBEDDING_MAX_ROWS);
    for (int k = 0; k < 2; k++) {
        require(e->width[k] > 0 && e->width[k] <= FC_EMBEDDING_MAX_WIDTH);
        for (size_t i = 0; i < (size_t)e->count * (size_t)e->width[k]; i++) require(isfinite(e->rows[k][i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    fc_embedding e;
    fc_err err = {0};
    int fd = memfd_create("embedding", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fc_embedding_open(&e, path, &err) == FC_OK)
        check(&e);
    else
        require(err.status != FC_INTERNAL && strstr(err.message, path) != NULL);
    fc_embedding_fini(&e);
    close(fd);
    return 0;
}
