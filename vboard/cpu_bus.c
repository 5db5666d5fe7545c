/*
 * The way to memory: pages that are reached directly, and the slow way for everything else.
 *
 *   access ─→ aligned? ─→ MPU ─→ watchpoint ─→ region │ bit-band │ the core's own registers │ caller's bus
 *
 * Stores are never buffered, so every bus fault is precise. Fetching: a window of read-only memory whose decoded
 * instructions the run loop takes directly; cpu_fetch opens it and serves everything outside it.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

#include <stdlib.h>

#define PPB_BASE 0xE0000000u
#define PPB_SIZE 0x00100000u

int cpu_region_find(const struct cpu *cpu, uint32_t address)
{
    for (int i = 0; i < CPU_REGIONS_MAX && cpu->config.regions[i].size; i++) {
        if (address - cpu->config.regions[i].base < cpu->config.regions[i].size)
            return i;
    }
    return -1;
}

static bool region_holds(const struct cpu_region *region, uint32_t address, unsigned size)
{
    return address - region->base < region->size && region->size - (address - region->base) >= size;
}

/* Pages that lie in one region as a whole are reached directly. */
void cpu_bus_setup(struct cpu *cpu)
{
    for (int i = CPU_REGIONS_MAX - 1; i >= 0; i--) {
        const struct cpu_region *region = &cpu->config.regions[i];

        for (uint64_t at = region->base & ~(CPU_PAGE_SIZE - 1); at < (uint64_t)region->base + region->size;
             at += CPU_PAGE_SIZE) {
            uint32_t page = (uint32_t)(at >> CPU_PAGE_BITS), offset = (uint32_t)at - region->base;
            bool whole = at >= region->base && region_holds(region, (uint32_t)at, CPU_PAGE_SIZE);

            cpu->all_read_pages[page] = whole ? region->bytes + offset : NULL;
            cpu->all_write_pages[page] = whole && region->writable ? region->bytes + offset : NULL;
        }
    }
    cpu_bus_pages_choose(cpu);
}

static bool mpu_active(const struct cpu *cpu)
{
    if (!(cpu->mpu.control & 1))
        return false;
    return (cpu->mpu.control & 2) || cpu_execution_priority(cpu) >= 0;
}

/* Which pages may be reached directly: all, none (watchpoints), or with an MPU those found allowed since the last
 * change of its registers, of privilege, or of being looked through (HFNMIENA). */
void cpu_bus_pages_choose(struct cpu *cpu)
{
    bool mpu = cpu->mpu.control & 1, watched = cpu->watchpoint_count;
    unsigned view = 1u | (unsigned)cpu_privileged(cpu) << 1 | (mpu ? (unsigned)mpu_active(cpu) << 2 : 0);

    if (view != cpu->mpu_view) {
        for (unsigned i = 0; i < cpu->mpu_page_count; i++) {
            cpu->mpu_read_pages[cpu->mpu_pages[i]] = NULL;
            cpu->mpu_write_pages[cpu->mpu_pages[i]] = NULL;
        }
        cpu->mpu_page_count = 0;
        cpu->mpu_view = view;
    }
    cpu->read_pages = watched ? cpu->no_pages : mpu ? cpu->mpu_read_pages : cpu->all_read_pages;
    cpu->write_pages = watched ? cpu->no_pages : mpu ? cpu->mpu_write_pages : cpu->all_write_pages;
    cpu_window_close(cpu);
}

static bool default_never_executes(uint32_t address)
{
    return (address >= 0x40000000u && address < 0x60000000u) || address >= 0xA0000000u;
}

/* What an MPU region grants: does it hold the address at all? */
static bool mpu_region_hit(const struct cpu_mpu *mpu, unsigned i, uint32_t address)
{
    uint32_t attribute = mpu->attribute[i], bits = (attribute >> 1 & 31) + 1, offset;

    if (!(attribute & 1) || bits < 5)
        return false;
    offset = bits == 32 ? address : address - (mpu->base[i] & ~((1u << bits) - 1));
    if (bits < 32 && offset >> bits)
        return false;
    return bits < 8 || !(attribute >> (8 + (offset >> (bits - 3))) & 1);
}

