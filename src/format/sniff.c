/* File kinds by their first bytes. */
#include "format/sniff.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "format/bytes.h"

static const struct {
    const char *name, *advice;
} kinds[FC_KIND_COUNT] = {
    [FC_KIND_UNKNOWN] = {"a file of an unknown kind", "check that this is the right file"},
    [FC_KIND_EMPTY] = {"an empty file", "download it again"},
    [FC_KIND_SAFETENSORS] = {"a safetensors file", "give it the ending .safetensors"},
    [FC_KIND_ZIP] = {"a zip archive, probably a PyTorch checkpoint",
                     "give it the ending .ckpt or get the .safetensors version"},
    [FC_KIND_PICKLE] = {"a Python pickle, an old PyTorch checkpoint", "get the .safetensors version"},
    [FC_KIND_TAR] = {"a tar archive", "unpack it"},
    [FC_KIND_GGUF] = {"a GGUF model", "get the .safetensors version"},
    [FC_KIND_HDF5] = {"an HDF5 file", "get the .safetensors version"},
    [FC_KIND_HTML] = {"a web page (HTML)",
                      "the download gave a page instead of the file, perhaps to log in; download it again"},
    [FC_KIND_XML] = {"an XML document", "the server probably answered with an error; download it again"},
    [FC_KIND_JSON] = {"a JSON text", "the server probably answered with an error; download it again"},
    [FC_KIND_LFS_POINTER] = {"a Git LFS pointer, not the file itself",
                             "run \"git lfs pull\" in its repository or download the file itself"},
    [FC_KIND_PNG] = {"a PNG picture", "choose a model file"},
    [FC_KIND_JPEG] = {"a JPEG picture", "choose a model file"},
    [FC_KIND_WEBP] = {"a WebP picture", "choose a model file"},
    [FC_KIND_GIF] = {"a GIF picture", "choose a model file"},
};

static const struct {
    fc_file_kind kind;
    uint16_t offset, size;
    const char *bytes;
} signatures[] = {
    {FC_KIND_ZIP, 0, 4, "PK\x03\x04"},
    {FC_KIND_ZIP, 0, 4, "PK\x05\x06"},
    {FC_KIND_GGUF, 0, 4, "GGUF"},
    {FC_KIND_HDF5, 0, 8, "\x89HDF\r\n\x1a\n"},
    {FC_KIND_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
    {FC_KIND_JPEG, 0, 3, "\xff\xd8\xff"},
    {FC_KIND_GIF, 0, 4, "GIF8"},
    {FC_KIND_LFS_POINTER, 0, 23, "version https://git-lfs"},
    {FC_KIND_TAR, 257, 5, "ustar"},
};

static bool starts(const uint8_t *bytes, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (size < n) return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i] >= 'A' && bytes[i] <= 'Z' ? (uint8_t)(bytes[i] + 32) : bytes[i];
        if (c != (uint8_t)text[i]) return false;
    }
    return true;
}

/* Markup and JSON may come after a byte order mark and white space. */
static fc_file_kind text_kind(const uint8_t *bytes, size_t size)
{
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) bytes += 3, size -= 3;
    while (size > 0 && (*bytes == ' ' || *bytes == '\t' || *bytes == '\r' || *bytes == '\n')) bytes++, size--;
    static const char *const html[] = {"<!doctype", "<html", "<head", "<body", "<script", "<!--"};
    for (size_t i = 0; i < sizeof html / sizeof *html; i++)
        if (starts(bytes, size, html[i])) return FC_KIND_HTML;
    if (starts(bytes, size, "<?xml") || starts(bytes, size, "<error")) return FC_KIND_XML;
    if (size >= 2 && (bytes[0] == '{' || bytes[0] == '[') && bytes[1] >= 0x09 && bytes[1] < 0x7f)
        return FC_KIND_JSON;
    return FC_KIND_UNKNOWN;
}

fc_file_kind fc_sniff_kind(const void *head, size_t head_size)
{
    const uint8_t *bytes = head;
    if (head_size == 0) return FC_KIND_EMPTY;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        size_t end = (size_t)signatures[i].offset + signatures[i].size;
        if (head_size >= end &&
            memcmp(bytes + signatures[i].offset, signatures[i].bytes, signatures[i].size) == 0)
            return signatures[i].kind;
    }
    if (head_size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return FC_KIND_WEBP;
    if (head_size >= 9 && bytes[8] == '{' && fc_le64(bytes) <= UINT32_MAX) return FC_KIND_SAFETENSORS;
    if (head_size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return FC_KIND_PICKLE;
    return text_kind(bytes, head_size);
}

const char *fc_kind_name(fc_file_kind kind)
{
    return kinds[(unsigned)kind < FC_KIND_COUNT ? kind : FC_KIND_UNKNOWN].name;
}

const char *fc_kind_advice(fc_file_kind kind)
{
    return kinds[(unsigned)kind < FC_KIND_COUNT ? kind : FC_KIND_UNKNOWN].advice;
}
