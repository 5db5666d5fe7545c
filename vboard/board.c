/*
 * The virtual board: a chip, its LEDs, button and connector, and the image in its flash. See board.h.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vboard/chip.h"
#include "vboard/elf.h"

struct vboard {
    struct chip chip;
    const struct vboard_model *model;
    struct image image;
    uint32_t leds;
    bool powered;
    int flash_file; /* -1: none */
    int flash_error;
    void (*watch)(void *context, uint32_t at, uint32_t size);
    void *watch_context;
    uint64_t *profile_counts;
    uint32_t *profile_sp;
    uint8_t *coverage;
};

/* ---- Outside of the chip ---- */

static uint32_t leds_now(const struct vboard *board)
{
    uint32_t leds = 0;
    for (unsigned i = 0; i < VBOARD_LEDS_MAX && board->model->leds[i].name; i++)
        if (gpio_level(&board->chip, board->model->leds[i].pin) != board->model->leds[i].active_low)
            leds |= 1u << i;
    return leds;
}

static void pins_changed(void *context)
{
    struct vboard *board = context;
    struct chip *chip = &board->chip;
    uint32_t leds = leds_now(board);
    if (leds != board->leds) {
        board->leds = leds;
        chip_report(chip, VBOARD_LEDS, leds, "LEDs 0x%x", leds);
    }
    unsigned pin = board->model->vbus_switch_pin;
    if (pin != VBOARD_NO_PIN && (chip->gpio[pin / 16].moder >> (2 * (pin % 16)) & 3u) == 1 &&
        !gpio_level(chip, pin))
        chip_warn(chip, "VBUS switch",
                  "board: P%c%u is low and switches the board's 5 V onto the USB connector",
                  'A' + (int)(pin / 16), pin % 16);
}

static void outside_apply(struct vboard *board)
{
    struct chip *chip = &board->chip;
    vboard_button(board, false);
    for (unsigned i = 0; i < VBOARD_LEDS_MAX && board->model->leds[i].name; i++)
        if (board->model->leds[i].active_low) /* the LED itself pulls its pin up */
            gpio_outside(chip, board->model->leds[i].pin, true, true);
    if (board->model->vbus_switch_pin != VBOARD_NO_PIN) /* pulled up on the board */
        gpio_outside(chip, board->model->vbus_switch_pin, true, true);
    if (board->model->vbus_pin != VBOARD_NO_PIN)
        gpio_outside(chip, board->model->vbus_pin, true, chip->otg.plugged);
}

/* What the flash holds at power-on: kept bytes, then the image over them. */
static bool flash_fill(struct vboard *board, const struct vboard_config *config, char *error,
                       size_t error_size)
{
    const struct chip_kind *kind = board->chip.kind;
    struct image_place place = {board->chip.flash, CHIP_FLASH_BASE, kind->flash_size, {{0, 0}}};
    for (unsigned i = 0; i < CHIP_RAMS; i++) {
        place.ram[i].base = kind->ram[i].base;
        place.ram[i].size = kind->ram[i].size;
    }
    bool kept = config->flash && access(config->flash, F_OK) == 0;
    if (kept && !image_flash_read(config->flash, &place, error, error_size))
        return false;
    if (config->image)
        return image_load(&board->image, config->image, &place, error, error_size);
    if (kept) /* with BOOT0 high it may be empty */
        return config->boot0 || image_flash_check(config->flash, &place, error, error_size);
    snprintf(error, error_size, "no image, and nothing kept in flash");
    return false;
}

/* ---- What the flash holds outlives us ---- */

static void flash_write(struct vboard *board, uint32_t at, uint32_t size)
{
    const uint8_t *bytes = board->chip.flash + at;
    while (size && board->flash_file >= 0) {
        ssize_t written = pwrite(board->flash_file, bytes, size, at);
        if (written <= 0) {
            board->flash_error = written < 0 ? errno : ENOSPC;
            close(board->flash_file);
            board->flash_file = -1;
            return;
        }
        bytes += written;
        at += (uint32_t)written;
        size -= (uint32_t)written;
    }
}

static void flash_written(void *context, uint32_t at, uint32_t size)
{
    struct vboard *board = context;
    flash_write(board, at, size);
    if (board->watch)
        board->watch(board->watch_context, at, size);
}

static bool flash_keep(struct vboard *board, const char *path, char *error, size_t error_size)
{
    if (!path)
        return true;
    board->flash_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    board->flash_error = board->flash_file < 0 ? errno : 0;
    flash_write(board, 0, board->chip.kind->flash_size);
    if (board->flash_error)
        snprintf(error, error_size, "%s: %s", path, strerror(board->flash_error));
    return !board->flash_error;
}

