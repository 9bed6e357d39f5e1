/* See base64.h. */
#include "base/base64.h"

#include <openssl/evp.h>
#include <stdint.h>

enum { PIECE = 3 * 16384 }; /* bytes: OpenSSL counts with int */

void fc_base64_encode(const void *data, size_t size, fc_buf *out)
{
    for (size_t at = 0; at < size;) {
        unsigned char text[PIECE / 3 * 4 + 1];
        size_t n = size - at < PIECE ? size - at : PIECE;
        int written = EVP_EncodeBlock(text, (const unsigned char *)data + at, (int)n);
        fc_buf_append(out, text, (size_t)written);
        at += n;
    }
}

/* -1: none */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

bool fc_base64_decode(const char *text, size_t size, fc_buf *out)
{
    uint32_t bits = 0;
    int count = 0;
    size_t i = 0;
    for (; i < size && text[i] != '='; i++) {
        if (text[i] == '\n' || text[i] == '\r' || text[i] == ' ') continue;
        int value = digit(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        fc_buf_putc(out, (char)(bits >> count & 0xff));
    }
    for (; i < size; i++)
        if (text[i] != '=' && text[i] != '\n' && text[i] != '\r' && text[i] != ' ') return false;
    return out->status == FC_OK && count < 6;
}
