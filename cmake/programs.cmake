# The virtual board and the PC's end of the cable, for this machine, and what `cmake --install` puts where.
# SPDX-License-Identifier: MIT
plugnet_read_mk(_programs "${PLUGNET_ROOT}" sources.mk OS "")
_plugnet_lwip_path(_programs_lwip)
_plugnet_paths(_programs_vboard "${PLUGNET_ROOT}" "${_programs_SRC_VBOARD}")
_plugnet_paths(_programs_host "${PLUGNET_ROOT}" "${_programs_SRC_HOST}")
_plugnet_paths(_programs_foreign "${_programs_lwip}/src" "${_programs_SRC_HOST_LWIP}")
list(REMOVE_ITEM _programs_host "${PLUGNET_ROOT}/host/main.c")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
add_library(plugnet_host STATIC ${_programs_host} ${_programs_foreign})
target_include_directories(plugnet_host PUBLIC "${PLUGNET_ROOT}" PRIVATE "${PLUGNET_ROOT}/host")
target_include_directories(plugnet_host SYSTEM PRIVATE "${_programs_lwip}/src/include")
set_source_files_properties(${_programs_foreign} PROPERTIES COMPILE_OPTIONS -w)
add_executable(vboard ${_programs_vboard})
target_link_libraries(vboard PRIVATE plugnet_host m)
add_executable(pc host/main.c)
target_link_libraries(pc PRIVATE plugnet_host)
target_compile_definitions(plugnet_host PUBLIC "PLUGNET_VERSION=\"${PLUGNET_VERSION}\"")
set_target_properties(plugnet_host vboard pc PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)

# ---- Installation: programs, and the sources, since each firmware is compiled with options of its own ----

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(_install "${CMAKE_INSTALL_DATADIR}/plugnet")
install(TARGETS vboard RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(PROGRAMS "$<TARGET_FILE:pc>" DESTINATION "${CMAKE_INSTALL_BINDIR}" RENAME plugnet-pc)
install(DIRECTORY board chip cmake net os plugnet store udc update usb wire DESTINATION "${_install}")
install(FILES app/site/update.js DESTINATION "${_install}/app/site") # what a product's site may share
install(FILES cable/cable.h cable/cable_socket.c cable/cable_socket.h cable/fixture.h DESTINATION "${_install}/cable")
install(DIRECTORY tool DESTINATION "${_install}" USE_SOURCE_PERMISSIONS PATTERN __pycache__ EXCLUDE)
install(DIRECTORY testkit/plugnet_testkit DESTINATION "${_install}/testkit" PATTERN __pycache__ EXCLUDE)
install(DIRECTORY docs DESTINATION "${_install}" FILES_MATCHING PATTERN "*.md")
install(FILES README.md CHANGELOG.md LICENSE SECURITY.md sources.mk DESTINATION "${_install}")
# lwIP as it was built with, so that an installed plugnet needs no network.
install(DIRECTORY "${_programs_lwip}/src" DESTINATION "${_install}/build/lwip")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/plugnetConfigVersion.cmake" VERSION "${PLUGNET_VERSION}"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
configure_package_config_file(cmake/plugnetConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/plugnetConfig.cmake"
    INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/plugnet" PATH_VARS _install)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/plugnetConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/plugnetConfigVersion.cmake"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/plugnet")
