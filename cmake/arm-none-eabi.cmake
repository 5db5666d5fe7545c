# Toolchain file: GCC for Arm Cortex-M, as Debian's package gcc-arm-none-eabi or Arm's own download has it.
#
#   cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=…/cmake/arm-none-eabi.cmake
#
# PLUGNET_TOOLCHAIN_DIR: the folder with arm-none-eabi-gcc, where that isn't in PATH. SPDX-License-Identifier: MIT
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PLUGNET_TOOLCHAIN_DIR)

find_program(PLUGNET_ARM_GCC arm-none-eabi-gcc HINTS "${PLUGNET_TOOLCHAIN_DIR}")
if(NOT PLUGNET_ARM_GCC)
    message(FATAL_ERROR "arm-none-eabi-gcc is missing: install Debian's package gcc-arm-none-eabi, "
                        "or name its folder: -DPLUGNET_TOOLCHAIN_DIR=/path/to/bin")
endif()
get_filename_component(_plugnet_bin "${PLUGNET_ARM_GCC}" DIRECTORY)
set(CMAKE_C_COMPILER "${PLUGNET_ARM_GCC}")
set(CMAKE_ASM_COMPILER "${PLUGNET_ARM_GCC}")
set(CMAKE_CXX_COMPILER "${_plugnet_bin}/arm-none-eabi-g++")
set(CMAKE_EXECUTABLE_SUFFIX .elf)
set(CMAKE_EXECUTABLE_SUFFIX_C .elf)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .elf)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
