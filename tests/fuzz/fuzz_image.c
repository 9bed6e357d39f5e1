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

enum { MAX_PIXELS = 1 << 16 };

/* As a picture to be painted from: the announced number of pixels, whichever way it is turned. */
static void check_input(const uint8_t *data, size_t size, int64_t pixels)
{
    fc_pixels px;
    fc_err err = {0};
    if (fc_image_decode_input(&px, data, size, MAX_PIXELS, &err) == FC_OK) {
        require((int64_t)px.w * px.h == pixels && (px.channels == 3 || px.channels == 4));
        volatile uint8_t last = px.data[fc_pixels_size(&px) - 1];
        (void)last;
    } else {
        require(err.status != FC_OK && err.message[0] && !px.data);
    }
    fc_pixels_fini(&px);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
    check_input(data, size, probed == FC_OK ? (int64_t)w * h : 0);
    return 0;
}