static bool mpu_permits(uint32_t attribute, bool write, bool execute, bool privileged)
{
    static const uint8_t privileged_rights[8] = {0, 3, 3, 3, 0, 1, 1, 1},
                         user_rights[8] = {0, 0, 1, 3, 0, 0, 1, 1};
    unsigned permission = attribute >> 24 & 7;
    unsigned rights = privileged ? privileged_rights[permission] : user_rights[permission];

    if (execute && (attribute >> 28 & 1))
        return false;
    return rights & (write ? 2 : 1);
}

static bool mpu_allows(const struct cpu *cpu, uint32_t address, bool write, bool execute, bool privileged)
{
    bool by_default = !(execute && default_never_executes(address));

    if (address - PPB_BASE < PPB_SIZE || !mpu_active(cpu))
        return by_default;
    for (int i = CPU_MPU_REGIONS - 1; i >= 0; i--) {
        if (mpu_region_hit(&cpu->mpu, (unsigned)i, address))
            return mpu_permits(cpu->mpu.attribute[i], write, execute, privileged);
    }
    return (cpu->mpu.control & 4) && privileged && by_default;
}

/* The addresses around this one for which the MPU decides alike: [*low, *high]. */
static void mpu_stretch(const struct cpu_mpu *mpu, uint32_t address, uint32_t *low, uint32_t *high)
{
    for (unsigned i = 0; i < CPU_MPU_REGIONS; i++) {
        uint32_t attribute = mpu->attribute[i], bits = (attribute >> 1 & 31) + 1;
        unsigned pieces = bits >= 8 && (attribute >> 8 & 0xFF) ? 8 : 1;
        uint64_t size = (1ull << bits) / pieces, base = mpu->base[i] & ~((1ull << bits) - 1);

        for (unsigned piece = 0; (attribute & 1) && bits >= 5 && piece <= pieces; piece++) {
            uint64_t edge = base + piece * size;

            if (edge <= address && edge > *low)
                *low = (uint32_t)edge;
            if (edge > address && edge - 1 < *high)
                *high = (uint32_t)(edge - 1);
        }
    }
}

/* An access to this address was allowed: if that goes for its whole page, the next ones are direct. */
static void mpu_page_open(struct cpu *cpu, uint32_t address, bool write)
{
    uint32_t page = address >> CPU_PAGE_BITS, low = address & ~(CPU_PAGE_SIZE - 1),
             high = low + CPU_PAGE_SIZE - 1;
    uint32_t first = low, last = high;

    if (!cpu->all_read_pages[page] || cpu->mpu_page_count == CPU_MPU_PAGES_MAX)
        return;
    mpu_stretch(&cpu->mpu, address, &low, &high);
    if (low != first || high != last)
        return;
    if (!cpu->mpu_read_pages[page] && !cpu->mpu_write_pages[page])
        cpu->mpu_pages[cpu->mpu_page_count++] = page;
    if (write)
        cpu->mpu_write_pages[page] = cpu->all_write_pages[page];
    else
        cpu->mpu_read_pages[page] = cpu->all_read_pages[page];
}

static void watch(struct cpu *cpu, uint32_t address, unsigned size, bool write)
{
    for (unsigned i = 0; i < cpu->watchpoint_count; i++) {
        const struct cpu_watchpoint *point = &cpu->watchpoints[i];
        bool meets = address < point->address + point->size && point->address < address + size;

        if (meets && (write ? point->on_write : point->on_read)) {
            cpu->watch_hit = address;
            cpu->stop_request |= 1u << CPU_BREAKPOINT;
            cpu_attention(cpu);
        }
    }
}

