/* Text layout: the prompt, "Negative prompt: ...", and one last line of "Label: value" pairs. */
#include "app/output/a1111.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/common/number_text.h"
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "app/output/sampler_name.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_TEXT = 1 << 20, MIN_PAIRS = 3, MAX_TRAILING_LINES = 8 };

/* ---- writing ---- */

/* Whether a reader would cut or trim the value. */
static bool needs_quotes(const char *value)
{
    size_t n = strlen(value);
    return strpbrk(value, ",:\n") || value[0] == '"' || (n > 0 && (value[0] == ' ' || value[n - 1] == ' '));
}

static void put_value(fc_buf *out, const char *value)
{
    if (!needs_quotes(value)) {
        fc_buf_puts(out, value);
        return;
    }
    json_t *text = json_string(value);
    fc_json_write(text, 0, out);
    json_decref(text);
}

static void put_sampler(const json_t *record, const char *id, fc_buf *out)
{
    const char *scheduler = json_string_value(json_object_get(record, FC_RECORD_KEY(scheduler)));
    const char *shown = fc_sampler_shown(id);
    fc_buf_puts(out, shown);
    if (shown != id && scheduler && strcmp(scheduler, "karras") == 0) fc_buf_puts(out, FC_KARRAS_SUFFIX);
}

/* "(1152, 896)" -> "1152x896" */
static void put_size(const char *resolution, fc_buf *out)
{
    for (const char *s = resolution; *s; s++) {
        if (*s >= '0' && *s <= '9') fc_buf_putc(out, *s);
        if (*s == ',') fc_buf_putc(out, 'x');
    }
}

static void put_stem(const char *name, fc_buf *out)
{
    size_t n;
    const char *stem = fc_path_stem(name, &n);
    fc_buf_append(out, stem, n);
}

static bool has_refiner(const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, FC_RECORD_KEY(refiner_model)));
    return name && !fc_str_eq_nocase(name, "none");
}

/* The value as this text has it. */
static void put_shaped(const json_t *record, const fc_record_row *row, const char *plain, fc_buf *out)
{
    if (row->shape == FC_SHAPE_SAMPLER)
        put_sampler(record, plain, out);
    else if (row->shape == FC_SHAPE_SIZE)
        put_size(plain, out);
    else if (row->shape == FC_SHAPE_MODEL && strcmp(plain, row->nothing) != 0)
        put_stem(plain, out);
    else
        fc_buf_puts(out, plain);
}

static void put_pair(const json_t *record, const fc_record_row *row, fc_buf *out)
{
    fc_buf text, value;
    fc_buf_init(&text, MAX_TEXT);
    fc_buf_init(&value, MAX_TEXT);
    bool of_refiner = row->when == FC_RECORD_REFINED || row->when == FC_RECORD_REFINED_CHANGED;
    if ((!of_refiner || has_refiner(record)) && fc_record_text(record, row->key, &text)) {
        put_shaped(record, row, fc_buf_cstr(&text), &value);
        fc_buf_printf(out, "%s: ", row->plain);
        put_value(out, fc_buf_cstr(&value));
        fc_buf_puts(out, ", ");
    }
    if (text.status != FC_OK) out->status = text.status;
    fc_buf_fini(&text);
    fc_buf_fini(&value);
}

/* In the order of their places. */
static void put_pairs(const json_t *record, fc_buf *out)
{
    for (int place = 1; place <= FC_RECORD_LAST; place++)
        for (int i = 0; i < FC_RECORD_COUNT; i++)
            if (fc_record_table[i].plain && fc_record_table[i].plain_place == place)
                put_pair(record, &fc_record_table[i], out);
}

static const char lora_hashes[] = "Lora hashes", lora_weights[] = "Lora weights";

/* One of two lists "name: x, name: y" in quotes: column 1 the weights, column 2 the hashes. */
static void put_loras(const json_t *record, const char *label, size_t column, fc_buf *out)
{
    const json_t *list = json_object_get(record, FC_RECORD_KEY(loras));
    fc_buf text;
    fc_buf_init(&text, MAX_TEXT);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i), *cell = json_array_get(row, column);
        char digits[FC_NUMTEXT_SIZE] = "";
        if (json_is_number(cell)) fc_number_text(json_number_value(cell), digits);
        const char *value = json_is_string(cell) ? json_string_value(cell) : digits;
        fc_buf_printf(&text, "%s%s: %s", i ? ", " : "", json_string_value(json_array_get(row, 0)), value);
    }
    if (text.len) {
        fc_buf_printf(out, "%s: ", label);
        put_value(out, fc_buf_cstr(&text));
        fc_buf_puts(out, ", ");
    }
    fc_buf_fini(&text);
}

