/*
 * The CDC-ACM function. See acm.h.
 *
 *   configured: three endpoints open, OUT armed, SERIAL_STATE due ─ DTR ─→ open, SERIAL_STATE again ─ no DTR ─→ …
 *               bus reset, configuration 0, detach: everything as at the beginning
 *
 * One transfer each way at a time. The one towards the host is all that the ring held when the endpoint was free; it ends by
 * a short or an empty packet, since a host waits for that. The one from the host is watched, packet by packet, since a host
 * sends no empty packet behind a whole one. Behind bytes that wait to be taken comes one packet at a time, as long as there is
 * room: Ctrl-C must get past a key that nobody takes.
 */
/* SPDX-License-Identifier: MIT */
#include "usb/acm.h"

#include <string.h>

#define NOTIFY_PACKET_SIZE 16 /* one SERIAL_STATE has 10 bytes */
#define NOTIFY_INTERVAL_MS 32 /* bInterval */
#define CODING_LENGTH      7
#define RATE_DEFAULT       115200

#define HALTED_NOTIFY 1u
#define HALTED_IN     2u
#define HALTED_OUT    4u

static struct acm *acm_of(struct usb_function *function)
{
    return (struct acm *)function;
}

static uint8_t acm_ep_notify(const struct acm *acm)
{
    return (uint8_t)(USB_DIR_IN | acm->function.in_first);
}

static uint8_t acm_ep_in(const struct acm *acm)
{
    return (uint8_t)(USB_DIR_IN | (acm->function.in_first + 1));
}

static uint8_t acm_ep_out(const struct acm *acm)
{
    return acm->function.out_first;
}

static void acm_tell(struct acm *acm, uint8_t what)
{
    if (acm->config->changed != NULL)
        acm->config->changed(acm->config->context, what);
}

/* ---- Descriptors. ---- */

#define AT_CALL  26 /* where the call management descriptor names the data interface … */
#define AT_UNION 34 /* … and the union descriptor both */

static void acm_describe(const struct usb_function *function, struct usb_writer *writer)
{
    /* clang-format off */
    static const uint8_t template[] = {
        /* interface association: CDC, ACM, no protocol: nobody shall take it for a modem */
        8, USB_DT_INTERFACE_ASSOCIATION, 0, 2, 0x02, 0x02, 0x00, 0,
        /* control interface and its functional descriptors: header, call management, ACM, union */
        9, USB_DT_INTERFACE, 0, 0, 1, 0x02, 0x02, 0x00, 0,
        5, USB_DT_CS_INTERFACE, CDC_SUBTYPE_HEADER, 0x10, 0x01,
        5, USB_DT_CS_INTERFACE, CDC_SUBTYPE_CALL_MANAGEMENT, 0, 0,
        4, USB_DT_CS_INTERFACE, CDC_SUBTYPE_ACM, 0x06 /* D1: line coding, lines, state; D2: break */,
        5, USB_DT_CS_INTERFACE, CDC_SUBTYPE_UNION, 0, 1,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 0, USB_ENDPOINT_INTERRUPT, NOTIFY_PACKET_SIZE, 0, NOTIFY_INTERVAL_MS,
        /* data interface */
        9, USB_DT_INTERFACE, 1, 0, 2, 0x0A, 0x00, 0x00, 0,
        7, USB_DT_ENDPOINT, USB_DIR_IN | 1, USB_ENDPOINT_BULK, ACM_PACKET_SIZE, 0, 0,
        7, USB_DT_ENDPOINT, 0, USB_ENDPOINT_BULK, ACM_PACKET_SIZE, 0, 0,
    };
    /* clang-format on */
    uint8_t *bytes = usb_function_describe(function, writer, template, sizeof template);
    if (bytes == NULL)
        return;
    bytes[AT_CALL] = (uint8_t)(function->interface_first + 1);
    bytes[AT_UNION] = function->interface_first;
    bytes[AT_UNION + 1] = (uint8_t)(function->interface_first + 1);
}

/* ---- Notifications: one is armed at a time, with the state of the moment; the next one follows when it was read. ---- */

static void acm_notify(struct acm *acm)
{
    if (!acm->up || !acm->notify_due || acm->notify_busy || (acm->halted & HALTED_NOTIFY) != 0)
        return;
    struct usb_setup head = {USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
                             CDC_NOTIFICATION_SERIAL_STATE, 0, acm->function.interface_first, 2};
    usb_setup_store(acm->notify_bytes, &head);
    store_le16(acm->notify_bytes + 8, acm->state);
    acm->notify_due = false;
    acm->notify_busy = true;
    acm->notify_iov = (struct usb_iov){acm->notify_bytes, sizeof acm->notify_bytes};
    usb_device_ep_write(acm->function.device, acm_ep_notify(acm), &acm->notify_iov, 1, false);
}