static enum cpu_bus plain_access(struct cpu *cpu, uint32_t address, unsigned size, uint32_t *value,
                                 bool write)
{
    int i = cpu_region_find(cpu, address);

    if (i >= 0 && (!write || cpu->config.regions[i].writable)) {
        const struct cpu_region *region = &cpu->config.regions[i];

        if (!region_holds(region, address, size))
            return CPU_BUS_FAULT;
        if (!write && !cpu->all_read_pages[address >> CPU_PAGE_BITS] && cpu->config.watched_read)
            cpu->config.watched_read(cpu->config.context, address, size);
        if (write)
            memcpy(region->bytes + (address - region->base), value, size);
        else
            *value = 0, memcpy(value, region->bytes + (address - region->base), size);
        return CPU_BUS_OK;
    }
    if (write)
        return cpu->config.bus_write(cpu->config.context, address, size, *value);
    *value = 0;
    return cpu->config.bus_read(cpu->config.context, address, size, value);
}

void cpu_reads_watched(struct cpu *cpu, uint32_t address, bool on)
{
    int i = cpu_region_find(cpu, address);
    uint32_t page = address >> CPU_PAGE_BITS, base = page << CPU_PAGE_BITS;

    if (i < 0 || !region_holds(&cpu->config.regions[i], base, CPU_PAGE_SIZE))
        return;
    uint8_t *bytes = cpu->config.regions[i].bytes + (base - cpu->config.regions[i].base);
    if (on != (cpu->all_read_pages[page] != bytes)) {
        cpu->all_read_pages[page] = on ? NULL : bytes;
        cpu->mpu_view = 0; /* what was found allowed is forgotten */
        cpu_bus_pages_choose(cpu);
    }
}

/* Each word of an alias is one bit: written by reading and writing the whole unit it is in. */
static enum cpu_bus bit_band(struct cpu *cpu, uint32_t alias, unsigned size, uint32_t *value, bool write)
{
    uint32_t byte = (alias & 0xF0000000u) + (alias >> 5 & 0xFFFFFu), unit, address = byte & ~(size - 1);
    unsigned bit = (byte - address) * 8 + (alias >> 2 & 7);

    if (plain_access(cpu, address, size, &unit, false) != CPU_BUS_OK)
        return CPU_BUS_FAULT;
    if (!write) {
        *value = unit >> bit & 1;
        return CPU_BUS_OK;
    }
    unit = (unit & ~(1u << bit)) | (*value & 1) << bit;
    return plain_access(cpu, address, size, &unit, true);
}

static bool is_bit_band(uint32_t address)
{
    return (address & 0xFE000000u) == 0x22000000u || (address & 0xFE000000u) == 0x42000000u;
}

/* One aligned access. Returns the exception it ends in, or EXCEPTION_NONE. */
static enum cpu_exception access_aligned(struct cpu *cpu, uint32_t address, unsigned size, uint32_t *value,
                                         bool write, bool privileged)
{
    enum cpu_bus answer;

    if (cpu->mpu.control & 1) {
        if (!mpu_allows(cpu, address, write, false, privileged))
            return EXCEPTION_MEMORY;
        if (privileged == cpu_privileged(cpu))
            mpu_page_open(cpu, address, write);
    }
    if (cpu->watchpoint_count)
        watch(cpu, address, size, write);
    if (address - PPB_BASE < PPB_SIZE) {
        bool triggers = write && address == 0xE000EF00u && (cpu->ccr & CCR_USERSETMPEND);

        if (!privileged && !triggers && address - PPB_BASE >= 0x1000)
            answer = CPU_BUS_FAULT;
        else if (write)
            answer = cpu_system_write(cpu, address, size, *value);
        else
            answer = cpu_system_read(cpu, address, size, value);
    } else if (is_bit_band(address) && cpu_region_find(cpu, address) < 0) {
        answer = bit_band(cpu, address, size, value, write);
    } else {
        answer = plain_access(cpu, address, size, value, write);
    }
    return answer == CPU_BUS_OK ? EXCEPTION_NONE : EXCEPTION_BUS;
}