int vboard_flash_error(const struct vboard *board)
{
    return board->flash_error;
}

static void power_lost(void *context)
{
    vboard_power(context, false);
}

struct vboard *vboard_new(const struct vboard_config *config, char *error, size_t error_size)
{
    static const uint8_t default_uid[VBOARD_UID_LENGTH] = {0x3A, 0x00, 0x29, 0x00, 0x0E, 0x51,
                                                           0x38, 0x34, 0x32, 0x38, 0x33, 0x37};
    struct vboard *board = calloc(1, sizeof *board);
    if (!board)
        return NULL;
    board->model = config->model ? config->model : vboard_models[0];
    board->powered = true;
    board->flash_file = -1;
    struct chip *chip = &board->chip;
    memcpy(chip->uid, config->uid ? config->uid : default_uid, VBOARD_UID_LENGTH);
    chip->event = config->event;
    chip->serial = config->serial;
    chip->event_context = config->context;
    chip->trace = config->trace;
    chip->boot0 = config->boot0;
    chip->semihosting.on = config->semihosting;
    chip->flash_written = flash_written;
    chip->power_lost = power_lost;
    chip->flash_context = board;
    if (!chip_init(chip, board->model)) {
        snprintf(error, error_size, "out of memory");
        vboard_free(board);
        return NULL;
    }
    if (!flash_fill(board, config, error, error_size) ||
        !flash_keep(board, config->flash, error, error_size)) {
        vboard_free(board);
        return NULL;
    }
    outside_apply(board);
    chip_power_on(chip);
    chip->pins_changed = pins_changed;
    chip->pins_context = board;
    return board;
}

void vboard_free(struct vboard *board)
{
    if (!board)
        return;
    if (board->flash_file >= 0)
        close(board->flash_file);
    chip_fini(&board->chip);
    image_free(&board->image);
    free(board->profile_counts);
    free(board->profile_sp);
    free(board->coverage);
    free(board);
}

const uint8_t *vboard_flash(const struct vboard *board, size_t *size)
{
    *size = board->chip.kind->flash_size;
    return board->chip.flash;
}

void vboard_flash_set(struct vboard *board, uint32_t at, const uint8_t *bytes, uint32_t size)
{
    memcpy(board->chip.flash + at, bytes, size);
    flash_ecc_set(&board->chip, at, size, false);
    cpu_code_changed(board->chip.cpu, CHIP_FLASH_BASE + at, size);
    cpu_code_changed(board->chip.cpu, at, size);
    flash_write(board, at, size);
}

bool vboard_flash_area(const struct vboard *board, unsigned number, struct vboard_flash_area *area)
{
    const struct chip_kind *kind = board->chip.kind;
    uint32_t at = CHIP_FLASH_BASE;
    for (unsigned i = 0; i < CHIP_SECTORS && kind->sectors[i].count; i++) {
        *area = (struct vboard_flash_area){at, kind->sectors[i].count * kind->sectors[i].size,
                                           kind->sectors[i].size};
        if (i == number)
            return true;
        at += area->size;
    }
    return false;
}

bool vboard_flash_erase(struct vboard *board, uint32_t address, uint32_t size)
{
    uint8_t erased[1024];
    uint32_t begin = address - CHIP_FLASH_BASE, at, sector_size;
    bool from = false, to = false;
    memset(erased, 0xFF, sizeof erased);
    for (unsigned i = 0; flash_sector(board->chip.kind, i, &at, &sector_size); i++) {
        from |= at == begin;
        to |= from && at + sector_size == begin + size;
    }
    for (uint32_t i = 0; to && i < size; i += sizeof erased)
        vboard_flash_set(board, begin + i, erased, sizeof erased);
    return to;
}

bool vboard_flash_load(struct vboard *board, uint32_t address, const uint8_t *bytes, uint32_t size)
{
    uint32_t at = address - CHIP_FLASH_BASE, room = board->chip.kind->flash_size;
    if (at >= room || size > room - at)
        return false;
    for (uint32_t i = 0; i < size; i++)
        if (board->chip.flash[at + i] != 0xFF)
            return false;
    vboard_flash_set(board, at, bytes, size);
    return true;
}

