/*
 * A small test frame: one program for each test file, one line for each test.
 *
 *   TEST(ntb_empty)                      in test/unit/test_ntb.c
 *   {
 *       CHECK(ntb_check(…) == 0);        leaves the test at once when false
 *       CHECK_EQUAL(table.count, 1);     shows both numbers
 *       CHECK_BYTES(got, wanted, 28);    shows the first byte that differs
 *   }
 *   TEST_MAIN()                          last line of the file
 *
 * Prints "ok NAME", "not ok NAME: why" or "skip NAME: why"; exit code 0 if nothing is "not ok". A test may be
 * left from any depth of helper functions. Arguments choose tests by a part of their name. What a file links
 * is written in its own comment; test/test.mk tells how.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_TEST_H
#define PLUGNET_TEST_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

static struct test *test_first, **test_end = &test_first;
static jmp_buf test_exit;
static char test_why[512];
static const char *test_skipped = "";

#define TEST(NAME)                                                                                           \
    static void test_run_##NAME(void);                                                                       \
    static struct test test_entry_##NAME = {#NAME, test_run_##NAME, NULL};                                   \
    __attribute__((constructor)) static void test_add_##NAME(void)                                           \
    {                                                                                                        \
        *test_end = &test_entry_##NAME;                                                                      \
        test_end = &test_entry_##NAME.next;                                                                  \
    }                                                                                                        \
    static void test_run_##NAME(void)

#define TEST_FAIL(...)                                                                                       \
    do {                                                                                                     \
        int test_length_ = snprintf(test_why, sizeof test_why, "%s:%d: ", __FILE__, __LINE__);               \
        snprintf(test_why + test_length_, sizeof test_why - (size_t)test_length_, __VA_ARGS__);              \
        longjmp(test_exit, 1);                                                                               \
    } while (0)

#define TEST_SKIP(WHY)                                                                                       \
    do {                                                                                                     \
        test_skipped = (WHY);                                                                                \
        longjmp(test_exit, 2);                                                                               \
    } while (0)

#define CHECK(CONDITION)                                                                                     \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            TEST_FAIL("%s", #CONDITION);                                                                     \
    } while (0)

#define CHECK_EQUAL(GOT, WANTED)                                                                             \
    do {                                                                                                     \
        long long test_got_ = (long long)(GOT), test_wanted_ = (long long)(WANTED);                          \
        if (test_got_ != test_wanted_)                                                                       \
            TEST_FAIL("%s is %lld (0x%llx), wanted %lld (0x%llx)", #GOT, test_got_,                          \
                      (unsigned long long)test_got_, test_wanted_, (unsigned long long)test_wanted_);        \
    } while (0)

#define CHECK_STRING(GOT, WANTED)                                                                            \
    do {                                                                                                     \
        const char *test_got_ = (GOT), *test_wanted_ = (WANTED);                                             \
        if (strcmp(test_got_, test_wanted_) != 0)                                                            \
            TEST_FAIL("%s is \"%.120s\", wanted \"%.120s\"", #GOT, test_got_, test_wanted_);                 \
    } while (0)

#define CHECK_BYTES(GOT, WANTED, LENGTH)                                                                     \
    do {                                                                                                     \
        const uint8_t *test_got_ = (const uint8_t *)(GOT), *test_wanted_ = (const uint8_t *)(WANTED);        \
        for (size_t test_i_ = 0; test_i_ < (size_t)(LENGTH); test_i_++)                                      \
            if (test_got_[test_i_] != test_wanted_[test_i_])                                                 \
                TEST_FAIL("%s differs at byte %zu: %02x, wanted %02x", #GOT, test_i_, test_got_[test_i_],    \
                          test_wanted_[test_i_]);                                                            \
    } while (0)

/* 0 passed, 1 failed, 2 skipped. */
static inline int test_one(const struct test *test)
{
    int result = setjmp(test_exit);
    if (result == 0)
        test->run();
    return result;
}

static inline int test_main(int argc, char **argv)
{
    int failed = 0;
    for (const struct test *test = test_first; test != NULL; test = test->next) {
        bool chosen = argc < 2;
        for (int i = 1; i < argc; i++)
            chosen |= strstr(test->name, argv[i]) != NULL;
        if (!chosen)
            continue;
        int result = test_one(test);
        if (result == 0)
            printf("ok %s\n", test->name);
        else if (result == 1)
            printf("not ok %s: %s\n", test->name, test_why);
        else
            printf("skip %s: %s\n", test->name, test_skipped);
        fflush(stdout);
        failed += result == 1;
    }
    return failed != 0;
}

#define TEST_MAIN()                                                                                          \
    int main(int argc, char **argv)                                                                          \
    {                                                                                                        \
        return test_main(argc, argv);                                                                        \
    }

#endif
