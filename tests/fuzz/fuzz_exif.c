/* Any bytes as an EXIF block: what is found is UTF-8, and can be written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "format/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

static void check_text(const char *text)
{
    require(!text || fc_utf8_valid(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fc_exif exif, again;
    fc_arena arena;
    fc_buf b;
    fc_err err = {0};
    fc_arena_init(&arena, 8 << 20);
    fc_buf_init(&b, 8 << 20);
    if (fc_exif_read(&exif, data, size, &arena, &err) == FC_OK) {
        check_text(exif.user_comment);
        check_text(exif.software);
        check_text(exif.maker_note);
        fc_exif_write(&b, &exif);
        require(b.status == FC_OK);
        if (b.len) {
            require(fc_exif_read(&again, b.data, b.len, &arena, &err) == FC_OK);
            require(!exif.user_comment == !again.user_comment && !exif.software == !again.software);
        }
    } else {
        require(err.status != FC_OK && err.message[0]);
    }
    fc_buf_fini(&b);
    fc_arena_fini(&arena);
    return 0;
}
