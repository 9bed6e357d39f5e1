/* The members of a zip archive that are stored without compression, as torch.save writes them: names and
 * where their bytes lie in the mapping. Zip64 is read. Everything the directory claims is checked against the
 * file; checksums are not (a model has gigabytes). */
#ifndef FC_FORMAT_ZIP_H
#define FC_FORMAT_ZIP_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/hash.h"
#include "base/status.h"

#define FC_ZIP_MAX_MEMBERS (1u << 18)

typedef struct fc_zip_member {
    const char *name; /* as in the archive, with folders */
    const uint8_t *data;
    size_t size;
} fc_zip_member;

typedef struct fc_zip {
    fc_zip_member *members;
    size_t count;
    fc_strmap index;
} fc_zip;

/* The archive's bytes must outlive *zip; names go to the arena. Compressed or encrypted members: UNSUPPORTED.
 */
fc_status fc_zip_open(fc_zip *zip, const void *data, size_t size, fc_arena *arena, fc_err *err) FC_MUST_USE;
void fc_zip_close(fc_zip *zip);
const fc_zip_member *fc_zip_find(const fc_zip *zip, const char *name); /* NULL: there is none */

#endif
