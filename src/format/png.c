/* PNG through libpng. Its errors are long jumps: everything that must survive one lives in a job that the
 * outer function owns, and the inner functions between setjmp and longjmp hold nothing. */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/image_codec.h"

enum {
    MAX_CHUNK = 16 << 20, /* bytes of one text, also when it is compressed */
    MAX_CHUNKS = 1000,
    /* What libpng may allocate for one file, all in all. It believes the lengths that chunks claim, and only
     * warns when they are over MAX_CHUNK. Rows and texts of real files need a small part of this. */
    READ_BUDGET = 64 << 20,
    MAX_KEY = 79, /* the format's limit */
    /* zlib level. A noisy 1024 x 1024 picture: level 6 (the default) 1.7 s, 1443 KB; 4: 0.6 s, 1439 KB; 1:
       0.24 s, 1698 KB. */
    COMPRESSION = 4,
};

typedef struct png_job {
    png_structp png;
    png_infop info;
    png_bytepp rows;
    fc_err *err;
    fc_status status; /* of the failure that is not libpng's own */
    bool out_of_memory, over_budget;
    size_t budget; /* bytes that libpng may still allocate */
    char message[200];
    /* decoding */
    const fc_image_source *src;
    size_t position;
    fc_pixels *px;
    /* encoding */
    const fc_image *pixels;
    const fc_image_notes *notes;
    fc_buf *out;
    fc_arena texts;
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    size_t n = strnlen(message, sizeof job->message - 1);
    memcpy(job->message, message, n);
    job->message[n] = '\0';
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message; /* what libpng can live with, we can */
}

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    png_job *job = png_get_mem_ptr(png);
    if (size > job->budget) {
        job->over_budget = true;
        return NULL;
    }
    job->budget -= size;
    void *p = fc_alloc(size);
    job->out_of_memory = job->out_of_memory || !p;
    return p;
}

static void release(png_structp png, png_voidp p)
{
    (void)png;
    fc_free(p);
}

/* Leaves with a status of our own. */
static void leave(png_job *job, fc_status status)
{
    job->status = status;
    png_error(job->png, "stopped");
}

/* The failure of a job that has jumped out, as a status. */
static fc_status failure(png_job *job, const char *doing)
{
    /* First, because libpng loses its place in the file when it cannot store a text. */
    if (job->out_of_memory) return fc_fail(job->err, FC_NOMEM, "out of memory while %s a PNG picture", doing);
    if (job->over_budget)
        return fc_fail(job->err, FC_LIMIT, "the PNG picture's texts claim more than %d MB",
                       READ_BUDGET >> 20);
    if (job->status != FC_OK) return job->status;
    return fc_fail(job->err, FC_FORMAT, "the PNG picture is broken: %s", job->message);
}

/* ---- encoding ---- */

/* A text as Latin-1 in the arena; NULL when it has other characters (or memory is out, which the arena
 * remembers). */
static char *to_latin1(fc_arena *arena, const char *utf8)
{
    size_t n = strlen(utf8), used = 0;
    char *out = fc_arena_alloc(arena, n + 1);
    for (size_t i = 0; out && i < n;) {
        uint32_t c;
        i += fc_utf8_decode(utf8 + i, n - i, &c);
        if (c > 0xff) return NULL;
        out[used++] = (char)c;
    }
    return out;
}

static fc_status make_text(png_job *job, const fc_image_text *text, png_text *out)
{
    char *key = to_latin1(&job->texts, text->key);
    if (job->texts.status == FC_OK && (!key || !*key || strlen(key) > MAX_KEY))
        return fc_fail(job->err, FC_ARG, "\"%s\" cannot name a text in a PNG file", text->key);
    char *latin1 = to_latin1(&job->texts, text->value), *utf8 = NULL;
    if (!latin1) utf8 = fc_arena_strdup(&job->texts, text->value);
    if (job->texts.status != FC_OK)
        return fc_fail(job->err, job->texts.status, "the PNG picture's texts need too much memory");
    *out = (png_text){.compression = latin1 ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
                      .key = key,
                      .text = latin1 ? latin1 : utf8,
                      .text_length = latin1 ? strlen(latin1) : 0,
                      .itxt_length = latin1 ? 0 : strlen(utf8)};
    return FC_OK;
}

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    png_job *job = png_get_io_ptr(png);
    fc_buf_append(job->out, data, size);
    if (job->out->status != FC_OK)
        leave(job, fc_fail(job->err, job->out->status, "no room for the encoded PNG picture"));
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void write_png(png_job *job)
{
    const fc_image *img = job->pixels;
    png_set_write_fn(job->png, job, write_bytes, flush_nothing);
    png_set_compression_level(job->png, COMPRESSION);
    png_set_IHDR(job->png, job->info, (png_uint_32)img->w, (png_uint_32)img->h, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (size_t i = 0; i < job->notes->text_count; i++) {
        png_text text;
        fc_status status = make_text(job, &job->notes->texts[i], &text);
        if (status != FC_OK) leave(job, status);
        png_set_text(job->png, job->info, &text, 1);
    }
    png_write_info(job->png, job->info);
    for (int32_t y = 0; y < img->h; y++) png_write_row(job->png, img->rgb + (size_t)y * (size_t)img->w * 3);
    png_write_end(job->png, job->info);
}

static bool guarded_write(png_job *job)
{
    if (setjmp(png_jmpbuf(job->png))) return false;
    write_png(job);
    return true;
}

fc_status fc_png_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes, fc_err *err)
{
    png_job job = {.err = err, .pixels = img, .notes = notes, .out = out, .budget = SIZE_MAX};
    fc_arena_init(&job.texts, 4 * (size_t)MAX_CHUNK);
    fc_status status = FC_OK;
    job.png =
        png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, allocate, release);
    if (job.png) job.info = png_create_info_struct(job.png);
    if (!job.info)
        status = fc_fail(err, FC_NOMEM, "out of memory while writing a PNG picture");
    else if (!guarded_write(&job))
        status = failure(&job, "writing");
    if (job.png) png_destroy_write_struct(&job.png, &job.info);
    fc_arena_fini(&job.texts);
    return status;
}

