/* What a file looks like from its first bytes: people rename, and servers answer with web pages. */
#ifndef FC_FORMAT_SNIFF_H
#define FC_FORMAT_SNIFF_H

#include <stddef.h>

typedef enum fc_file_kind {
    FC_KIND_UNKNOWN,
    FC_KIND_EMPTY,
    FC_KIND_SAFETENSORS,
    FC_KIND_ZIP,    /* what torch.save writes since 2020: .ckpt, .pt, .pth, .bin */
    FC_KIND_PICKLE, /* a bare pickle stream: torch.save before */
    FC_KIND_TAR,
    FC_KIND_GGUF,
    FC_KIND_HDF5,
    FC_KIND_HTML,
    FC_KIND_XML,
    FC_KIND_JSON,
    FC_KIND_LFS_POINTER, /* the stand-in that git leaves without its large-file extension */
    FC_KIND_PNG,
    FC_KIND_JPEG,
    FC_KIND_WEBP,
    FC_KIND_GIF,
    FC_KIND_COUNT
} fc_file_kind;

/* head: the first bytes of the file (512 are enough), head_size of them; 0 = the file is empty. */
fc_file_kind fc_sniff_kind(const void *head, size_t head_size);
const char *fc_kind_name(fc_file_kind kind); /* "a web page (HTML)" */
/* What to do when a model was expected, as a sentence without the final stop. */
const char *fc_kind_advice(fc_file_kind kind);

#endif
