/*
 * Images that this tree did not build: each *.elf in the folder $FOREIGN_IMAGES must boot and enumerate, on the board
 * that its name begins with (32l476gdiscovery-cdc_msc.elf), else on the first one.
 *
 * Prints for each what it is by its descriptors, and what the model had to say. Skipped where the variable is unset.
 */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/vboard/tiny_host.h"
#include "vboard/board.h"

static void on_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                     const char *text)
{
    static const char *const names[] = {"reset",   "LEDs",   "serial", "unmodelled",
                                        "warning", "lockup", "trace"};
    (void)context, (void)value;
    if (getenv("FOREIGN_VERBOSE") || event == VBOARD_LOCKUP)
        fprintf(stderr, "# %8.3f %s: %s\n", (double)time_ns / 1e9, names[event], text);
}

static const struct vboard_model *board_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (unsigned i = 0; vboard_models[i]; i++)
        if (strncmp(name, vboard_models[i]->id, strlen(vboard_models[i]->id)) == 0)
            return vboard_models[i];
    return vboard_models[0];
}

/* NULL: fine. */
static const char *image_try(const char *path, char *report, size_t report_size)
{
    static char error[400];
    struct vboard_config config = {.model = board_of(path),
                                   .image = path,
                                   .trace = getenv("FOREIGN_VERBOSE") != NULL,
                                   .event = on_event};
    struct vboard *board = vboard_new(&config, error, sizeof error);
    if (!board)
        return error;
    struct tiny_host host = {.cable = vboard_cable(board)};
    const char *wrong = tiny_attach(&host, 3000) ? tiny_enumerate(&host) : "no pull-up within 3 s";
    if (!wrong)
        tiny_step(&host, 200000000);
    struct vboard_stats stats = vboard_stats(board);
    if (!wrong && stats.locked_up)
        wrong = "the core locked up";
    snprintf(report, report_size,
             "%02x%02x:%02x%02x class %02x, %u bytes of configuration, %u interfaces; configured at %.0f ms, "
             "%llu instructions, %u unmodelled, %u warnings",
             host.device[9], host.device[8], host.device[11], host.device[10], host.device[4],
             host.configuration_length, host.configuration[4], (double)host.now / 1e6 - 200,
             (unsigned long long)stats.instructions, stats.unmodelled, stats.warnings);
    if (wrong)
        snprintf(error, sizeof error, "%s (clock %u Hz, %u resets, %u unmodelled, %u warnings)", wrong,
                 stats.clock_hz, stats.resets, stats.unmodelled, stats.warnings);
    vboard_free(board);
    return wrong ? error : NULL;
}

int main(void)
{
    const char *folder = getenv("FOREIGN_IMAGES");
    if (!folder || !*folder) {
        printf("skip foreign_images: FOREIGN_IMAGES names no folder\n");
        return 0;
    }
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort), failed = 0, tried = 0;
    if (count < 0) {
        printf("not ok foreign_images: %s can't be read\n", folder);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char path[1024], report[400];
        size_t length = strlen(entries[i]->d_name);
        if (length < 5 || strcmp(entries[i]->d_name + length - 4, ".elf") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        const char *wrong = image_try(path, report, sizeof report);
        if (wrong)
            printf("not ok foreign_%s: %s\n", entries[i]->d_name, wrong);
        else
            printf("ok foreign_%s\n# %s\n", entries[i]->d_name, report);
        failed += wrong != NULL;
        tried++;
    }
    if (!tried)
        printf("not ok foreign_images: no *.elf in %s\n", folder);
    return failed || !tried;
}
