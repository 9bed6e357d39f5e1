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

#endif
