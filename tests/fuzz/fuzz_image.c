/* Any bytes as a picture: refused with a message, or decoded to the size that was announced, within the cap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "format/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) abort();
}

static void check_text(const char *text)
{
    require(text != NULL && fc_utf8_valid(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_PIXELS = 1 << 16 };
    fc_image img;
    fc_image_format format;
    fc_image_notes notes;
    fc_arena arena;
    fc_err err = {0};
    int32_t w = 0, h = 0;
    fc_status probed = fc_image_probe(data, size, &format, &w, &h, &err);
    fc_arena_init(&arena, 1 << 20);
    if (fc_image_decode(&img, data, size, MAX_PIXELS, &arena, &notes, &err) == FC_OK) {
        require(probed == FC_OK && img.w == w && img.h == h && (int64_t)w * h <= MAX_PIXELS);
        volatile uint8_t last = img.rgb[(size_t)w * (size_t)h * 3 - 1];
        (void)last;
        for (size_t i = 0; i < notes.text_count; i++) {
            check_text(notes.texts[i].key);
            check_text(notes.texts[i].value);
        }
        if (notes.exif.user_comment) check_text(notes.exif.user_comment);
    } else {
        require(err.status != FC_OK && err.message[0] && !img.rgb);
    }
    fc_image_fini(&img);
    fc_arena_fini(&arena);
    return 0;
}
