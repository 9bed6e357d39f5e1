/* format/exif: what is written byte by byte, and the readings of other writers' blocks. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/exif.h"
#include "support/support.h"

static void written_bytes(void **state)
{
    (void)state;
    static const uint8_t want[] = {
        'I',  'I',  42,  0,   8,   0, 0,   0,   3,   0,           /* header, 3 entries */
        0x31, 0x01, 2,   0,   6,   0, 0,   0,   50,  0,   0,   0, /* Software, ASCII, 6 bytes at 50 */
        0x7c, 0x92, 2,   0,   3,   0, 0,   0,   'a', 'b', 0,   0, /* MakerNote in place */
        0x86, 0x92, 2,   0,   7,   0, 0,   0,   56,  0,   0,   0, /* UserComment at 56 */
        0,    0,    0,   0,                                       /* no next directory */
        'h',  'e',  'l', 'l', 'o', 0, 'c', 'a', 'f', '?', '?', '!', 0, 0,
    };
    const fc_exif exif = {
        .software = "hello", .maker_note = "ab", .user_comment = "caf\xc3\xa9\xf0\x9f\x8e\xa8!"};
    fc_buf b;
    fc_buf_init(&b, 1000);
    fc_exif_write(&b, &exif);
    assert_int_equal(b.status, FC_OK);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    fc_buf_reset(&b);
    fc_exif_write(&b, &(fc_exif){0});
    assert_int_equal(b.len, 0);
    fc_buf_fini(&b);
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t length = 0; length < 3000; length = length * 2 + 1) {
        char *text = calloc(1, length + 1);
        memset(text, 'p', length);
        const fc_exif in = {.user_comment = text, .software = "Fooocus v2.5.5"};
        fc_exif out;
        fc_arena arena;
        fc_buf b;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        fc_buf_init(&b, 1 << 20);
        fc_exif_write(&b, &in);
        assert_ok(fc_exif_read(&out, b.data, b.len, &arena, &err), &err);
        assert_string_equal(out.user_comment, text);
        assert_string_equal(out.software, in.software);
        assert_null(out.maker_note);
        fc_arena_fini(&arena);
        fc_buf_fini(&b);
        free(text);
    }
}

/* A big-endian block with UserComment of type UNDEFINED in the Exif sub-IFD, as piexif makes it. -> size */
static size_t sub_ifd_block(uint8_t *out, const void *comment, uint8_t comment_size)
{
    const uint8_t head[] = {
        'E', 'x', 'i',  'f',  0, 0, 'M', 'M', 0, 42,
        0,   0,   0,    8, /* header */
        0,   1,   0x87, 0x69, 0, 4, 0,   0,   0, 1,
        0,   0,   0,    26,   0, 0, 0,   0, /* IFD0: the sub-IFD is at 26 */
        0,   1,   0x92, 0x86, 0, 7, 0,   0,   0, comment_size,
        0,   0,   0,    44,   0, 0, 0,   0,
    };
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, comment, comment_size);
    return sizeof head + comment_size;
}

static void comments_with_character_codes(void **state)
{
    (void)state;
#define S(text) text, sizeof text - 1
    static const struct {
        const char *bytes;
        size_t size;
        const char *want;
    } cases[] = {
        {S("UNICODE\0\0c\0a\0f\0\xe9"), "caf\xc3\xa9"}, /* big-endian, as the web UI does */
        {S("UNICODE\0c\0a\0f\0\xe9\0"), "caf\xc3\xa9"}, /* little-endian in a big-endian block */
        {S("UNICODE\0\xff\xfe"
           "a\0\x75\x7d"),
         "a\xe7\xb5\xb5"},                                            /* byte order mark */
        {S("UNICODE\0\x7d\x75\x7d\x75"), "\xe7\xb5\xb5\xe7\xb5\xb5"}, /* undecided: as the block */
        {S("UNICODE\0\0a\xd8\x3c\xdf\xa8\0b"), "a\xf0\x9f\x8e\xa8"
                                               "b"},
        {S("UNICODE\0\0a\xd8\x3c\0b"), "a\xef\xbf\xbd"
                                       "b"}, /* lone surrogate */
        {S("UNICODE\0\0a\0b\0"), "ab"},      /* odd size */
        {S("UNICODE\0"), ""},
        {S("ASCII\0\0\0plain"), "plain"},
        {S("\0\0\0\0\0\0\0\0unknown"), "unknown"},
        {S("no code at all"), "no code at all"},
        {S("caf\xe9 in Latin-1"), "caf\xc3\xa9 in Latin-1"},
        {S("ASCII\0\0\0caf\xc3\xa9"), "caf\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t block[200];
        fc_exif out;
        fc_arena arena;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        size_t size = sub_ifd_block(block, cases[i].bytes, (uint8_t)cases[i].size);
        assert_ok(fc_exif_read(&out, block, size, &arena, &err), &err);
        assert_non_null(out.user_comment);
        assert_string_equal(out.user_comment, cases[i].want);
        fc_arena_fini(&arena);
    }
}

static void broken_blocks(void **state)
{
    (void)state;
    uint8_t block[200];
    size_t size = sub_ifd_block(block, "ASCII\0\0\0hello world", 19);
    for (size_t n = 0; n <= size;
         n++) { /* every cut: an error or nothing found, never a read behind the end */
        uint8_t *part = malloc(n + 1);
        fc_exif out;
        fc_arena arena;
        fc_err err;
        memcpy(part, block, n);
        fc_arena_init(&arena, 1 << 20);
        fc_status status = fc_exif_read(&out, part, n, &arena, &err);
        assert_true(n < 14 ? status == FC_FORMAT : status == FC_OK);
        assert_true((out.user_comment != NULL) == (n == size));
        fc_arena_fini(&arena);
        free(part);
    }
    fc_exif out;
    fc_arena arena;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    block[6 + 8 + 2 + 8 + 3] = 8; /* the sub-IFD is IFD0 itself: no endless loop */
    assert_ok(fc_exif_read(&out, block, size, &arena, &err), &err);
    assert_null(out.user_comment);
    assert_fails(fc_exif_read(&out, "not TIFF at all", 15, &arena, &err), FC_FORMAT, &err, "EXIF");
    fc_arena_fini(&arena);
    size = sub_ifd_block(block, "ASCII\0\0\0hello world", 19);
    fc_arena_init(&arena, 8);
    assert_fails(fc_exif_read(&out, block, size, &arena, &err), FC_LIMIT, &err, "memory");
    fc_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_bytes),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(comments_with_character_codes),
        cmocka_unit_test(broken_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
