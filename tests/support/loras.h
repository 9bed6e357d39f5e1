/* LoRA files of tests. */
#ifndef FC_TESTS_LORAS_H
#define FC_TESTS_LORAS_H

/* The file of 2.5.5's kinds (v25_lora_full) without its DoRA magnitude, which the reference does not know, in
 * the tests' own folder. */
const char *fc_test_lora_without_magnitudes(void);
/* lora_kohya.safetensors without what changes text encoders. */
const char *fc_test_lora_of_unet(void);

#endif