bool vboard_peripheral(const struct vboard *board, unsigned number, struct vboard_peripheral *peripheral)
{
    const struct chip_kind *kind = board->chip.kind;
    if (number < kind->block_count) {
        const struct chip_block *block = &kind->blocks[number];
        *peripheral = (struct vboard_peripheral){block->name, block->base, block->size, block->read != NULL};
    } else {
        *peripheral = (struct vboard_peripheral){"OTG_FS", CHIP_OTG_BASE, CHIP_OTG_SIZE, true};
    }
    return number <= kind->block_count;
}

void vboard_semihosting(struct vboard *board, bool on)
{
    board->chip.semihosting.on = on;
}

void vboard_flash_watch(struct vboard *board, void (*written)(void *context, uint32_t at, uint32_t size),
                        void *context)
{
    board->watch = written;
    board->watch_context = context;
}

uint32_t vboard_flash_operations(const struct vboard *board)
{
    return board->chip.flash_operations;
}

void vboard_cut_after(struct vboard *board, uint32_t count)
{
    board->chip.cut_at = count ? board->chip.flash_operations + count : 0;
    board->chip.cut_tears = false;
}

void vboard_flash_cached(struct vboard *board, bool cached)
{
    board->chip.flash_cached = cached;
}

void vboard_cut_within(struct vboard *board, uint32_t count, uint32_t seed)
{
    vboard_cut_after(board, count);
    board->chip.cut_tears = true;
    board->chip.cut_seed = seed;
}

bool vboard_flash_readable(const struct vboard *board, uint32_t at)
{
    return !board->chip.ecc_bad[at / CHIP_ECC_UNIT];
}

void vboard_boot0(struct vboard *board, bool high)
{
    board->chip.boot0 = high;
}

void vboard_read_protect(struct vboard *board, bool on)
{
    board->chip.option[board->chip.kind->option_rdp] = on ? 0x00 : 0xAA;
}

/* ---- The cable ---- */

static void cable_advance(void *device, uint64_t time_ns)
{
    vboard_advance(device, time_ns);
}

static void cable_vbus(void *device, bool on)
{
    struct vboard *board = device;
    board->chip.otg.plugged = on;
    otg_vbus(&board->chip.otg, on && board->model->vbus_pin == OTG_VBUS_PIN);
    if (board->model->vbus_pin != VBOARD_NO_PIN)
        gpio_outside(&board->chip, board->model->vbus_pin, true, on);
}

/* The ROM has taken the place of OTG_FS. */
static bool in_rom(const struct vboard *board)
{
    return board->chip.rom.state == ROM_RUNS;
}

static bool cable_pulled_up(void *device)
{
    struct vboard *board = device;
    if (in_rom(board))
        return rom_pulled_up(&board->chip);
    chip_usb_check(&board->chip);
    return otg_pulled_up(&board->chip.otg);
}

static void cable_bus_reset(void *device, bool active)
{
    struct vboard *board = device;
    if (in_rom(board))
        rom_bus_reset(&board->chip, active);
    else
        otg_bus_reset(&board->chip.otg, active);
}

static void cable_frame(void *device, uint16_t number)
{
    struct vboard *board = device;
    if (!in_rom(board))
        otg_frame(&board->chip.otg, number);
}

static void cable_bus_suspend(void *device, bool suspended)
{
    struct vboard *board = device;
    if (!in_rom(board))
        otg_bus_suspend(&board->chip.otg, suspended);
}

static bool cable_wakes(void *device)
{
    struct vboard *board = device;
    return !in_rom(board) && otg_wakes(&board->chip.otg);
}

static enum cable_answer cable_setup(void *device, uint8_t address, uint8_t endpoint, const uint8_t packet[8])
{
    struct vboard *board = device;
    return in_rom(board) ? rom_setup(&board->chip, address, endpoint, packet)
                         : otg_setup(&board->chip.otg, address, endpoint, packet);
}

static enum cable_answer cable_out(void *device, uint8_t address, uint8_t endpoint, bool data1,
                                   const uint8_t *packet, uint16_t length)
{
    struct vboard *board = device;
    return in_rom(board) ? rom_out(&board->chip, address, endpoint, data1, packet, length)
                         : otg_out(&board->chip.otg, address, endpoint, data1, packet, length);
}

static enum cable_answer cable_in(void *device, uint8_t address, uint8_t endpoint, bool *data1,
                                  uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    struct vboard *board = device;
    return in_rom(board) ? rom_in(&board->chip, address, endpoint, data1, packet, length)
                         : otg_in(&board->chip.otg, address, endpoint, data1, packet, length);
}

const uint8_t *vboard_uid(const struct vboard *board)
{
    return board->chip.uid;
}

