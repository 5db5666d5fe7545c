/*
 * What a compiler's code for C++ calls, for products in C++: instead of libstdc++, which would bring a heap. Linked only where
 * a product has C++ sources. There is no `new`: it is left undefined, so that the linker names who wants a heap.
 *
 * Source: the Itanium C++ ABI and the C++ ABI for the Arm architecture [unread; names as GCC 12 calls them].
 */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "os/os.h"

extern "C" {

/* A virtual function that no class has defined yet: a call from a constructor. */
void __cxa_pure_virtual(void);
void __cxa_pure_virtual(void)
{
    os_panic_here();
}

#ifdef __arm__
/* A static object's destructor would run at exit; firmware has none. */
int __aeabi_atexit(void *object, void (*destroy)(void *object), void *library);
int __aeabi_atexit(void *object, void (*destroy)(void *object), void *library)
{
    (void)object;
    (void)destroy;
    (void)library;
    return 0;
}

extern void *__dso_handle;
void *__dso_handle;
#endif
}

/* A class with a virtual destructor names these; nothing was ever made by `new`. */
void operator delete(void *) noexcept
{
    os_panic_here();
}

void operator delete(void *, size_t) noexcept
{
    os_panic_here();
}
