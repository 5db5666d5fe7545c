/*
 * The words of the proofs: what every harness is written in.
 *
 * A harness is a function prove_NAME of a file that includes the source it is about. It lets the input be anything,
 * calls the function once, and says what then holds. CBMC looks at all inputs at once. Callees that have a proof of
 * their own may be replaced: contract_F stands for F, checks that F_needs holds, and gives back anything for which
 * F_gives holds; F's own proof assumes F_needs and proves F_gives. table.py says what is replaced, run.py that no link
 * of this chain is missing. See docs/proofs.md.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_PROOF_H
#define PLUGNET_TEST_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From here on only what the condition allows. */
#define ASSUME(condition) __CPROVER_assume(condition)

/* PROVE: it must hold for every input. REACHED: some input must come here, so that the proof isn't empty; this is asked for
 * in a run of its own, as a claim that must turn out wrong. */
#ifndef PLUGNET_PROOF_MARKS
#define PROVE(condition) __CPROVER_assert(condition, #condition)
#define REACHED(what)    ((void)0)
#else
#define PROVE(condition) ((void)(condition))
#define REACHED(what)    __CPROVER_assert(false, "reached: " what)
#endif

/* True if `length` bytes may be read, or written, from `bytes` on. */
#define READABLE(bytes, length) ((length) == 0 || __CPROVER_r_ok(bytes, length))
#define WRITABLE(bytes, length) ((length) == 0 || __CPROVER_w_ok(bytes, length))

/* True if `count` bytes from `at` on are some of the `length` bytes from `bytes` on. */
#define INSIDE(at, count, bytes, length)                                                                     \
    (__CPROVER_same_object(at, bytes) && __CPROVER_POINTER_OFFSET(at) >= __CPROVER_POINTER_OFFSET(bytes) &&  \
     __CPROVER_POINTER_OFFSET(at) + (count) <= __CPROVER_POINTER_OFFSET(bytes) + (length))

#ifndef PLUGNET_PROOF /* editors and compilers: CBMC has these itself */
void __CPROVER_assume(bool condition);
void __CPROVER_assert(bool condition, const char *what);
bool __CPROVER_r_ok(const void *bytes, size_t length);
bool __CPROVER_w_ok(const void *bytes, size_t length);
bool __CPROVER_same_object(const void *a, const void *b);
size_t __CPROVER_POINTER_OFFSET(const void *at);
#endif

/* Anything: CBMC gives functions of these names any result. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
size_t nondet_size(void);

/* A number of 0 to `most`. */
static inline size_t any_size(size_t most)
{
    size_t size = nondet_size();

    ASSUME(size <= most);
    return size;
}

/* Exactly `length` bytes of anything: one more is out of bounds. */
static inline void *any_bytes(size_t length)
{
    void *bytes = malloc(length);

    ASSUME(bytes != NULL);
    return bytes;
}

#endif
