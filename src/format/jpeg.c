/* JPEG through libjpeg-turbo. Its errors are long jumps: everything that must survive one lives in a job that
 * the outer function owns. */
#include <stddef.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <string.h>

#include "base/mem.h"
#include "format/image_codec.h"

enum {
    QUALITY = 95,
    MAX_EXIF = 65533 - 6, /* a marker's length field counts itself; "Exif\0\0" comes first */
    /* A progressive file can ask for any number of passes over the picture; real ones have some ten. */
    MAX_SCANS = 100,
    WRITE_BLOCK = 1 << 14,
};

typedef struct jpeg_job {
    struct jpeg_error_mgr errors; /* libjpeg knows the job by this */
    jmp_buf jump;
    fc_err *err;
    fc_status status; /* of the failure that is not libjpeg's own */
    uint8_t *row;     /* one row of CMYK */
    /* decoding */
    const fc_image_source *src;
    fc_pixels *px;
    struct jpeg_progress_mgr progress;
    /* encoding */
    const fc_image *pixels;
    const fc_buf *exif; /* with "Exif\0\0"; empty: none */
    fc_buf *out;
    struct jpeg_destination_mgr destination;
    uint8_t block[WRITE_BLOCK];
} jpeg_job;

static void on_error(j_common_ptr common)
{
    jpeg_job *job = (jpeg_job *)common->err;
    longjmp(job->jump, 1);
}

/* Leaves with a status of our own. */
static void leave(jpeg_job *job, fc_status status)
{
    job->status = status;
    longjmp(job->jump, 1);
}

/* level -1: a warning about broken data, which libjpeg would paint over with grey. A cut file is an error
 * here; other faults (a few wrong bits) are not. */
static void on_message(j_common_ptr common, int level)
{
    jpeg_job *job = (jpeg_job *)common->err;
    if (level < 0 && common->err->msg_code == JWRN_JPEG_EOF)
        leave(job, fc_fail(job->err, FC_FORMAT, "the JPEG picture is cut; get the whole file"));
}

static void use_job(jpeg_job *job, j_common_ptr common)
{
    common->err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
}

/* The failure of a job that has jumped out, as a status. */
static fc_status failure(jpeg_job *job, j_common_ptr common, const char *doing)
{
    char message[JMSG_LENGTH_MAX];
    if (job->status != FC_OK) return job->status;
    if (job->errors.msg_code == JERR_OUT_OF_MEMORY)
        return fc_fail(job->err, FC_NOMEM, "out of memory while %s a JPEG picture", doing);
    job->errors.format_message(common, message);
    return fc_fail(job->err, FC_FORMAT, "the JPEG picture is broken: %s", message);
}

/* ---- encoding ---- */

static void rewind_block(jpeg_job *job)
{
    job->destination.next_output_byte = job->block;
    job->destination.free_in_buffer = sizeof job->block;
}

static void start_output(j_compress_ptr jpeg)
{
    rewind_block((jpeg_job *)jpeg->err);
}

static void append(jpeg_job *job, size_t size)
{
    fc_buf_append(job->out, job->block, size);
    if (job->out->status != FC_OK)
        leave(job, fc_fail(job->err, job->out->status, "no room for the encoded JPEG picture"));
}

static boolean full_block(j_compress_ptr jpeg)
{
    jpeg_job *job = (jpeg_job *)jpeg->err;
    append(job, sizeof job->block); /* all of it, whatever free_in_buffer says: libjpeg's rule */
    rewind_block(job);
    return TRUE;
}

static void end_output(j_compress_ptr jpeg)
{
    jpeg_job *job = (jpeg_job *)jpeg->err;
    append(job, sizeof job->block - job->destination.free_in_buffer);
}

