/* The demo model that comes with the program: a tiny SDXL in the layout of models/ (checkpoints, loras,
 * vae_approx). It stands in where no other model is installed. */
#ifndef FC_APP_COMMON_DEMO_H
#define FC_APP_COMMON_DEMO_H

#include <stdbool.h>
#include <stddef.h>

/* Its folder: FOOOCUS_DEMO ("none": there is none), else share/fooocus/demo where the program or
 * libfooocus.so is installed, else data/demo of the source tree that the program was built in. False: there
 * is none. */
bool fc_demo_dir(char *path, size_t size);

/* The folder of small models that come with the program and serve beside the user's own, in the layout of
 * models/ (upscale_models): FOOOCUS_BOX ("none": there is none), else share/fooocus/box or data/box, found as
 * the demo model is. False: there is none. */
bool fc_box_dir(char *path, size_t size);

#endif
