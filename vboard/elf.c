/*
 * Loads an image. Every offset and length of the file is checked against the file's size and against the chip's
 * memory before a byte is used; what doesn't fit is refused with one line that says why.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "wire/le.h"

#define FILE_MAX    (64u << 20) /* an ELF with debug information is large; this is far more */
#define SEGMENT_MAX 64
#define SYMBOL_MAX  200000

struct file {
    const char *path;
    uint8_t *bytes;
    size_t size;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct file *file, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(file->error, file->error_size, "%s: ", file->path);
    if (used >= 0 && (size_t)used < file->error_size) {
        va_start(arguments, format);
        vsnprintf(file->error + used, file->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return false;
}

static bool file_read(struct file *file)
{
    FILE *stream = fopen(file->path, "rb");
    if (!stream)
        return refuse(file, "%s", strerror(errno));
    bool ok = false;
    long size = -1;
    struct stat status;
    if (fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode) && fseek(stream, 0, SEEK_END) == 0)
        size = ftell(stream);
    if (size < 0 || fseek(stream, 0, SEEK_SET) != 0) {
        refuse(file, "not a file");
    } else if ((unsigned long)size > FILE_MAX) {
        refuse(file, "too large (%ld bytes)", size);
    } else {
        file->size = (size_t)size;
        file->bytes = malloc(file->size + 1);
        ok = file->bytes && fread(file->bytes, 1, file->size, stream) == file->size;
        if (!ok)
            refuse(file, "can't be read");
    }
    fclose(stream);
    return ok;
}

static bool inside(const struct file *file, uint64_t offset, uint64_t length)
{
    return offset <= file->size && length <= file->size - offset;
}

static bool in_ram(const struct image_place *place, uint32_t address, uint32_t size)
{
    for (unsigned i = 0; i < 4 && place->ram[i].size; i++)
        if (address >= place->ram[i].base && address - place->ram[i].base <= place->ram[i].size &&
            size <= place->ram[i].size - (address - place->ram[i].base))
            return true;
    return false;
}

/* One PT_LOAD segment: its bytes go to its physical address, which must be flash. */
static bool segment_load(struct file *file, const uint8_t *header, const struct image_place *place,
                         struct image *image)
{
    uint32_t offset = load_le32(header + 4), virtual = load_le32(header + 8),
             physical = load_le32(header + 12);
    uint32_t file_size = load_le32(header + 16), memory_size = load_le32(header + 20);
    if (!inside(file, offset, file_size))
        return refuse(file, "truncated: a segment ends beyond the end of the file");
    if (file_size > memory_size)
        return refuse(file, "a segment has more bytes in the file than in memory");
    if (file_size == 0) {
        if (memory_size && !in_ram(place, virtual, memory_size) &&
            virtual - place->flash_base >= place->flash_size)
            return refuse(file, "a segment of %u bytes at 0x%08x lies outside flash and RAM", memory_size,
                          virtual);
        return true;
    }
    if (physical - place->flash_base >= place->flash_size)
        return refuse(file, "a segment at 0x%08x lies outside the flash (0x%08x, %u KiB)", physical,
                      place->flash_base, place->flash_size / 1024);
    if (file_size > place->flash_size - (physical - place->flash_base))
        return refuse(file, "too large: a segment of %u bytes at 0x%08x ends beyond the flash", file_size,
                      physical);
    if (memory_size && physical != virtual && !in_ram(place, virtual, memory_size))
        return refuse(file, "a segment of %u bytes at 0x%08x lies outside the RAM", memory_size, virtual);
    memcpy(place->flash + (physical - place->flash_base), file->bytes + offset, file_size);
    image->bytes += file_size;
    return true;
}

static int symbol_order(const void *left, const void *right)
{
    const struct image_symbol *a = left, *b = right;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->size == 0) - (b->size == 0);
}

/* Symbols are a help, not a condition: a broken table is as good as none. */
static void symbols_load(const struct file *file, struct image *image)
{
    uint32_t table = load_le32(file->bytes + 32), count = load_le16(file->bytes + 48);
    if (load_le16(file->bytes + 46) != sizeof(Elf32_Shdr) ||
        !inside(file, table, (uint64_t)count * sizeof(Elf32_Shdr)))
        return;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *section = file->bytes + table + i * sizeof(Elf32_Shdr);
        if (load_le32(section + 4) != SHT_SYMTAB)
            continue;
        uint32_t offset = load_le32(section + 16), size = load_le32(section + 20),
                 link = load_le32(section + 24);
        uint32_t entries = size / sizeof(Elf32_Sym);
        if (!inside(file, offset, size) || link >= count || entries > SYMBOL_MAX)
            return;
        const uint8_t *strings = file->bytes + table + link * sizeof(Elf32_Shdr);
        uint32_t names = load_le32(strings + 16), names_size = load_le32(strings + 20);
        if (!inside(file, names, names_size) || names_size == 0)
            return;
        image->names = malloc((size_t)names_size + 1);
        image->symbols = calloc(entries ? entries : 1, sizeof *image->symbols);
        if (!image->names || !image->symbols)
            return;
        memcpy(image->names, file->bytes + names, names_size);
        image->names[names_size] = 0;
        for (uint32_t n = 0; n < entries; n++) {
            const uint8_t *entry = file->bytes + offset + n * sizeof(Elf32_Sym);
            uint32_t name = load_le32(entry), value = load_le32(entry + 4);
            unsigned type = entry[12] & 0xFu, shndx = load_le16(entry + 14);
            if (name >= names_size || !image->names[name] || image->names[name] == '$' ||
                shndx == SHN_UNDEF || type > STT_FUNC)
                continue;
            image->symbols[image->symbol_count++] =
                (struct image_symbol){type == STT_FUNC ? value & ~1u : value, load_le32(entry + 8),
                                      type == STT_FUNC, image->names + name};
        }
        qsort(image->symbols, image->symbol_count, sizeof *image->symbols, symbol_order);
        return;
    }
}

