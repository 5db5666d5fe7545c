#!/bin/sh
# The system tests with a firmware built for ThreadSanitizer (make BOARD=native OS=posix TSAN=1): its first report ends
# the process with code 66, which fails the scenario. Where memory lies more at random than it can bear, at fixed places.
# SPDX-License-Identifier: MIT
TSAN_OPTIONS="halt_on_error=1 exitcode=66 suppressions=test/system/tsan.txt${TSAN_OPTIONS:+ $TSAN_OPTIONS}"
export TSAN_OPTIONS
if setarch -R true 2> /dev/null; then
    exec setarch -R "$@"
fi
exec "$@"