uint32_t cpu_bus_try(struct cpu *cpu, uint32_t address, uint32_t *value, bool write, bool privileged)
{
    return access_aligned(cpu, address, 4, value, write, privileged);
}

static void access_or_fault(struct cpu *cpu, uint32_t address, unsigned size, uint32_t *value, bool write,
                            bool privileged)
{
    enum cpu_exception exception = access_aligned(cpu, address, size, value, write, privileged);

    if (exception == EXCEPTION_NONE)
        return;
    if (exception == EXCEPTION_MEMORY) {
        cpu->mmfar = address;
        cpu_fault(cpu, EXCEPTION_MEMORY, MMFSR_DACCVIOL | MMFSR_MMARVALID);
    }
    cpu->bfar = address;
    if ((cpu->ccr & CCR_BFHFNMIGN) && cpu_execution_priority(cpu) < 0) {
        cpu->cfsr |= BFSR_PRECISERR | BFSR_BFARVALID;
        *value = 0;
        return;
    }
    cpu_fault(cpu, EXCEPTION_BUS, BFSR_PRECISERR | BFSR_BFARVALID);
}

static void unaligned_check(struct cpu *cpu, uint32_t address)
{
    if ((cpu->ccr & CCR_UNALIGN_TRP) || address - PPB_BASE < PPB_SIZE)
        cpu_fault(cpu, EXCEPTION_USAGE, UFSR_UNALIGNED);
}

uint32_t cpu_load_as(struct cpu *cpu, uint32_t address, unsigned size, bool privileged)
{
    uint32_t value = 0, part;

    if (!(address & (size - 1))) {
        access_or_fault(cpu, address, size, &value, false, privileged);
        return value;
    }
    unaligned_check(cpu, address);
    for (unsigned done = 0; done < size;) {
        unsigned piece = (address + done) & 1 || size - done == 1 ? 1 : 2;

        access_or_fault(cpu, address + done, piece, &part, false, privileged);
        value |= part << 8 * done;
        done += piece;
    }
    return value;
}

void cpu_store_as(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value, bool privileged)
{
    if (size < 4)
        value &= (1u << 8 * size) - 1;
    if (!(address & (size - 1))) {
        access_or_fault(cpu, address, size, &value, true, privileged);
        return;
    }
    unaligned_check(cpu, address);
    for (unsigned done = 0; done < size;) {
        unsigned piece = (address + done) & 1 || size - done == 1 ? 1 : 2;
        uint32_t part = value >> 8 * done & ((1u << 8 * piece) - 1);

        access_or_fault(cpu, address + done, piece, &part, true, privileged);
        done += piece;
    }
}

/* The common unaligned access to plain memory stays short. */
static uint8_t *plain_bytes(struct cpu *cpu, uint8_t **pages, uint32_t address, unsigned size)
{
    uint8_t *page = pages[address >> CPU_PAGE_BITS];

    if (!page || address % CPU_PAGE_SIZE > CPU_PAGE_SIZE - size || (cpu->ccr & CCR_UNALIGN_TRP))
        return NULL;
    return page + address % CPU_PAGE_SIZE;
}

uint32_t cpu_load_slow(struct cpu *cpu, uint32_t address, unsigned size)
{
    const uint8_t *bytes = plain_bytes(cpu, cpu->read_pages, address, size);
    uint32_t value = 0;

    if (bytes) {
        memcpy(&value, bytes, size);
        return value;
    }
    return cpu_load_as(cpu, address, size, cpu_privileged(cpu));
}

void cpu_store_slow(struct cpu *cpu, uint32_t address, unsigned size, uint32_t value)
{
    uint8_t *bytes = plain_bytes(cpu, cpu->write_pages, address, size);

    if (bytes)
        memcpy(bytes, &value, size);
    else
        cpu_store_as(cpu, address, size, value, cpu_privileged(cpu));
}

