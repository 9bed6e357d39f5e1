# Sources made at build time. Each block appends to FC_GENERATED_SOURCES (library) or FC_GENERATED_EXE_SOURCES (program).
set(FC_GENERATED_SOURCES)
set(FC_GENERATED_EXE_SOURCES)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
