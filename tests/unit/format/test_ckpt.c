/* PyTorch checkpoints: what torch.save writes is read bit for bit, and nothing else gets through. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "format/ckpt.h"
#include "format/pickle.h"
#include "support/torchfile.h"

static void begin(fc_buf *b)
{
    fc_buf_init(b, 64 << 20);
}

static const float numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void check_numbers(const fc_st_tensor *t, const float *want, size_t count)
{
    assert_non_null(t);
    assert_int_equal(t->count, count);
    assert_int_equal(t->dtype, FC_F32);
    assert_memory_equal(t->data, want, count * sizeof *want);
}

static void test_state_dict(void **state)
{
    static const uint16_t half[2] = {0x3c00, 0xc000};
    const fc_st_source tensors[] = {
        {.name = "a.weight", .dtype = FC_F32, .ndim = 2, .shape = {3, 4}, .data = numbers},
        {.name = "a.bias", .dtype = FC_F16, .ndim = 1, .shape = {2}, .data = half},
        {.name = "logit_scale", .dtype = FC_F32, .ndim = 0, .data = numbers + 5},
        {.name = "empty", .dtype = FC_F32, .ndim = 2, .shape = {0, 4}, .data = numbers},
    };
    (void)state;
    for (int round = 0; round < 4; round++) { /* plain or wrapped, zip or zip64 */
        fc_buf file;
        fc_ckpt c;
        fc_err err;
        begin(&file);
        torch_file(&file, tensors, 4, round & 1, round & 2);
        assert_ok(fc_ckpt_parse(&c, file.data, file.len, &err), &err);
        assert_int_equal(c.count, 4);
        const fc_st_tensor *t = fc_ckpt_find(&c, "a.weight");
        check_numbers(t, numbers, 12);
        assert_int_equal(t->ndim, 2);
        assert_int_equal(t->shape[0], 3);
        assert_int_equal(t->shape[1], 4);
        assert_true((const char *)t->data > file.data &&
                    (const char *)t->data < file.data + file.len); /* mapped */
        t = fc_ckpt_find(&c, "a.bias");
        assert_int_equal(t->dtype, FC_F16);
        assert_memory_equal(t->data, half, sizeof half);
        check_numbers(fc_ckpt_find(&c, "logit_scale"), numbers + 5, 1);
        assert_int_equal(fc_ckpt_find(&c, "empty")->count, 0);
        assert_null(fc_ckpt_find(&c, "epoch"));
        fc_ckpt_close(&c);
        fc_buf_fini(&file);
    }
}

static fc_status parse_pickle(fc_ckpt *c, fc_buf *file, const fc_buf *pickle, fc_err *err)
{
    begin(file);
    torch_archive(file, pickle->data, pickle->len, numbers, sizeof numbers);
    return fc_ckpt_parse(c, file->data, file->len, err);
}

/* {"x": tensor of [3][4] floats with this stride} */
static void one_tensor(fc_buf *p, int64_t storage, int64_t offset, int32_t ndim, const int64_t *shape,
                       const int64_t *stride)
{
    begin(p);
    fc_buf_puts(p, "\x80\x02}");
    torch_text(p, "x");
    torch_tensor(p, FC_F32, 0, storage, offset, ndim, shape, stride);
    fc_buf_puts(p, "s.");
}

