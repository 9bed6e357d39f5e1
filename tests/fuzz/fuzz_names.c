/* Tensor names of the many-files layout: the first byte chooses the component, every line is a name. Nothing
 * is written beyond its end, and the same name always becomes the same one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nn/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1 << 16 };

static void map_twice(const fc_names *names, const char *line)
{
    fc_canonical_name a = {0}, b = {0};
    bool known = fc_names_map(names, line, &a);
    if (fc_names_map(names, line, &b) != known || (known && strcmp(a.name, b.name) != 0)) abort();
    if (known && (!memchr(a.name, 0, sizeof a.name) || !a.name[0])) abort();
    if (known && a.form == FC_NAME_STACK && (a.part < 0 || a.part > 2)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[MAX_INPUT];
    if (size < 1 || size > MAX_INPUT) return 0;
    fc_names names = {.component = (fc_component)(data[0] % FC_COMPONENT_COUNT), .refiner = data[0] & 0x80};
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    for (int round = 0; round < 2; round++) {
        for (char *line = text; line < text + size; line += strlen(line) + 1) {
            if (round == 0) line[strcspn(line, "\n")] = '\0';
            if (round == 0)
                fc_names_learn(&names, line);
            else
                map_twice(&names, line);
        }
    }
    return 0;
}
