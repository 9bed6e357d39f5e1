/* See resolutions.h. */
#include "app/settings/resolutions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const fc_resolution fc_resolutions[FC_RESOLUTION_COUNT] = {
    {704, 1408}, {704, 1344}, {768, 1344}, {768, 1280},  {832, 1216}, {832, 1152}, {896, 1152},
    {896, 1088}, {960, 1088}, {960, 1024}, {1024, 1024}, {1024, 960}, {1088, 960}, {1088, 896},
    {1152, 896}, {1152, 832}, {1216, 832}, {1280, 768},  {1344, 768}, {1344, 704}, {1408, 704},
    {1472, 704}, {1536, 640}, {1600, 640}, {1664, 576},  {1728, 576}};
const fc_resolution fc_resolution_default = {1152, 896};

bool fc_resolution_is_trained(fc_resolution r)
{
    for (int i = 0; i < FC_RESOLUTION_COUNT; i++)
        if (fc_resolutions[i].width == r.width && fc_resolutions[i].height == r.height) return true;
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
    if (trained) *trained = fc_resolution_is_trained(r);
    return FC_OK;
}

/* ---- ratios ---- */

fc_resolution fc_resolution_nearest(int32_t width, int32_t height)
{
    double wanted = (double)width / height, best = HUGE_VAL;
    fc_resolution nearest = fc_resolution_default;
    for (int i = 0; i < FC_RESOLUTION_COUNT; i++) {
        double distance = fabs((double)fc_resolutions[i].width / fc_resolutions[i].height - wanted);
        if (distance >= best) continue;
        best = distance;
        nearest = fc_resolutions[i];
    }
    return nearest;
}

void fc_resolution_label(fc_resolution r, char out[FC_RESOLUTION_TEXT])
{
    snprintf(out, FC_RESOLUTION_TEXT, "%d\xc3\x97%d", (int)r.width, (int)r.height);
}

static int32_t gcd(int32_t a, int32_t b)
{
    while (b) {
        int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void fc_resolution_ratio(fc_resolution r, char out[FC_RESOLUTION_TEXT])
{
    int32_t common = gcd(r.width, r.height);
    if (!common) common = 1;
    snprintf(out, FC_RESOLUTION_TEXT, "%d:%d", (int)(r.width / common), (int)(r.height / common));
}