void acm_state_set(struct acm *acm, uint8_t state)
{
    acm->notify_due |= state != acm->state;
    acm->state = state;
    acm_notify(acm);
}

/* ---- Towards the host. ---- */

static uint32_t acm_waiting(const struct acm *acm)
{
    return acm->head - acm->tail;
}

size_t acm_room(const struct acm *acm)
{
    bool kept = acm->config->hold || acm_is_open(acm);
    return kept ? acm->config->ring_size - acm_waiting(acm) : 0;
}

static void acm_in_start(struct acm *acm)
{
    uint32_t size = acm->config->ring_size, length = acm_waiting(acm), at = acm->tail & (size - 1);
    if (!acm->up || length == 0 || acm->in_flying != 0 || acm->in_ending || (acm->halted & HALTED_IN) != 0)
        return;
    uint32_t first = length < size - at ? length : size - at;
    acm->in_flying = (uint16_t)length;
    acm->in_iov[0] = (struct usb_iov){acm->config->ring + at, first};
    acm->in_iov[1] = (struct usb_iov){acm->config->ring, length - first};
    usb_device_ep_write(acm->function.device, acm_ep_in(acm), acm->in_iov, first < length ? 2 : 1, true);
}

size_t acm_write(struct acm *acm, const void *bytes, size_t length)
{
    uint32_t size = acm->config->ring_size, at = acm->head & (size - 1);
    size_t room = acm_room(acm), taken = length < room ? length : room;
    size_t first = taken < size - at ? taken : size - at;
    memcpy(acm->config->ring + at, bytes, first);
    memcpy(acm->config->ring, (const uint8_t *)bytes + first, taken - first);
    acm->head += (uint32_t)taken;
    acm->stats.in_dropped += (uint32_t)(length - taken);
    acm_in_start(acm);
    return taken;
}

/* The endpoint has stopped: what it was sending is lost, some of which the host may have read. */
static void acm_in_aborted(struct acm *acm)
{
    uint32_t lost = acm->in_flying;
    acm->tail += lost;
    acm->stats.in_lost += lost;
    acm->in_flying = 0;
    acm->in_ending = false;
    acm_in_start(acm);
    if (lost != 0)
        acm_tell(acm, ACM_SENT);
}

/* Nobody reads any more, and the endpoint has stopped: what is in the ring stays for the next one, or is lost. */
static void acm_in_ended(struct acm *acm)
{
    acm->in_flying = 0;
    acm->in_ending = false;
    if (acm->config->hold)
        return;
    acm->stats.in_lost += acm_waiting(acm);
    acm->tail = acm->head;
}

/* DTR has fallen. A host's read that has got whole packets waits for more: an empty one ends it, so that the next program's first
 * bytes don't come behind them. */
static void acm_in_cut(struct acm *acm)
{
    bool flying = acm->in_flying != 0, ending = acm->in_ending || flying;
    if (flying)
        usb_device_ep_abort(acm->function.device, acm_ep_in(acm));
    acm_in_ended(acm);
    acm->in_ending = ending;
    if (flying)
        usb_device_ep_write(acm->function.device, acm_ep_in(acm), NULL, 0, false);
}

/* ---- From the host. ---- */

/* usb_watch.look: interrupt context. */
static bool acm_look(struct usb_watch *watch, uint32_t received)
{
    struct acm *acm = (struct acm *)(void *)((uint8_t *)watch - offsetof(struct acm, watch));
    __atomic_store_n(&acm->out_seen, (uint16_t)received, __ATOMIC_RELEASE);
    watch->next = received + 1;
    return true;
}

static void acm_out_arm(struct acm *acm)
{
    uint32_t capacity = acm->config->out_size, at;
    if (!acm->up || acm->out_armed || (acm->halted & HALTED_OUT) != 0)
        return;
    if (acm->out_taken == acm->out_length)
        acm->out_length = acm->out_taken = 0;
    at = (acm->out_length + 3u) & ~3u;
    if (at + ACM_PACKET_SIZE > capacity)
        return;
    acm->out_at = (uint16_t)at;
    acm->out_seen = 0;
    acm->out_armed = true;
    acm->watch.next = 1;
    usb_device_ep_read(acm->function.device, acm_ep_out(acm), acm->config->out + at,
                       at == 0 ? capacity : ACM_PACKET_SIZE, &acm->watch);
}