static uint32_t fetch_half(struct cpu *cpu, uint32_t address)
{
    uint32_t value;

    if (!mpu_allows(cpu, address, false, true, cpu_privileged(cpu)))
        cpu_fault(cpu, EXCEPTION_MEMORY, MMFSR_IACCVIOL);
    if (plain_access(cpu, address, 2, &value, false) != CPU_BUS_OK)
        cpu_fault(cpu, EXCEPTION_BUS, BFSR_IBUSERR);
    return value;
}

static uint32_t fetch_raw(struct cpu *cpu, uint32_t pc)
{
    uint32_t raw = fetch_half(cpu, pc);

    if (raw >= 0xE800)
        raw = raw << 16 | fetch_half(cpu, pc + 2);
    return raw;
}

static struct cpu_op *ops_of(struct cpu *cpu, int i, bool in_it)
{
    if (!cpu->ops[i][in_it])
        cpu->ops[i][in_it] = calloc(cpu->config.regions[i].size / 2 + 1, sizeof(struct cpu_op));
    if (!cpu->ops[i][in_it])
        abort();
    return cpu->ops[i][in_it];
}

/* Around pc, where the MPU decides as it did for pc, the loop may run on its own. */
static void window_open(struct cpu *cpu, int i, uint32_t pc)
{
    const struct cpu_region *region = &cpu->config.regions[i];
    uint32_t low = region->base, high = region->base + (region->size - 1), skipped;

    if (region->writable)
        return;
    if (cpu->mpu.control & 1)
        mpu_stretch(&cpu->mpu, pc, &low, &high);
    if (high - low < 4)
        return;
    skipped = (low - region->base) / 2;
    cpu->window_base = low;
    cpu->window_full = high - low - 1; /* without the last halfword: half an instruction */
    cpu->window_size = cpu->it ? 0 : cpu->window_full;
    cpu->window_ops = ops_of(cpu, i, false) + skipped;
    cpu->window_it_ops = ops_of(cpu, i, true) + skipped;
}

/* Code in RAM, with nothing that could forbid it: NULL where a closer look is needed. */
static const struct cpu_op *fetch_again(struct cpu *cpu, uint32_t pc)
{
    const struct cpu_region *region = &cpu->config.regions[cpu->fetch_region];
    uint32_t offset = pc - region->base, raw, first;
    struct cpu_op *op;

    if (!cpu->thumb || (cpu->mpu.control & 1) || offset >= region->size || region->size - offset < 4 ||
        !cpu->ops[cpu->fetch_region][cpu->it != 0])
        return NULL;
    op = &cpu->ops[cpu->fetch_region][cpu->it != 0][offset / 2];
    memcpy(&raw, region->bytes + offset, 4);
    first = raw & 0xFFFF;
    raw = first >= 0xE800 ? first << 16 | raw >> 16 : first;
    return op->length && op->raw == raw ? op : NULL;
}

const struct cpu_op *cpu_fetch(struct cpu *cpu, uint32_t pc)
{
    const struct cpu_op *again = fetch_again(cpu, pc);
    bool in_it = cpu->it != 0;
    struct cpu_op *op;
    uint32_t raw;
    int i;

    if (again && (cpu->window_full || cpu->config.regions[cpu->fetch_region].writable))
        return again;
    if (!cpu->thumb)
        cpu_fault(cpu, EXCEPTION_USAGE, UFSR_INVSTATE);
    raw = fetch_raw(cpu, pc);
    i = cpu_region_find(cpu, pc);
    if (i < 0) {
        cpu_decode(&cpu->passing, raw, in_it);
        return &cpu->passing;
    }
    op = &ops_of(cpu, i, in_it)[(pc - cpu->config.regions[i].base) / 2];
    if (!op->length || op->raw != raw)
        cpu_decode(op, raw, in_it);
    cpu->fetch_region = i;
    window_open(cpu, i, pc);
    return op;
}
