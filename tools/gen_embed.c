/* Build-time tool: files -> C source of a table of embedded files (base/embed.h).
 *   gen_embed OUT.c SYMBOL ROOT NAME...
 * NAMEs are relative to ROOT; the table is sorted by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

#define MAX_EMBEDDED ((size_t)64 << 20) /* bytes of one file */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One string literal a line of the file: readable, and compilers take literals faster than arrays of numbers.
 */
static void write_literal(FILE *f, const char *data, size_t size)
{
    fputc('"', f);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c >= 32 && c < 127 && c != '?')
            fputc(c, f);
        else
            fprintf(f, "\\%03o", c);
        bool cut = c == '\n' || i % 4096 == 4095;
        if (cut && i + 1 < size) fputs("\"\n    \"", f);
    }
    fputc('"', f);
}

static fc_status write_file(FILE *f, const char *root, const char *name, int number, fc_err *err)
{
    char path[4096];
    fc_buf content;
    fc_buf_init(&content, MAX_EMBEDDED);
    fc_status s = fc_path_join(path, sizeof path, root, name);
    if (!s)
        s = fc_file_read(path, &content, err);
    else
        fc_fail(err, s, "%s/%s: the path is too long", root, name);
    if (!s) {
        fprintf(f, "static const char file_%d[] =\n    ", number);
        write_literal(f, fc_buf_cstr(&content), content.len);
        fputs(";\n", f);
    }
    fc_buf_fini(&content);
    return s;
}

static fc_status write_source(FILE *f, const char *symbol, const char *root, char **names, int count,
                              fc_err *err)
{
    fputs("/* Made by tools/gen_embed.c. */\n#include \"base/embed.h\"\n", f);
    fprintf(f, "extern const fc_embedded_set %s;\n", symbol);
    for (int i = 0; i < count; i++) {
        fc_status s = write_file(f, root, names[i], i, err);
        if (s) return s;
    }
    fputs("static const fc_embedded_file files[] = {\n", f);
    for (int i = 0; i < count; i++)
        fprintf(f, "    {\"%s\", file_%d, sizeof file_%d - 1},\n", names[i], i, i);
    fprintf(f, "};\nconst fc_embedded_set %s = {files, %d};\n", symbol, count);
    return FC_OK;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: gen_embed OUT.c SYMBOL ROOT NAME...\n");
        return 2;
    }
    fc_err err = {0};
    FILE *f = fopen(argv[1], "w");
    if (!f) {
        perror(argv[1]);
        return 1;
    }
    qsort(argv + 4, (size_t)argc - 4, sizeof *argv, by_name);
    fc_status s = write_source(f, argv[2], argv[3], argv + 4, argc - 4, &err);
    if (fclose(f) != 0 && !s) s = fc_fail(&err, FC_IO, "cannot write %s", argv[1]);
    if (!s) return 0;
    fprintf(stderr, "gen_embed: %s\n", err.message);
    remove(argv[1]);
    return 1;
}