const uint8_t *acm_peek(const struct acm *acm, size_t *length)
{
    size_t end = acm->out_length;
    if (acm->out_armed)
        end += __atomic_load_n(&acm->out_seen, __ATOMIC_ACQUIRE); /* only where nothing waits before it */
    *length = end - acm->out_taken;
    return *length != 0 ? acm->config->out + acm->out_taken : NULL;
}

void acm_take(struct acm *acm, size_t length)
{
    size_t there;
    acm_peek(acm, &there);
    if (length > there)
        length = there;
    there -= length;
    acm->out_taken = (uint16_t)(acm->out_taken + length);
    acm->stats.out_bytes += (uint32_t)length;
    if (!acm->out_armed) {
        memmove(acm->config->out, acm->config->out + acm->out_taken, there);
        acm->out_length = (uint16_t)there;
        acm->out_taken = 0;
        acm_out_arm(acm);
    } else if (acm->out_taken == acm->out_length) {
        acm->out_length = acm->out_taken = 0;
    }
}

/* The endpoint has stopped after so many bytes. */
static void acm_out_stopped(struct acm *acm, uint32_t length)
{
    if (acm->out_armed) {
        if (acm->out_length != acm->out_at)
            memmove(acm->config->out + acm->out_length, acm->config->out + acm->out_at, length);
        acm->out_length = (uint16_t)(acm->out_length + length);
    }
    acm->out_armed = false;
}

/* ---- State. ---- */

static void acm_lines_set(struct acm *acm, uint8_t lines)
{
    uint8_t before = acm->lines;
    acm->lines = lines;
    if ((before & ~lines & ACM_DTR) != 0 && !acm->config->hold) {
        acm_in_cut(acm);
    } else if ((lines & ~before & ACM_DTR) != 0) {
        acm->stats.opens++;
        acm->notify_due = true;
        acm_notify(acm);
    }
    if (before != lines)
        acm_tell(acm, ACM_LINES);
}

static void acm_notify_open(struct acm *acm)
{
    usb_device_ep_open(acm->function.device, acm_ep_notify(acm), USB_ENDPOINT_INTERRUPT, NOTIFY_PACKET_SIZE);
    acm->halted &= (uint8_t)~HALTED_NOTIFY;
    acm->notify_busy = false;
    acm->notify_due = true;
    acm_notify(acm);
}

static void acm_data_open(struct acm *acm)
{
    struct usb_device *device = acm->function.device;
    usb_device_ep_open(device, acm_ep_in(acm), USB_ENDPOINT_BULK, ACM_PACKET_SIZE);
    usb_device_ep_open(device, acm_ep_out(acm), USB_ENDPOINT_BULK, ACM_PACKET_SIZE);
    acm->halted &= HALTED_NOTIFY;
    acm_out_stopped(acm, acm->out_seen);
    acm_out_arm(acm);
    acm_in_aborted(acm);
}

static bool acm_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    if (alternate != 0)
        return false;
    if (number == 0)
        acm_notify_open(acm_of(function));
    else
        acm_data_open(acm_of(function));
    return true;
}

static uint8_t acm_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function;
    (void)number;
    return 0;
}

static void acm_configured(struct usb_function *function, bool on)
{
    struct acm *acm = acm_of(function);
    acm->up = false; /* the endpoints are closed */
    acm->notify_busy = false;
    acm_in_ended(acm);
    acm_out_stopped(acm, acm->out_seen);
    acm->stats.out_lost += (uint32_t)(acm->out_length - acm->out_taken);
    acm->out_taken = acm->out_length;
    acm->coding = (struct acm_coding){.rate = RATE_DEFAULT, .data_bits = 8};
    acm_lines_set(acm, 0);
    acm->up = on;
    if (on) {
        acm_notify_open(acm);
        acm_data_open(acm);
    }
}

static void acm_halted(struct usb_function *function, uint8_t ep, bool on)
{
    struct acm *acm = acm_of(function);
    uint8_t bit = ep == acm_ep_in(acm) ? HALTED_IN : ep == acm_ep_out(acm) ? HALTED_OUT : HALTED_NOTIFY;
    acm->halted = (uint8_t)(on ? acm->halted | bit : acm->halted & ~bit);
    if (bit == HALTED_IN) {
        acm_in_aborted(acm);
    } else if (bit == HALTED_OUT) {
        acm_out_stopped(acm, acm->out_seen); /* whole packets had come before */
        acm_out_arm(acm);
    } else {
        acm->notify_due |= acm->notify_busy;
        acm->notify_busy = false;
        acm_notify(acm);
    }
}

