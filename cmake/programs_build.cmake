# Build the virtual board's program in FOLDER, or see that it is up to date; whoever builds another product meanwhile waits.
#
#   cmake -DROOT=plugnet's folder -DFOLDER=… -DLWIP=lwIP's folder -P programs_build.cmake
#
# SPDX-License-Identifier: MIT
file(LOCK "${FOLDER}" DIRECTORY GUARD PROCESS TIMEOUT 3600)
set(configure "${CMAKE_COMMAND}" -S "${ROOT}" -B "${FOLDER}" "-DPLUGNET_LWIP_PATH=${LWIP}")
execute_process(COMMAND ${configure} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
if(failed) # the tree was moved, or another generator is wanted
    file(REMOVE_RECURSE "${FOLDER}/CMakeCache.txt" "${FOLDER}/CMakeFiles")
    execute_process(COMMAND ${configure} RESULT_VARIABLE failed OUTPUT_QUIET)
endif()
if(NOT failed)
    execute_process(COMMAND "${CMAKE_COMMAND}" --build "${FOLDER}" --target vboard RESULT_VARIABLE failed OUTPUT_VARIABLE said
                    ERROR_VARIABLE said)
endif()
if(failed)
    message(FATAL_ERROR "the virtual board couldn't be built in ${FOLDER}\n${said}")
endif()
