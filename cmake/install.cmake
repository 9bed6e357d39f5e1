# The program and its manual page, which the program writes itself.
include(GNUInstallDirs)
install(TARGETS fooocus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(CODE "execute_process(COMMAND \"${CMAKE_BINARY_DIR}/fooocus\" --man
    OUTPUT_FILE \"${CMAKE_BINARY_DIR}/fooocus.1\" COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${CMAKE_BINARY_DIR}/fooocus.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
