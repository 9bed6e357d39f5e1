# make install, and the Debian package (make deb): the program; its manual page and shell completions, which
# it writes itself; the systemd unit and the files that Debian wants beside them.
include(GNUInstallDirs)
install(TARGETS fooocus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Where app/common/demo.h looks.
foreach(folder demo box)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/data/${folder}/
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fooocus/${folder} PATTERN README.md EXCLUDE)
endforeach()

set(WRITTEN ${CMAKE_BINARY_DIR}/written)
file(MAKE_DIRECTORY ${WRITTEN})
function(fc_install_output name folder)
  install(CODE "execute_process(COMMAND \"${CMAKE_BINARY_DIR}/fooocus\" ${ARGN}
      OUTPUT_FILE \"${WRITTEN}/${name}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${WRITTEN}/${name} DESTINATION ${folder})
endfunction()
# Without a date inside, so that the same input gives the same package.
function(fc_install_zipped file name folder)
  install(CODE "execute_process(COMMAND gzip -9nc \"${file}\"
      OUTPUT_FILE \"${WRITTEN}/${name}.gz\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${WRITTEN}/${name}.gz DESTINATION ${folder})
endfunction()

install(CODE "execute_process(COMMAND \"${CMAKE_BINARY_DIR}/fooocus\" --man
    OUTPUT_FILE \"${WRITTEN}/fooocus.1\" COMMAND_ERROR_IS_FATAL ANY)")
fc_install_zipped(${WRITTEN}/fooocus.1 fooocus.1 ${CMAKE_INSTALL_MANDIR}/man1)
fc_install_output(fooocus ${CMAKE_INSTALL_DATADIR}/bash-completion/completions --completion bash)
fc_install_output(_fooocus ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions --completion zsh)
fc_install_output(fooocus.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d --completion fish)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/fooocus)
fc_install_zipped(${CMAKE_SOURCE_DIR}/packaging/changelog changelog ${CMAKE_INSTALL_DATADIR}/doc/fooocus)
install(CODE "file(READ \"${CMAKE_SOURCE_DIR}/packaging/fooocus.service\" unit)
    string(REPLACE /usr/bin/fooocus
        \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/fooocus\" unit \"\${unit}\")
    file(WRITE \"${WRITTEN}/fooocus.service\" \"\${unit}\")")
install(FILES ${WRITTEN}/fooocus.service DESTINATION lib/systemd/system)

# The library, its header and what pkg-config asks for: not in the package.
install(TARGETS fooocus_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library EXCLUDE_FROM_ALL)
install(FILES include/fooocus.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library EXCLUDE_FROM_ALL)
configure_file(cmake/fooocus.pc.in ${CMAKE_BINARY_DIR}/fooocus.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/fooocus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library
        EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fooocus)
set(CPACK_PACKAGE_CONTACT "The Fooocus in C developers <developers@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pictures from a sentence, with SDXL models")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "You type a sentence, you get a picture. One program with a command line,
a web page and an HTTP API: text encoders, samplers, refiner, styles and
resolutions chosen as Fooocus chooses them. Runs on a plain processor;
needs no Python and no GPU.
.
Models are not in this package: fooocus setup fetches them.")
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libvulkan1) # graphics cards; opened at run time
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
include(CPack)