/* ---- decoding ---- */

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    png_job *job = png_get_io_ptr(png);
    if (size > job->src->size - job->position)
        leave(job, fc_fail(job->err, FC_FORMAT, "the PNG picture is cut; get the whole file"));
    memcpy(out, job->src->data + job->position, size);
    job->position += size;
}

static bool is_transparent(png_structp png, png_infop info)
{
    return (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
}

/* Any kind of PNG becomes 8-bit RGB, or RGBA. */
static void set_transforms(png_structp png, png_infop info, bool alpha)
{
    int color = png_get_color_type(png, info);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
    if (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_gray_to_rgb(png);
    if (alpha && png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
    if (!alpha) png_set_strip_alpha(png);
    png_set_interlace_handling(png);
}

static void read_pixels(png_job *job)
{
    png_structp png = job->png;
    fc_pixels *px = job->px;
    set_transforms(png, job->info, px->channels == 4);
    png_read_update_info(png, job->info);
    size_t stride = fc_pixels_stride(px);
    if (png_get_rowbytes(png, job->info) != stride) png_error(png, "unexpected row size");
    job->rows = fc_alloc((size_t)px->h * sizeof *job->rows);
    if (!job->rows) leave(job, fc_fail(job->err, FC_NOMEM, "out of memory while reading a PNG picture"));
    for (int32_t y = 0; y < px->h; y++) job->rows[y] = fc_pixels_row(px, y);
    png_read_image(png, job->rows);
}

/* tEXt and zTXt are Latin-1, iTXt is UTF-8. -> NULL when it is broken */
static const char *text_value(const png_job *job, const png_text *text)
{
    fc_arena *arena = job->src->arena;
    if (text->compression == PNG_ITXT_COMPRESSION_NONE || text->compression == PNG_ITXT_COMPRESSION_zTXt) {
        size_t n = strnlen(text->text, text->itxt_length);
        return fc_utf8_valid(text->text, n) ? fc_arena_strndup(arena, text->text, n) : NULL;
    }
    size_t n = strnlen(text->text, text->text_length), used = 0;
    char *out = fc_arena_array(arena, n + 1, 2);
    for (size_t i = 0; out && i < n; i++) used += fc_utf8_encode((unsigned char)text->text[i], out + used);
    return out;
}

static void read_texts(png_job *job)
{
    fc_image_notes *notes = job->src->notes;
    png_textp texts;
    int count = 0;
    png_get_text(job->png, job->info, &texts, &count);
    if (!notes || count <= 0) return;
    fc_image_text *out = fc_arena_array(job->src->arena, (size_t)count, sizeof *out);
    for (int i = 0; out && i < count; i++) {
        size_t n = strlen(texts[i].key);
        const char *value =
            fc_utf8_valid(texts[i].key, n) && texts[i].text ? text_value(job, &texts[i]) : NULL;
        if (!value) continue;
        out[notes->text_count].key = fc_arena_strndup(job->src->arena, texts[i].key, n);
        out[notes->text_count++].value = value;
    }
    notes->texts = out;
    if (job->src->arena->status != FC_OK)
        leave(job,
              fc_fail(job->err, job->src->arena->status, "the PNG picture's texts need too much memory"));
}

static void read_orientation(png_job *job)
{
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (job->src->orientation && png_get_eXIf_1(job->png, job->info, &size, &exif) && exif)
        *job->src->orientation = fc_exif_orientation(exif, size);
}

static void read_png(png_job *job)
{
    png_structp png = job->png;
    png_set_read_fn(png, job, read_bytes);
    png_set_user_limits(png, 0x7fffffff,
                        0x7fffffff); /* fc_image_start judges the size, with a better message */
    png_set_chunk_malloc_max(png, MAX_CHUNK);
    png_set_chunk_cache_max(png, MAX_CHUNKS);
    png_read_info(png, job->info);
    fc_status status =
        fc_image_start(job->px, job->src, png_get_image_width(png, job->info),
                       png_get_image_height(png, job->info), is_transparent(png, job->info), job->err);
    if (status != FC_OK) leave(job, status);
    if (job->src->probe) return;
    read_pixels(job);
    png_read_end(png, job->info);
    read_texts(job);
    read_orientation(job);
}

static bool guarded_read(png_job *job)
{
    if (setjmp(png_jmpbuf(job->png))) return false;
    read_png(job);
    return true;
}

fc_status fc_png_decode(fc_pixels *px, const fc_image_source *src, fc_err *err)
{
    png_job job = {.err = err, .src = src, .px = px, .budget = READ_BUDGET};
    fc_status status = FC_OK;
    job.png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning, &job, allocate, release);
    if (job.png) job.info = png_create_info_struct(job.png);
    if (!job.info)
        status = fc_fail(err, FC_NOMEM, "out of memory while reading a PNG picture");
    else if (!guarded_read(&job))
        status = failure(&job, "reading");
    if (job.png) png_destroy_read_struct(&job.png, &job.info, NULL);
    fc_free(job.rows);
    return status;
}