/* Without commas at the ends, which a style without words leaves there: readers take them for the prompt's.
 */
static void put_joined(const char *before, const json_t *texts, fc_buf *out)
{
    size_t i;
    json_t *text;
    json_array_foreach(texts, i, text)
    {
        const char *value = json_string_value(text);
        if (!value) continue;
        value += strspn(value, ", ");
        size_t size = strlen(value);
        while (size > 0 && strchr(", ", value[size - 1])) size--;
        if (size == 0) continue;
        fc_buf_puts(out, before);
        fc_buf_append(out, value, size);
        before = ", ";
    }
}

void fc_a1111_write(const json_t *record, fc_buf *out)
{
    const json_t *negative = json_object_get(record, FC_RECORD_KEY(full_negative_prompt));
    put_joined("", json_object_get(record, FC_RECORD_KEY(full_prompt)), out);
    put_joined("\nNegative prompt: ", negative, out);
    fc_buf_putc(out, '\n');
    put_pairs(record, out);
    put_loras(record, lora_hashes, 2, out);
    put_loras(record, lora_weights, 1, out);
    fc_buf_puts(out, "Version: ");
    fc_record_text(record, FC_RECORD_KEY(version), out);
}

/* ---- reading ---- */

typedef struct span {
    const char *at;
    size_t size;
} span;

static bool is_label_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr(" _-/", c) != NULL;
}

/* Behind the list or object that begins at s. */
static const char *json_end(const char *s, const char *end)
{
    int depth = 0;
    for (bool quoted = false; s < end; s++) {
        if (quoted && *s == '\\' && s + 1 < end)
            s++;
        else if (*s == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*s == '[' || *s == '{') - (*s == ']' || *s == '}');
        if (!quoted && depth <= 0) return s + 1;
    }
    return end;
}

/* Reads "Label: value" at *at, whose value may be a JSON text in quotes, and moves behind the comma. */
static bool next_pair(const char **at, const char *end, span *label, span *value)
{
    const char *s = *at;
    while (s < end && (*s == ' ' || *s == ',')) s++;
    label->at = s;
    while (s < end && *s && is_label_letter(*s)) s++;
    label->size = (size_t)(s - label->at);
    if (s >= end || *s != ':' || label->size == 0) return false;
    s++;
    while (s < end && *s == ' ') s++;
    value->at = s;
    if (s < end && (*s == '[' || *s == '{')) {
        s = json_end(s, end);
    } else if (s < end && *s == '"') {
        for (s++; s < end && *s != '"'; s++)
            if (*s == '\\' && s + 1 < end) s++;
        if (s < end) s++;
    } else {
        while (s < end && *s != ',') s++;
    }
    value->size = (size_t)(s - value->at);
    *at = s;
    return true;
}

static json_t *value_text(const span *value)
{
    if (value->size >= 2 && value->at[0] == '"') {
        json_t *text = json_loadb(value->at, value->size, JSON_DECODE_ANY, NULL);
        if (json_is_string(text)) return text;
        json_decref(text);
    }
    return json_stringn(value->at, value->size);
}

static bool is_label(const span *label, const char *text)
{
    return strlen(text) == label->size && memcmp(text, label->at, label->size) == 0;
}

static const fc_record_row *row_of(const span *label)
{
    for (int i = 0; i < FC_RECORD_COUNT; i++)
        if (fc_record_table[i].plain && is_label(label, fc_record_table[i].plain)) return &fc_record_table[i];
    return NULL;
}

/* "1152x896" -> "(1152, 896)" */
static json_t *read_size(const char *text)
{
    const char *x = strchr(text, 'x');
    if (!x) return json_string(text);
    return json_sprintf("(%.*s, %s)", (int)(x - text), text, x + 1);
}

/* Unknown names stay, so that the request can name them in a warning. */
static void put_sampler_read(json_t *record, const char *text)
{
    const char *scheduler, *id = fc_sampler_id(text, &scheduler);
    if (scheduler && !json_object_get(record, FC_RECORD_KEY(scheduler)))
        json_object_set_new(record, FC_RECORD_KEY(scheduler), json_string(scheduler));
    json_object_set_new(record, FC_RECORD_KEY(sampler), json_string(id ? id : text));
}