struct cable vboard_cable(struct vboard *board)
{
    static const struct cable_ops ops = {
        .advance = cable_advance,
        .vbus = cable_vbus,
        .pulled_up = cable_pulled_up,
        .bus_reset = cable_bus_reset,
        .frame = cable_frame,
        .bus_suspend = cable_bus_suspend,
        .wakes = cable_wakes,
        .setup = cable_setup,
        .out = cable_out,
        .in = cable_in,
    };
    return (struct cable){&ops, board};
}

/* ---- Time, hands and eyes ---- */

void vboard_advance(struct vboard *board, uint64_t time_ns)
{
    chip_advance(&board->chip, time_ns);
}

uint64_t vboard_time_ns(struct vboard *board)
{
    return chip_now(&board->chip);
}

void vboard_button(struct vboard *board, bool pressed)
{
    const struct vboard_model *model = board->model;
    if (model->button_pin != VBOARD_NO_PIN)
        gpio_outside(&board->chip, model->button_pin, pressed || !model->button_floats,
                     pressed != model->button_active_low);
}

void vboard_reset_button(struct vboard *board, bool pressed)
{
    chip_reset_pin(&board->chip, pressed || !board->powered);
}

void vboard_power(struct vboard *board, bool on)
{
    if (on == board->powered)
        return;
    board->powered = on;
    if (on) {
        board->chip.held = false;
        board->chip.resets++;
        chip_power_on(&board->chip);
    } else {
        rom_power_lost(&board->chip);
        chip_reset_pin(&board->chip, true);
    }
}

void vboard_power_cycle(struct vboard *board)
{
    vboard_power(board, false);
    vboard_power(board, true);
}

static void finger_button(void *context, unsigned number, bool pressed)
{
    if (number == 0)
        vboard_button(context, pressed);
}

static uint32_t finger_leds(void *context)
{
    return vboard_leds(context);
}

static void finger_reset(void *context)
{
    vboard_reset_button(context, true);
    vboard_reset_button(context, false);
}

static void finger_power(void *context, bool on)
{
    vboard_power(context, on);
}

struct fixture vboard_fixture(struct vboard *board)
{
    static const struct fixture_ops ops = {finger_button, finger_leds, finger_reset, finger_power};
    return (struct fixture){&ops, board};
}

uint32_t vboard_leds(struct vboard *board)
{
    return leds_now(board);
}

size_t vboard_serial_in(struct vboard *board, unsigned usart, const uint8_t *bytes, size_t length)
{
    return usart < board->chip.kind->usart_count ? usart_outside(&board->chip, usart, bytes, length) : 0;
}

const char *vboard_serial_name(const struct vboard *board, unsigned usart)
{
    return usart < board->chip.kind->usart_count ? board->chip.kind->usarts[usart].name : NULL;
}

bool vboard_pin_exists(const struct vboard *board, unsigned pin)
{
    return pin / 16 < board->chip.kind->port_count;
}

bool vboard_pin_level(const struct vboard *board, unsigned pin)
{
    return gpio_level(&board->chip, pin);
}

void vboard_pin_drive(struct vboard *board, unsigned pin, bool driven, bool high)
{
    gpio_outside(&board->chip, pin, driven, high);
}

bool vboard_peek(struct vboard *board, uint32_t address, void *bytes, size_t length)
{
    return cpu_memory_read(board->chip.cpu, address, bytes, length);
}

bool vboard_poke(struct vboard *board, uint32_t address, const void *bytes, size_t length)
{
    return cpu_memory_write(board->chip.cpu, address, bytes, length);
}

const struct vboard_model *vboard_model(const struct vboard *board)
{
    return board->model;
}

const char *vboard_chip_name(const struct vboard *board)
{
    return board->chip.kind->name;
}

struct vboard_stats vboard_stats(struct vboard *board)
{
    const struct chip *chip = &board->chip;
    return (struct vboard_stats){
        .time_ns = chip_now(chip),
        .cycles = cpu_cycles(chip->cpu),
        .sleep_cycles = cpu_sleep_cycles(chip->cpu),
        .instructions = cpu_instructions(chip->cpu),
        .clock_hz = (uint32_t)(chip->time.hz.num / chip->time.hz.den),
        .resets = chip->resets,
        .reset_cause = chip->last_cause,
        .unmodelled = chip->seen_count,
        .warnings = chip->warned_count,
        .usb_stopped_ns = otg_clock_stood_ns(&chip->otg),
        .locked_up = chip->halted,
        .exited = chip->semihosting.exited,
        .failed = chip->semihosting.failed,
        .watchdog = chip->dog.running,
        .powered = board->powered,
        .rom = in_rom(board),
        .rom_refused = chip->rom.refused,
    };
}