static bool elf_load(struct file *file, const struct image_place *place, struct image *image)
{
    const uint8_t *b = file->bytes;
    if (b[EI_DATA] == ELFDATA2LSB && load_le16(b + 18) != EM_ARM) /* at 18 in 64-bit ELFs, too */
        return refuse(file, "an ELF, but not for Arm (machine %u)", load_le16(b + 18));
    if (b[EI_CLASS] != ELFCLASS32 || b[EI_DATA] != ELFDATA2LSB)
        return refuse(file, "not a 32-bit little-endian ELF");
    if (load_le16(b + 16) != ET_EXEC)
        return refuse(file, "an Arm ELF, but not an executable image (type %u): not linked?",
                      load_le16(b + 16));
    uint32_t table = load_le32(b + 28), count = load_le16(b + 44);
    if (load_le16(b + 42) != sizeof(Elf32_Phdr) || count == 0 || count > SEGMENT_MAX)
        return refuse(file, "an ELF without a usable table of segments");
    if (!inside(file, table, (uint64_t)count * sizeof(Elf32_Phdr)))
        return refuse(file, "truncated: the table of segments ends beyond the end of the file");
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *header = b + table + i * sizeof(Elf32_Phdr);
        if (load_le32(header) == PT_LOAD && !segment_load(file, header, place, image))
            return false;
    }
    symbols_load(file, image);
    return true;
}

/* The first two words of flash: a stack in RAM, a Thumb address in flash. */
static bool vectors_check(struct file *file, const struct image_place *place)
{
    uint32_t stack = load_le32(place->flash), entry = load_le32(place->flash + 4);
    if (stack == 0xFFFFFFFFu && entry == 0xFFFFFFFFu)
        return refuse(file, "no vector table: nothing lies at 0x%08x", place->flash_base);
    if (!in_ram(place, stack, 0))
        return refuse(file, "no vector table at 0x%08x: the stack pointer would be 0x%08x", place->flash_base,
                      stack);
    if (!(entry & 1u) || entry - place->flash_base >= place->flash_size)
        return refuse(file, "no vector table at 0x%08x: the reset vector would be 0x%08x", place->flash_base,
                      entry);
    return true;
}

static bool binary_load(struct file *file, const struct image_place *place)
{
    if (file->size > place->flash_size)
        return refuse(file, "too large: %zu bytes, the flash has %u", file->size, place->flash_size);
    memcpy(place->flash, file->bytes, file->size);
    return true;
}

bool image_load(struct image *image, const char *path, const struct image_place *place, char *error,
                size_t error_size)
{
    struct file file = {path, NULL, 0, error, error_size};
    *image = (struct image){0};
    size_t length = strlen(path);
    bool binary = length > 4 && strcmp(path + length - 4, ".bin") == 0;
    bool ok = file_read(&file);
    if (ok && file.size == 0) {
        ok = refuse(&file, "empty");
    } else if (ok && binary) {
        ok = binary_load(&file, place);
        image->bytes = (uint32_t)file.size;
    } else if (ok) {
        if (file.size < SELFMAG || memcmp(file.bytes, ELFMAG, SELFMAG) != 0)
            ok = refuse(&file, "not an ELF file");
        else if (file.size < sizeof(Elf32_Ehdr))
            ok = refuse(&file, "truncated: shorter than an ELF header");
        else
            ok = elf_load(&file, place, image);
    }
    ok = ok && vectors_check(&file, place);
    free(file.bytes);
    if (!ok)
        image_free(image);
    return ok;
}

bool image_flash_read(const char *path, const struct image_place *place, char *error, size_t error_size)
{
    struct file file = {path, NULL, 0, error, error_size};
    bool ok = file_read(&file) && binary_load(&file, place);
    free(file.bytes);
    return ok;
}

bool image_flash_check(const char *path, const struct image_place *place, char *error, size_t error_size)
{
    struct file file = {path, NULL, 0, error, error_size};
    return vectors_check(&file, place);
}

void image_free(struct image *image)
{
    free(image->symbols);
    free(image->names);
    *image = (struct image){0};
}

const struct image_symbol *image_symbol(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->symbol_count; i++)
        if (strcmp(image->symbols[i].name, name) == 0)
            return &image->symbols[i];
    return NULL;
}

const struct image_symbol *image_symbol_at(const struct image *image, uint32_t address)
{
    size_t low = 0, high = image->symbol_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (image->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* Several symbols may share an address, and data may lie between functions. */
    for (size_t i = low; i > 0 && low - i < 16; i--) {
        const struct image_symbol *symbol = &image->symbols[i - 1];
        if (symbol->function && (symbol->size == 0 || address - symbol->address < symbol->size))
            return symbol;
    }
    return NULL;
}