/* "a: 0.5, b: 1" -> [["a", 0.5], ["b", 1]] */
static json_t *read_loras(const char *text)
{
    json_t *list = json_array();
    for (const char *s = text; *s;) {
        const char *end = strchr(s, ',');
        if (!end) end = s + strlen(s);
        const char *colon = end;
        while (colon > s && *colon != ':') colon--;
        char digits[FC_NUMTEXT_SIZE];
        double weight;
        snprintf(digits, sizeof digits, "%.*s", (int)(end - colon < 31 ? end - colon : 31), colon);
        size_t skip = strspn(digits, ": ");
        if (colon > s && fc_parse_f64(digits + skip, &weight))
            json_array_append_new(list, json_pack("[s%, f]", s, (size_t)(colon - s), weight));
        s = *end ? end + 1 + strspn(end + 1, " ") : end;
    }
    return list;
}

static void take_row(json_t *record, const fc_record_row *row, const char *text)
{
    if (row->shape == FC_SHAPE_SAMPLER)
        put_sampler_read(record, text);
    else
        json_object_set_new(record, row->key,
                            row->shape == FC_SHAPE_SIZE ? read_size(text) : json_string(text));
}

static void take_pair(json_t *record, const span *label, const span *value)
{
    const fc_record_row *row = row_of(label);
    json_t *text = value_text(value);
    const char *plain = json_string_value(text);
    if (!plain) {
        /* not UTF-8: nothing to keep */
    } else if (is_label(label, lora_weights)) {
        json_object_set_new(record, FC_RECORD_KEY(loras), read_loras(plain));
    } else if (row) {
        take_row(record, row, plain);
    } else {
        char name[80];
        snprintf(name, sizeof name, "%.*s", (int)(label->size < 79 ? label->size : 79), label->at);
        fc_foreign_take_label(record, name, plain);
    }
    json_decref(text);
}

/* Number of pairs in a line, which go into record unless that is NULL. */
static int read_pairs(const char *line, const char *end, json_t *record)
{
    span label, value;
    int count = 0;
    while (line < end && next_pair(&line, end, &label, &value)) {
        if (record) take_pair(record, &label, &value);
        count++;
    }
    return count;
}

/* The texts before the settings. They are the prompts when the styles are not known: then they hold them. */
static void take_texts(json_t *record, const char *text, const char *end)
{
    static const char mark[] = "Negative prompt:";
    const char *negative = NULL;
    for (const char *s = text; s < end; s++) {
        bool line_start = s == text || s[-1] == '\n';
        if (line_start && (size_t)(end - s) >= sizeof mark - 1 && memcmp(s, mark, sizeof mark - 1) == 0) {
            negative = s;
            break;
        }
    }
    const char *positive_end = negative ? negative : end;
    while (positive_end > text && positive_end[-1] == '\n') positive_end--;
    while (end > text && end[-1] == '\n') end--;
    json_object_set_new(record, FC_RECORD_KEY(prompt), json_stringn(text, (size_t)(positive_end - text)));
    if (negative && negative < end) {
        negative += sizeof mark - 1;
        while (negative < end && *negative == ' ') negative++;
        json_object_set_new(record, FC_RECORD_KEY(negative_prompt),
                            json_stringn(negative, (size_t)(end - negative)));
    } else {
        json_object_set_new(record, FC_RECORD_KEY(negative_prompt), json_string(""));
    }
    json_object_set_new(record, FC_RECORD_KEY(styles), json_string("[]"));
}

/* The line of settings: the last one, but for what extensions put behind it. *end becomes its end. */
static const char *settings_line(const char *text, const char **end)
{
    const char *last = *end;
    while (last > text && last[-1] != '\n') last--;
    const char *line = last, *line_end = *end;
    for (int i = 0; i < MAX_TRAILING_LINES; i++) {
        if (fc_str_starts(line, "Steps: ")) {
            *end = line_end;
            return line;
        }
        if (line == text) break;
        line_end = --line;
        while (line > text && line[-1] != '\n') line--;
    }
    return last;
}

json_t *fc_a1111_read(const char *text)
{
    const char *end = text + strlen(text);
    if (end - text > MAX_TEXT) return NULL;
    while (end > text && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' ')) end--;
    const char *last = settings_line(text, &end);
    if (read_pairs(last, end, NULL) < MIN_PAIRS) return NULL;
    json_t *record = json_object();
    if (!record) return NULL;
    read_pairs(last, end, record);
    if (!json_object_get(record, FC_RECORD_KEY(styles))) {
        take_texts(record, text, last);
        fc_foreign_finish_labels(record);
    }
    return record;
}