struct cpu *vboard_cpu(struct vboard *board)
{
    return board->chip.cpu;
}

void vboard_debugger(struct vboard *board, const struct vboard_debugger *debugger)
{
    board->chip.debugger = debugger ? *debugger : (struct vboard_debugger){0};
    cpu_debugger(board->chip.cpu, debugger != NULL);
}

int vboard_step(struct vboard *board)
{
    return (int)chip_step(&board->chip);
}

/* ---- Profile ---- */

static uint32_t profile_slots(const struct vboard *board)
{
    return board->chip.kind->flash_size / 2;
}

bool vboard_profile_start(struct vboard *board)
{
    if (!board->profile_counts) {
        board->profile_counts = calloc(profile_slots(board), sizeof *board->profile_counts);
        board->profile_sp = malloc(profile_slots(board) * sizeof *board->profile_sp);
        if (!board->profile_counts || !board->profile_sp)
            return false;
    }
    vboard_profile_clear(board);
    cpu_profile(board->chip.cpu, CHIP_FLASH_BASE, board->chip.kind->flash_size, board->profile_counts,
                board->profile_sp);
    return true;
}

void vboard_profile_clear(struct vboard *board)
{
    if (!board->profile_counts)
        return;
    memset(board->profile_counts, 0, profile_slots(board) * sizeof *board->profile_counts);
    memset(board->profile_sp, 0xFF, profile_slots(board) * sizeof *board->profile_sp);
}

/* A name as JSON may hold it. */
static void name_write(FILE *file, const char *name)
{
    for (; *name; name++)
        fputc(*name == '"' || *name == '\\' || *name < ' ' ? '?' : *name, file);
}

/* Runs of halfwords that belong to the same function, in order of address. */
void vboard_profile_write(struct vboard *board, FILE *file)
{
    const struct image_symbol *symbol = NULL;
    uint64_t count = 0, total = 0;
    uint32_t lowest = UINT32_MAX, slots = profile_slots(board);
    bool first = true;
    fprintf(file, "{\"symbols\":[");
    for (uint32_t i = 0; board->profile_counts && i <= slots; i++) {
        bool end = i == slots;
        if (!end && board->profile_counts[i] == 0)
            continue;
        const struct image_symbol *here =
            end ? NULL : image_symbol_at(&board->image, CHIP_FLASH_BASE + 2 * i);
        if ((end || here != symbol) && count) {
            fprintf(file, "%s\n{\"name\":\"", first ? "" : ",");
            name_write(file, symbol ? symbol->name : "?");
            fprintf(file, "\",\"address\":%u,\"instructions\":%llu,\"lowest_sp\":%u}",
                    symbol ? symbol->address : 0, (unsigned long long)count, lowest);
            first = false;
            count = 0;
            lowest = UINT32_MAX;
        }
        symbol = here;
        if (end)
            break;
        count += board->profile_counts[i];
        total += board->profile_counts[i];
        if (board->profile_sp[i] < lowest)
            lowest = board->profile_sp[i];
    }
    struct vboard_stats stats = vboard_stats(board);
    fprintf(
        file,
        "],\n\"profiled_instructions\":%llu,\"instructions\":%llu,\"cycles\":%llu,\"sleep_cycles\":%llu}\n",
        (unsigned long long)total, (unsigned long long)stats.instructions, (unsigned long long)stats.cycles,
        (unsigned long long)stats.sleep_cycles);
}

bool vboard_coverage_start(struct vboard *board)
{
    if (!board->coverage)
        board->coverage = calloc(profile_slots(board), 1);
    if (board->coverage)
        cpu_coverage(board->chip.cpu, CHIP_FLASH_BASE, board->chip.kind->flash_size, board->coverage);
    return board->coverage;
}

void vboard_coverage_write(struct vboard *board, FILE *file)
{
    fprintf(file, "plugnet-coverage 1\n");
    for (uint32_t i = 0; board->coverage && i < profile_slots(board); i++)
        if (board->coverage[i])
            fprintf(file, "%08x %u\n", CHIP_FLASH_BASE + 2 * i, board->coverage[i]);
}

bool vboard_symbol(const struct vboard *board, const char *name, uint32_t *address, uint32_t *size)
{
    const struct image_symbol *symbol = image_symbol(&board->image, name);
    if (!symbol)
        return false;
    *address = symbol->address;
    *size = symbol->size;
    return true;
}
