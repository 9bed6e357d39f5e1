# The program and its manual page, which the program writes itself; the library, its header and what pkg-config asks for.
include(GNUInstallDirs)
install(TARGETS fooocus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(CODE "execute_process(COMMAND \"${CMAKE_BINARY_DIR}/fooocus\" --man
    OUTPUT_FILE \"${CMAKE_BINARY_DIR}/fooocus.1\" COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${CMAKE_BINARY_DIR}/fooocus.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(TARGETS fooocus_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/fooocus.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/fooocus.pc.in ${CMAKE_BINARY_DIR}/fooocus.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/fooocus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
