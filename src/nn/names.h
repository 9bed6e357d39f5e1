/* Tensor names of the many-files layout (diffusers, transformers) -> the canonical names of a single file
 * (sgm). The block numbers depend on how many layers a block has, which is read from the names themselves. */
#ifndef FC_NN_NAMES_H
#define FC_NN_NAMES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum fc_component {
    FC_COMPONENT_UNET,
    FC_COMPONENT_CLIP_L,
    FC_COMPONENT_CLIP_G,
    FC_COMPONENT_VAE,
    FC_COMPONENT_COUNT
} fc_component;

typedef enum fc_name_form {
    FC_NAME_PLAIN,
    FC_NAME_STACK,      /* one of three tensors stacked by rows: part 0, 1, 2 */
    FC_NAME_TRANSPOSED, /* a matrix that lies the other way round */
    FC_NAME_CONV        /* a matrix that is a 1x1 convolution there: [out][in][1][1] */
} fc_name_form;

enum { FC_NAME_SIZE = 256, FC_NAMES_MAX_BLOCKS = 32 };

typedef struct fc_names {
    fc_component component;
    bool refiner;               /* CLIP-G is the only text encoder */
    int down_layers;            /* residual blocks of a UNet's down block */
    int up_layers;              /* ... and of an up block */
    int up_blocks;              /* of a VAE's decoder */
    uint32_t up_with_attention; /* bit i: up_blocks.i has attention */
} fc_names;

typedef struct fc_canonical_name {
    char name[FC_NAME_SIZE];
    fc_name_form form;
    int part;
} fc_canonical_name;

/* To be called with every name of the component before the first fc_names_map. */
void fc_names_learn(fc_names *n, const char *name);
/* False when the name means nothing in a single file. */
bool fc_names_map(const fc_names *n, const char *name, fc_canonical_name *out);

#endif