static void test_views(void **state)
{
    static const float transposed[] = {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, repeated[] = {7, 7, 7, 8, 8, 8};
    fc_buf p, file;
    fc_ckpt c;
    fc_err err;
    (void)state;
    one_tensor(&p, 12, 0, 2, (int64_t[]){4, 3}, (int64_t[]){1, 4});
    assert_ok(parse_pickle(&c, &file, &p, &err), &err);
    check_numbers(fc_ckpt_find(&c, "x"), transposed, 12);
    fc_ckpt_close(&c);
    fc_buf_fini(&file);
    fc_buf_fini(&p);
    one_tensor(&p, 12, 7, 2, (int64_t[]){2, 3}, (int64_t[]){1, 0});
    assert_ok(parse_pickle(&c, &file, &p, &err), &err);
    check_numbers(fc_ckpt_find(&c, "x"), repeated, 6);
    fc_ckpt_close(&c);
    fc_buf_fini(&file);
    fc_buf_fini(&p);
    one_tensor(&p, 12, 4, 3, (int64_t[]){1, 2, 4},
               (int64_t[]){999, 4, 1}); /* the stride of one element is free */
    assert_ok(parse_pickle(&c, &file, &p, &err), &err);
    check_numbers(fc_ckpt_find(&c, "x"), numbers + 4, 8);
    assert_int_equal(c.copy_count, 0);
    fc_ckpt_close(&c);
    fc_buf_fini(&file);
    fc_buf_fini(&p);
}

static void test_bad_tensors(void **state)
{
    const int64_t big = INT64_MAX;
    const struct {
        int64_t offset;
        int32_t ndim;
        int64_t shape[4], stride[4];
    } cases[] = {
        {0, 1, {13}, {1}},
        {12, 1, {1}, {1}},
        {1, 2, {3, 4}, {4, 1}},
        {0, 2, {2, 2}, {12, 1}},
        {0, 1, {big}, {1}},
        {0, 2, {big, big}, {1, 1}},
        {0, 2, {2, 2}, {big, big}},
        {big, 1, {1}, {1}},
        {big, 1, {2}, {1}},
        {0, 4, {1 << 30, 1 << 30, 1 << 30, 1 << 30}, {0, 0, 0, 0}},
        {0, 2, {1 << 20, 1 << 20}, {0, 0}}, /* four terabytes of the same number */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf p, file;
        fc_ckpt c;
        fc_err err = {0};
        one_tensor(&p, 12, cases[i].offset, cases[i].ndim, cases[i].shape, cases[i].stride);
        fc_status s = parse_pickle(&c, &file, &p, &err);
        if (s != FC_FORMAT && s != FC_LIMIT)
            fail_msg("case %zu gives %s: %s", i, fc_status_name(s), err.message);
        fc_buf_fini(&file);
        fc_buf_fini(&p);
    }
}

/* Nested dictionaries, tuples with numbers (the form of inpainting patches), several views of one storage. */
static void test_shapes_of_files(void **state)
{
    fc_buf p, file;
    fc_ckpt c;
    fc_err err;
    (void)state;
    begin(&p);
    fc_buf_puts(&p, "\x80\x02}(");
    torch_text(&p, "outer");
    fc_buf_puts(&p, "}");
    torch_text(&p, "x");
    torch_tensor(&p, FC_F32, 0, 12, 0, 1, (int64_t[]){4}, NULL);
    fc_buf_puts(&p, "s");
    torch_text(&p, "patch");
    torch_tensor(&p, FC_F32, 0, 12, 4, 1, (int64_t[]){4}, NULL);
    fc_buf_append(&p, "G\xbf\xe0\0\0\0\0\0\0K\3\x87", 12); /* -0.5, 3 */
    torch_text(&p, "step");
    torch_number(&p, 1000);
    fc_buf_puts(&p, "u.");
    assert_ok(parse_pickle(&c, &file, &p, &err), &err);
    assert_int_equal(c.count, 4);
    check_numbers(fc_ckpt_find(&c, "outer.x"), numbers, 4);
    check_numbers(fc_ckpt_find(&c, "patch.0"), numbers + 4, 4);
    assert_int_equal(fc_ckpt_find(&c, "patch.1")->dtype, FC_F64);
    assert_true(*(const double *)fc_ckpt_find(&c, "patch.1")->data == -0.5);
    assert_true(*(const double *)fc_ckpt_find(&c, "patch.2")->data == 3);
    fc_ckpt_close(&c);
    fc_buf_fini(&file);
    fc_buf_fini(&p);
}

/* Files that try to run something, each in another way. The words "touch /tmp/x" never get further than here.
 */
static void test_malicious(void **state)
{
    static const struct {
        const char *what, *pickle, *told;
        size_t size;
    } cases[] = {
#define CASE(what, pickle, told) {what, pickle, told, sizeof pickle - 1}
        CASE("os.system",
             "\x80\x02"
             "cos\nsystem\n(X\x0c\0\0\0touch /tmp/xtR.",
             "os.system"),
        CASE("posix.system",
             "\x80\x02"
             "cposix\nsystem\n(X\x0c\0\0\0touch /tmp/xtR.",
             "posix.system"),
        CASE("builtins.eval",
             "\x80\x02"
             "cbuiltins\neval\nX\x01\0\0\0"
             "1\x85R.",
             "builtins.eval"),
        CASE("__builtin__.exec",
             "\x80\x02"
             "c__builtin__\nexec\n(X\x01\0\0\0"
             "1tR.",
             "__builtin__.exec"),
        CASE("getattr",
             "\x80\x02"
             "c__builtin__\ngetattr\n.",
             "__builtin__.getattr"),
        CASE("subprocess",
             "\x80\x02"
             "csubprocess\nPopen\n(tR.",
             "subprocess.Popen"),
        CASE("torch.load inside",
             "\x80\x02"
             "ctorch.storage\n_load_from_bytes\n(tR.",
             "torch.storage._load_from_bytes"),
        CASE("dotted name", "\x80\x04\x8c\x05torch\x8c\x0ehub.os.execute\x93.", "torch.hub.os"),
        CASE("stack global", "\x80\x04\x8c\x02os\x8c\x06system\x93)R.", "os.system"),
        CASE("class as instance", "(i__main__\nX\n.", "opcode 0x69"),
        CASE("obj", "(ctorch\nSize\no.", "opcode 0x6f"),
        CASE("extension", "\x80\x02\x82\x01.", "opcode 0x82"),
        CASE("text persistent id", "Pos\n.", "opcode 0x50"),
        CASE("newobj_ex",
             "\x80\x04"
             "ctorch\nSize\n)}\x92.",
             "opcode 0x92"),
        CASE("unknown opcode", "\x80\x02\xff.", "opcode 0xff"),
        CASE("next buffer", "\x80\x05\x97.", "opcode 0x97"),
        CASE("name with newline trick",
             "\x80\x02"
             "ctorch\nFloatStorage\rx\n.",
             "torch.FloatStorage"),
#undef CASE
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf file, p;
        fc_ckpt c;
        fc_err err = {0};
        begin(&p);
        fc_buf_append(&p, cases[i].pickle, cases[i].size);
        fc_status s = parse_pickle(&c, &file, &p, &err);
        if (s != FC_DENIED || !strstr(err.message, cases[i].told))
            fail_msg("%s gives %s: %s", cases[i].what, fc_status_name(s), err.message);
        assert_int_equal(c.count, 0);
        fc_buf_fini(&file);
        fc_buf_fini(&p);
    }
}

/* Pickles of broken or hostile structure: stack underflow, wrong memo numbers, calls of data, endless growth.
 */
static void test_broken_pickles(void **state)
{
    static const struct {
        const char *pickle;
        size_t size;
    } cases[] = {
#define CASE(pickle) {pickle, sizeof pickle - 1}
        CASE(""),
        CASE("."),
        CASE("\x80\x02"),
        CASE("\x80\x09N."),
        CASE("0."),
        CASE("(t"),
        CASE("t."),
        CASE("(0."),
        CASE("(\x85."),
        CASE("N\x86."),
        CASE("h\0."),
        CASE("Nr\xff\xff\xff\xff."),
        CASE("j\1\0\0\0."),
        CASE("R."),
        CASE("NNR."),
        CASE("N)R."),
        CASE("s."),
        CASE("NNs."),
        CASE("NNNs."),
        CASE("}(Nu."),
        CASE("](NNu."),
        CASE("(u."),
        CASE("(Nd."),
        CASE("Na."),
        CASE("NNa."),
        CASE("X\xff\xff\xff\xff"
             "a."),
        CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."),
        CASE("\x8b\xff\xff\xff\xff."),
        CASE("NQ."),
        CASE("(tQ."),
        CASE("ctorch\nFloatStorage\n)R."),
        CASE("ctorch"),
        CASE("ctorch\nSize"),
        CASE("NN\x93."),
        CASE("NN."),
        CASE("(N."),
        CASE("ctorch._utils\n_rebuild_tensor_v2\n)R."),
        CASE("ccollections\nOrderedDict\n](NNe\x85R."),
        CASE("N."),
        CASE("}."),
        CASE("2."),
        CASE("1."),
        CASE("b."),
#undef CASE
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_buf file, p;
        fc_ckpt c;
        fc_err err = {0};
        begin(&p);
        fc_buf_append(&p, cases[i].pickle, cases[i].size);
        fc_status s = parse_pickle(&c, &file, &p, &err);
        if (s != FC_FORMAT) fail_msg("case %zu gives %s: %s", i, fc_status_name(s), err.message);
        fc_buf_fini(&file);
        fc_buf_fini(&p);
    }
}

/* A list that holds itself, and a tower in which each floor holds the one below twice: 2^40 leaves. */
static void test_loops_and_towers(void **state)
{
    fc_buf p, file;
    fc_ckpt c;
    fc_err err;
    (void)state;
    begin(&p);
    fc_buf_append(&p, "\x80\x02}q\0X\1\0\0\0ah\0s.", 15);
    assert_fails(parse_pickle(&c, &file, &p, &err), FC_FORMAT, &err, "no tensors");
    fc_buf_fini(&file);
    fc_buf_reset(&p);
    fc_buf_append(&p,
                  "\x80\x02}q\0"
                  "0",
                  6);
    for (int i = 0; i < 40; i++) /* {"a": below, "b": below}, kept in the memo */
        fc_buf_append(&p,
                      "}(X\1\0\0\0ah\0X\1\0\0\0bh\0uq\0"
                      "0",
                      22);
    fc_buf_append(&p, "h\0.", 3);
    fc_status s = parse_pickle(&c, &file, &p, &err);
    assert_true(s == FC_FORMAT || s == FC_LIMIT);
    fc_buf_fini(&file);
    fc_buf_fini(&p);
}

static void test_bad_archives(void **state)
{
    const fc_st_source tensor = {.name = "x", .dtype = FC_F32, .ndim = 1, .shape = {12}, .data = numbers};
    fc_buf file;
    fc_ckpt c;
    fc_err err;
    torch_zip z;
    (void)state;
    begin(&file);
    torch_file(&file, &tensor, 1, false, false);
    for (size_t n = 0; n < file.len; n++) { /* cut anywhere */
        fc_status s = fc_ckpt_parse(&c, file.data, n, &err);
        if (s == FC_OK) fail_msg("a file cut after %zu of %zu bytes was read", n, file.len);
    }
    assert_fails(fc_ckpt_parse(&c, file.data, file.len - 30, &err), FC_FORMAT, &err, "cut");
    fc_buf_reset(&file);
    torch_zip_begin(&z, &file);
    torch_zip_add(&z, "readme.txt", "hello", 5);
    torch_zip_end(&z, false);
    assert_fails(fc_ckpt_parse(&c, file.data, file.len, &err), FC_UNSUPPORTED, &err, "no data.pkl");
    file.data[8] = 8; /* method of the local header does not count, that of the directory does */
    char *entry = file.data + file.len - 22 - (46 + 10);
    entry[10] = 8;
    assert_fails(fc_ckpt_parse(&c, file.data, file.len, &err), FC_UNSUPPORTED, &err, "compressed");
    fc_buf_reset(&file);
    torch_zip_begin(&z, &file);
    torch_zip_add(&z, "a/data.pkl", "N.", 2);
    torch_zip_add(&z, "a/byteorder", "big", 3);
    torch_zip_end(&z, false);
    assert_fails(fc_ckpt_parse(&c, file.data, file.len, &err), FC_UNSUPPORTED, &err, "big-endian");
    fc_buf_fini(&file);
    assert_fails(fc_ckpt_parse(&c, "<html>", 6, &err), FC_UNSUPPORTED, &err, "web page");
    assert_fails(fc_ckpt_parse(&c, "", 0, &err), FC_UNSUPPORTED, &err, "empty");
}

/* Every byte of a good file changed once: read or refused, never a crash (the sanitizers look). */
static void test_flipped_bytes(void **state)
{
    const fc_st_source tensor = {.name = "x", .dtype = FC_F32, .ndim = 2, .shape = {3, 4}, .data = numbers};
    fc_buf file;
    (void)state;
    begin(&file);
    torch_file(&file, &tensor, 1, true, true);
    int read = 0;
    for (size_t i = 0; i < file.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            fc_ckpt c;
            file.data[i] = (char)(file.data[i] ^ (1 << bit));
            if (fc_ckpt_parse(&c, file.data, file.len, NULL) == FC_OK) {
                read++;
                for (size_t t = 0; t < c.count; t++)
                    assert_true(c.tensors[t].size == c.tensors[t].count * fc_dtype_size(c.tensors[t].dtype));
                fc_ckpt_close(&c);
            }
            file.data[i] = (char)(file.data[i] ^ (1 << bit));
        }
    assert_true(read > 0);
    fc_buf_fini(&file);
}

static fc_status parse_and_close(void *user)
{
    const fc_buf *file = user;
    fc_ckpt c;
    fc_status s = fc_ckpt_parse(&c, file->data, file->len, NULL);
    if (s == FC_OK) fc_ckpt_close(&c);
    return s;
}

static void test_torture(void **state)
{
    fc_buf p, file;
    (void)state;
    one_tensor(&p, 12, 0, 2, (int64_t[]){4, 3}, (int64_t[]){1, 4});
    begin(&file);
    torch_archive(&file, p.data, p.len, numbers, sizeof numbers);
    assert_true(fc_test_torture(parse_and_close, &file) > 3);
    fc_buf_fini(&p);
    fc_buf_fini(&file);
}

/* ---- files of PyTorch before 1.6 ---- */

static void read_golden(const char *name, fc_buf *file)
{
    fc_err err = {0};
    const char *path = fc_test_golden(name);
    assert_non_null(path);
    fc_buf_init(file, 1 << 20);
    assert_ok(fc_file_read(path, file, &err), &err);
}

/* The same tensors, written by torch.save in both layouts; one of them is a view with an offset and a stride
 * of 2. */
static void test_both_layouts(void **state)
{
    (void)state;
    fc_buf zip, old;
    fc_ckpt a, b;
    fc_err err = {0};
    read_golden("v25_inpaint_small.patch", &zip);
    read_golden("v25_inpaint_small_legacy.patch", &old);
    assert_true(fc_ckpt_is(zip.data, 512) && fc_ckpt_is(old.data, 512));
    assert_ok(fc_ckpt_parse(&a, zip.data, zip.len, &err), &err);
    assert_ok(fc_ckpt_parse(&b, old.data, old.len, &err), &err);
    assert_int_equal(a.count, 27); /* nine times values, minimum and maximum */
    assert_int_equal(b.count, a.count);
    for (size_t i = 0; i < a.count; i++) {
        const fc_st_tensor *x = &a.tensors[i], *y = fc_ckpt_find(&b, x->name);
        assert_non_null(y);
        assert_true(x->dtype == y->dtype && x->ndim == y->ndim && x->size == y->size);
        assert_memory_equal(x->shape, y->shape, sizeof x->shape);
        assert_memory_equal(x->data, y->data, x->size);
    }
    fc_ckpt_close(&a);
    fc_ckpt_close(&b);
    fc_buf_fini(&zip);
    fc_buf_fini(&old);
}

static void test_broken_older_files(void **state)
{
    (void)state;
    fc_buf old;
    fc_ckpt c;
    fc_err err = {0};
    read_golden("v25_inpaint_small_legacy.patch", &old);
    for (size_t cut = 15; cut < old.len; cut += cut < 6000 ? 13 : 1021) {
        char *part = fc_alloc(cut); /* of exactly this size, so that sanitizers see a step beyond */
        memcpy(part, old.data, cut);
        fc_status status = fc_ckpt_parse(&c, part, cut, &err);
        assert_true(status == FC_FORMAT && err.message[0]);
        fc_free(part);
    }
    for (size_t at = 15; at < 6000;
         at += 7) { /* flipped bits are refused, or give tensors that can be read */
        old.data[at] ^= 0x15;
        if (fc_ckpt_parse(&c, old.data, old.len, &err) == FC_OK) fc_ckpt_close(&c);
        old.data[at] ^= 0x15;
    }
    char *order = memmem(old.data, 200, "little_endian", 13);
    assert_non_null(order);
    assert_int_equal((unsigned char)order[15], 0x88); /* True */
    order[15] = (char)0x89;
    assert_fails(fc_ckpt_parse(&c, old.data, old.len, &err), FC_UNSUPPORTED, &err, "big-endian");
    fc_buf_fini(&old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_dict),       cmocka_unit_test(test_views),
        cmocka_unit_test(test_bad_tensors),      cmocka_unit_test(test_shapes_of_files),
        cmocka_unit_test(test_malicious),        cmocka_unit_test(test_broken_pickles),
        cmocka_unit_test(test_loops_and_towers), cmocka_unit_test(test_bad_archives),
        cmocka_unit_test(test_flipped_bytes),    cmocka_unit_test(test_torture),
        cmocka_unit_test(test_both_layouts),     cmocka_unit_test(test_broken_older_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