static void acm_transferred(struct usb_function *function, uint32_t events)
{
    struct acm *acm = acm_of(function);
    uint8_t what = 0;
    if (events & USB_EVENT_IN(function->in_first)) {
        acm->notify_busy = false;
        acm_notify(acm);
    }
    if (events & USB_EVENT_IN(function->in_first + 1)) {
        acm->tail += acm->in_flying;
        acm->stats.in_bytes += acm->in_flying;
        what |= acm->in_flying != 0 ? ACM_SENT : 0;
        acm->in_flying = 0;
        acm->in_ending = false;
        acm_in_start(acm);
    }
    if (events & USB_EVENT_OUT(function->out_first)) {
        acm_out_stopped(acm, usb_device_ep_received(function->device, acm_ep_out(acm)));
        what |= acm->out_length != acm->out_taken ? ACM_RECEIVED : 0;
        acm_out_arm(acm); /* at once, behind an empty packet */
    }
    if (what != 0)
        acm_tell(acm, what);
}

/* ---- Class requests, to the control interface. ---- */

static bool acm_control(struct usb_function *function, const struct usb_setup *setup, uint8_t *reply,
                        size_t *length)
{
    struct acm *acm = acm_of(function);
    uint8_t type = USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE;
    if (setup->wIndex != function->interface_first || (setup->bmRequestType & ~(unsigned)USB_DIR_IN) != type)
        return false;
    if ((setup->bmRequestType & USB_DIR_IN) != 0) {
        store_le32(reply, acm->coding.rate);
        reply[4] = acm->coding.stop_bits;
        reply[5] = acm->coding.parity;
        reply[6] = acm->coding.data_bits;
        *length = CODING_LENGTH;
        return setup->bRequest == CDC_GET_LINE_CODING && setup->wValue == 0;
    }
    if (setup->bRequest == CDC_SET_LINE_CODING)
        return setup->wLength == CODING_LENGTH && setup->wValue == 0;
    if (setup->wLength != 0)
        return false;
    if (setup->bRequest == CDC_SET_CONTROL_LINE_STATE) {
        acm_lines_set(acm, (uint8_t)(setup->wValue & (ACM_DTR | ACM_RTS)));
        return true;
    }
    if (setup->bRequest != CDC_SEND_BREAK)
        return false;
    acm->break_ms = setup->wValue;
    acm->stats.breaks += setup->wValue != 0;
    acm_tell(acm, ACM_BREAK);
    return true;
}

static bool acm_control_out(struct usb_function *function, const struct usb_setup *setup, const uint8_t *data,
                            size_t length)
{
    (void)setup; /* only SET_LINE_CODING has data */
    struct acm *acm = acm_of(function);
    if (length != CODING_LENGTH || data[4] > 2 || data[5] > 4 ||
        ((data[6] < 5 || data[6] > 8) && data[6] != 16))
        return false;
    acm->coding = (struct acm_coding){load_le32(data), data[4], data[5], data[6]};
    acm_tell(acm, ACM_CODING);
    return true;
}

static const struct usb_function_ops acm_ops = {
    .interfaces = 2,
    .in_endpoints = 2,
    .out_endpoints = 1,
    .describe = acm_describe,
    .control = acm_control,
    .control_out = acm_control_out,
    .alternate_set = acm_alternate_set,
    .alternate_get = acm_alternate_get,
    .configured = acm_configured,
    .halted = acm_halted,
    .transferred = acm_transferred,
};

bool acm_config_good(const struct acm_config *config)
{
    uint16_t ring = config->ring_size, out = config->out_size;
    return config->ring != NULL && ring != 0 && (ring & (ring - 1)) == 0 && config->out != NULL && out != 0 &&
           out % ACM_PACKET_SIZE == 0 && ((uintptr_t)config->out & 3) == 0;
}

void acm_init(struct acm *acm, const struct acm_config *config)
{
    if (!acm_config_good(config))
        __builtin_trap();
    *acm = (struct acm){.function = {.ops = &acm_ops},
                        .config = config,
                        .coding = {.rate = RATE_DEFAULT, .data_bits = 8},
                        .state = ACM_DCD | ACM_DSR,
                        .watch = {.look = acm_look}};
}
