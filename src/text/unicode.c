/* Character properties and string mappings of Python 3.10 (Unicode 13.0) on top of utf8proc. */
#include "text/unicode.h"

#include <utf8proc.h>

#include "text/unicode13.inc"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool in_ranges(const uint32_t (*ranges)[2], size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle][1] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low][0] <= c;
}

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool fc_unicode_is_other(uint32_t c)
{
    return !in_ranges(unicode13_ranges, COUNT(unicode13_ranges), c);
}

bool fc_unicode_is_space(uint32_t c)
{
    static const uint32_t spaces[][2] = {
        {9, 13},          {28, 32},         {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
    return in_ranges(spaces, COUNT(spaces), c);
}

bool fc_unicode_is_letter(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool fc_unicode_is_number(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool fc_unicode_is_punctuation(uint32_t c)
{
    static const uint32_t ascii[][2] = {{33, 47}, {58, 64}, {91, 96}, {123, 126}};
    utf8proc_category_t k = category(c);
    return in_ranges(ascii, COUNT(ascii), c) || (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO);
}

bool fc_unicode_is_nonspacing(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_MN;
}

bool fc_unicode_is_ideograph(uint32_t c)
{
    static const uint32_t ideographs[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                             {0x20000, 0x2a6df}, {0x2a700, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    return in_ranges(ideographs, COUNT(ideographs), c);
}

/* Digits of a script stand in ascending order, ten to a set, and sets may be neighbours: the place in the run
 * of digits tells the value. */
int fc_unicode_decimal(uint32_t c)
{
    if (c >= '0' && c <= '9') return (int)(c - '0');
    if (category(c) != UTF8PROC_CATEGORY_ND || fc_unicode_is_other(c)) return -1;
    uint32_t start = c;
    while (category(start - 1) == UTF8PROC_CATEGORY_ND) start--;
    return (int)((c - start) % 10);
}

/* ---- lower case ---------------------------------------------------------------------------------------- */

/* Cased letters outside the categories Lu, Ll, Lt (Other_Lowercase and Other_Uppercase of Unicode 13.0). */
static const uint32_t cased_ranges[][2] = {
    {0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},   {0x2e0, 0x2e4},
    {0x345, 0x345},     {0x37a, 0x37a},     {0x1d2c, 0x1d6a},   {0x1d78, 0x1d78}, {0x1d9b, 0x1dbf},
    {0x2071, 0x2071},   {0x207f, 0x207f},   {0x2090, 0x209c},   {0x2160, 0x217f}, {0x24b6, 0x24e9},
    {0x2c7c, 0x2c7d},   {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f8, 0xa7f9}, {0xab5c, 0xab5f},
    {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189},
};

/* Case-ignorable characters outside the categories Mn, Me, Cf, Lm, Sk (Word_Break MidLetter, MidNumLet,
 * Single_Quote). */
static const uint32_t ignorable_ranges[][2] = {
    {0x27, 0x27},     {0x2e, 0x2e},     {0x3a, 0x3a},     {0xb7, 0xb7},
    {0x387, 0x387},   {0x55f, 0x55f},   {0x5f4, 0x5f4},   {0x2018, 0x2019},
    {0x2024, 0x2024}, {0x2027, 0x2027}, {0xfe13, 0xfe13}, {0xfe52, 0xfe52},
    {0xfe55, 0xfe55}, {0xff07, 0xff07}, {0xff0e, 0xff0e}, {0xff1a, 0xff1a},
};

static bool is_cased(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LT) ||
           in_ranges(cased_ranges, COUNT(cased_ranges), c);
}

static bool is_case_ignorable(uint32_t c)
{
    switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return in_ranges(ignorable_ranges, COUNT(ignorable_ranges), c);
    }
}

/* Whether the capital sigma at position i ends a word: a cased letter before it and none behind, looking
 * through case-ignorable characters. */
static bool is_final_sigma(const fc_codes *in, size_t i)
{
    size_t before = i, after = i + 1;
    while (before > 0 && is_case_ignorable(in->data[before - 1])) before--;
    if (before == 0 || !is_cased(in->data[before - 1])) return false;
    while (after < in->len && is_case_ignorable(in->data[after])) after++;
    return after == in->len || !is_cased(in->data[after]);
}

void fc_unicode_lower(const fc_codes *in, fc_codes *out)
{
    const uint32_t capital_sigma = 0x3a3, small_sigma = 0x3c3, final_sigma = 0x3c2;
    const uint32_t dotted_capital_i = 0x130, dot_above = 0x307;
    for (size_t i = 0; i < in->len; i++) {
        uint32_t c = in->data[i];
        if (c == capital_sigma) {
            fc_codes_push(out, is_final_sigma(in, i) ? final_sigma : small_sigma);
        } else if (c == dotted_capital_i) {
            fc_codes_push(out, 'i');
            fc_codes_push(out, dot_above);
        } else {
            fc_codes_push(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
        }
    }
}

/* ---- normal forms -------------------------------------------------------------------------------------- */

static unsigned combining_class(uint32_t c)
{
    return (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* Sorts a run of combining marks by class, stably: one pass over the run per class keeps long hostile runs
 * linear. */
static void order_run(uint32_t *run, size_t count, fc_codes *scratch)
{
    bool sorted = true;
    for (size_t i = 1; i < count; i++)
        sorted = sorted && combining_class(run[i - 1]) <= combining_class(run[i]);
    if (sorted) return;
    scratch->len = 0;
    for (unsigned rank = 1; rank < 255; rank++)
        for (size_t i = 0; i < count; i++)
            if (combining_class(run[i]) == rank) fc_codes_push(scratch, run[i]);
    for (size_t i = 0; i < scratch->len; i++) run[i] = scratch->data[i];
}

static void order_marks(fc_codes *text)
{
    fc_codes scratch;
    fc_codes_init(&scratch, text->max);
    for (size_t i = 0; i < text->len;) {
        size_t run = i;
        while (run < text->len && combining_class(text->data[run]) != 0) run++;
        order_run(text->data + i, run - i, &scratch);
        i = run + 1;
    }
    if (scratch.status) text->status = scratch.status;
    fc_codes_fini(&scratch);
}

void fc_unicode_decompose(const fc_codes *in, fc_codes *out)
{
    for (size_t i = 0; i < in->len; i++) {
        utf8proc_int32_t parts[8]; /* canonical decompositions have at most 4 */
        int boundary = 0;
        utf8proc_ssize_t count =
            utf8proc_decompose_char((utf8proc_int32_t)in->data[i], parts, 8, UTF8PROC_DECOMPOSE, &boundary);
        for (utf8proc_ssize_t k = 0; k < count && k < 8; k++) fc_codes_push(out, (uint32_t)parts[k]);
    }
    if (!out->status) order_marks(out);
}

void fc_unicode_compose(const fc_codes *in, fc_codes *out)
{
    fc_unicode_decompose(in, out);
    if (out->status || out->len == 0) return;
    utf8proc_ssize_t len = utf8proc_normalize_utf32((utf8proc_int32_t *)out->data, (utf8proc_ssize_t)out->len,
                                                    UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (len >= 0) out->len = (size_t)len;
}
