/*
 * PLUGNET_EVENTS: a stream of events as a service. Threads of an operating system may put events, too: they are locked out
 * as lwIP locks them out.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/events.h"

#include "lwip/sys.h"
#include "os/os.h"
#include "plugnet/plugnet.h"

#if SYS_LIGHTWEIGHT_PROT
static uint32_t events_take(void)
{
    return (uint32_t)sys_arch_protect();
}

static void events_give(uint32_t taken)
{
    sys_arch_unprotect((sys_prot_t)taken);
}

static const struct http_events_lock events_lock = {events_take, events_give};
#define EVENTS_LOCK &events_lock
#else
#define EVENTS_LOCK NULL
#endif

const char *plugnet_events_start(void *events, struct plugnet *p)
{
    struct http_events *e = events;

    (void)p;
    if (e->ring == NULL || e->size < HTTP_EVENTS_RING_MIN) {
        return "its ring is smaller than HTTP_EVENTS_RING_MIN";
    }
    http_events_start(e, os_random(), EVENTS_LOCK);
    return NULL;
}

void plugnet_events_tick(void *events, uint32_t now_ms)
{
    http_events_tick(events, now_ms);
}

void plugnet_events_status(void *events, struct text *out)
{
    http_events_status(events, out);
}