static void write_jpeg(jpeg_job *job, j_compress_ptr jpeg)
{
    const fc_image *img = job->pixels;
    jpeg_create_compress(jpeg);
    job->destination.init_destination = start_output;
    job->destination.empty_output_buffer = full_block;
    job->destination.term_destination = end_output;
    jpeg->dest = &job->destination;
    jpeg->image_width = (JDIMENSION)img->w;
    jpeg->image_height = (JDIMENSION)img->h;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, QUALITY, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg_simple_progression(jpeg);
    jpeg_start_compress(jpeg, TRUE);
    if (job->exif->len)
        jpeg_write_marker(jpeg, JPEG_APP0 + 1, (const JOCTET *)job->exif->data, (unsigned)job->exif->len);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = img->rgb + (size_t)jpeg->next_scanline * (size_t)img->w * 3;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

static bool guarded_write(jpeg_job *job, j_compress_ptr jpeg)
{
    if (setjmp(job->jump)) return false;
    write_jpeg(job, jpeg);
    return true;
}

/* "Exif\0\0" and the block, or nothing. */
static fc_status make_exif(fc_buf *out, const fc_exif *exif, fc_err *err)
{
    if (!exif->user_comment && !exif->software && !exif->maker_note) return FC_OK;
    fc_buf_append(out, "Exif\0\0", 6);
    fc_exif_write(out, exif);
    if (out->status == FC_LIMIT)
        return fc_fail(err, FC_LIMIT,
                       "the picture's parameters are too long for a JPEG file (64 KB); use PNG");
    return out->status == FC_OK ? FC_OK
                                : fc_fail(err, FC_NOMEM, "out of memory while writing a JPEG picture");
}

fc_status fc_jpeg_encode(fc_buf *out, const fc_image *img, const fc_image_notes *notes, fc_err *err)
{
    struct jpeg_compress_struct jpeg = {0};
    fc_buf exif;
    fc_buf_init(&exif, 6 + MAX_EXIF);
    fc_status status = make_exif(&exif, &notes->exif, err);
    jpeg_job *job = NULL;
    if (status != FC_OK) goto out;
    job = fc_calloc(1, sizeof *job);
    if (!job) {
        status = fc_fail(err, FC_NOMEM, "out of memory while writing a JPEG picture");
        goto out;
    }
    job->err = err;
    job->pixels = img;
    job->exif = &exif;
    job->out = out;
    use_job(job, (j_common_ptr)&jpeg);
    if (!guarded_write(job, &jpeg)) status = failure(job, (j_common_ptr)&jpeg, "writing");
    jpeg_destroy_compress(&jpeg);
out:
    fc_free(job);
    fc_buf_fini(&exif);
    return status;
}

/* ---- decoding ---- */

static void on_progress(j_common_ptr common)
{
    jpeg_job *job = (jpeg_job *)common->err;
    if (((j_decompress_ptr)common)->input_scan_number > MAX_SCANS)
        leave(job, fc_fail(job->err, FC_LIMIT, "the JPEG picture has more than %d passes", MAX_SCANS));
}

/* Adobe stores CMYK inverted; 255 is no ink then. */
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, size_t count, bool inverted)
{
    for (size_t i = 0; i < count; i++) {
        unsigned k = inverted ? cmyk[4 * i + 3] : 255u - cmyk[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            unsigned light = inverted ? cmyk[4 * i + c] : 255u - cmyk[4 * i + c];
            rgb[3 * i + c] = (uint8_t)((light * k + 127) / 255);
        }
    }
}

static void read_pixels(jpeg_job *job, j_decompress_ptr jpeg)
{
    const size_t width = (size_t)job->px->w;
    bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    if (cmyk) {
        job->row = fc_alloc(width * 4);
        if (!job->row) leave(job, fc_fail(job->err, FC_NOMEM, "out of memory while reading a JPEG picture"));
    }
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = fc_pixels_row(job->px, (int32_t)jpeg->output_scanline);
        JSAMPROW row = cmyk ? job->row : rgb;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (cmyk) cmyk_to_rgb(rgb, job->row, width, jpeg->saw_Adobe_marker);
    }
    jpeg_finish_decompress(jpeg);
}

static void read_exif(jpeg_job *job, j_decompress_ptr jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        if (m->marker != JPEG_APP0 + 1 || m->data_length < 6 || memcmp(m->data, "Exif\0\0", 6) != 0) continue;
        if (job->src->orientation) *job->src->orientation = fc_exif_orientation(m->data, m->data_length);
        if (!job->src->notes) return;
        fc_status status =
            fc_exif_read(&job->src->notes->exif, m->data, m->data_length, job->src->arena, job->err);
        if (status == FC_NOMEM || status == FC_LIMIT) leave(job, status);
        return; /* a broken block is no reason to refuse the picture */
    }
}

static void read_jpeg(jpeg_job *job, j_decompress_ptr jpeg)
{
    jpeg_create_decompress(jpeg);
    job->progress.progress_monitor = on_progress;
    jpeg->progress = &job->progress;
    jpeg_mem_src(jpeg, job->src->data, (unsigned long)job->src->size);
    if (job->src->notes || job->src->orientation) jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    fc_status status =
        fc_image_start(job->px, job->src, jpeg->image_width, jpeg->image_height, false, job->err);
    if (status != FC_OK) leave(job, status);
    if (job->src->probe) return;
    read_exif(job, jpeg); /* before the end: libjpeg frees its markers there */
    read_pixels(job, jpeg);
}

static bool guarded_read(jpeg_job *job, j_decompress_ptr jpeg)
{
    if (setjmp(job->jump)) return false;
    read_jpeg(job, jpeg);
    return true;
}

fc_status fc_jpeg_decode(fc_pixels *px, const fc_image_source *src, fc_err *err)
{
    struct jpeg_decompress_struct jpeg = {0};
    fc_status status = FC_OK;
    jpeg_job *job = fc_calloc(1, sizeof *job);
    if (!job) return fc_fail(err, FC_NOMEM, "out of memory while reading a JPEG picture");
    job->err = err;
    job->src = src;
    job->px = px;
    use_job(job, (j_common_ptr)&jpeg);
    if (!guarded_read(job, &jpeg)) status = failure(job, (j_common_ptr)&jpeg, "reading");
    jpeg_destroy_decompress(&jpeg);
    fc_free(job->row);
    fc_free(job);
    return status;
}
