/* See resolutions.h. */
#include "app/settings/resolutions.h"

#include <string.h>

/* The 26 that SDXL was trained on and Fooocus offers. */
static const fc_resolution trained_sizes[] = {
    {704, 1408}, {704, 1344}, {768, 1344}, {768, 1280},  {832, 1216}, {832, 1152}, {896, 1152},
    {896, 1088}, {960, 1088}, {960, 1024}, {1024, 1024}, {1024, 960}, {1088, 960}, {1088, 896},
    {1152, 896}, {1152, 832}, {1216, 832}, {1280, 768},  {1344, 768}, {1344, 704}, {1408, 704},
    {1472, 704}, {1536, 640}, {1600, 640}, {1664, 576},  {1728, 576}};

static bool is_trained(fc_resolution r)
{
    for (size_t i = 0; i < sizeof trained_sizes / sizeof *trained_sizes; i++)
        if (trained_sizes[i].width == r.width && trained_sizes[i].height == r.height) return true;
    return false;
}

/* ---- reading ---- */

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t') ++*at;
}

/* 1 to 6 digits. */
static bool read_side(const char **at, int32_t *out)
{
    int32_t value = 0;
    int digits = 0;
    for (; **at >= '0' && **at <= '9' && digits < 7; ++*at, digits++) value = 10 * value + (**at - '0');
    *out = value;
    return digits >= 1 && digits <= 6;
}

/* '*', 'x', 'X', U+00D7, or ',' inside parentheses. */
static bool read_sign(const char **at, bool in_parentheses)
{
    static const char times[] = "\xc3\x97";
    if (!strncmp(*at, times, 2)) {
        *at += 2;
        return true;
    }
    return **at && strchr(in_parentheses ? "*xX," : "*xX", *(*at)++);
}

static bool read_size(const char *text, fc_resolution *r)
{
    const char *at = text;
    skip_blanks(&at);
    bool in_parentheses = *at == '(';
    if (in_parentheses) at++;
    skip_blanks(&at);
    if (!read_side(&at, &r->width)) return false;
    skip_blanks(&at);
    if (!read_sign(&at, in_parentheses)) return false;
    skip_blanks(&at);
    if (!read_side(&at, &r->height)) return false;
    /* behind a blank stands whatever a label has there */
    return in_parentheses ? *at == ')' : !*at || strchr(" \t\r\n<", *at);
}

static int32_t nearest_side(int32_t side)
{
    int32_t rounded = (side + FC_RESOLUTION_UNIT / 2) / FC_RESOLUTION_UNIT * FC_RESOLUTION_UNIT;
    if (rounded < FC_RESOLUTION_MIN) return FC_RESOLUTION_MIN;
    return rounded > FC_RESOLUTION_MAX ? FC_RESOLUTION_MAX : rounded;
}

fc_status fc_resolution_parse(const char *text, fc_resolution *out, bool *trained, fc_err *err)
{
    fc_resolution r;
    if (!read_size(text, &r))
        return fc_fail(err, FC_ARG,
                       "\"%.60s\" is not a picture size; write width and height, for example 1152x896", text);
    fc_resolution good = {nearest_side(r.width), nearest_side(r.height)};
    if (good.width != r.width || good.height != r.height)
        return fc_fail(
            err, FC_ARG,
            "%dx%d: both sides must be multiples of %d from %d to %d; the nearest such size is %dx%d",
            (int)r.width, (int)r.height, FC_RESOLUTION_UNIT, FC_RESOLUTION_MIN, FC_RESOLUTION_MAX,
            (int)good.width, (int)good.height);
    *out = r;
    if (trained) *trained = is_trained(r);
    return FC_OK;
}
