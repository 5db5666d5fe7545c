/*
 * The HTTP server on lwIP's raw API; see the header.
 *
 * Rules of that API kept here: a callback that has called tcp_abort on its own pcb returns ERR_ABRT; after
 * the error callback the pcb is gone; tcp_write without copy is for flash alone.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_raw.h"

#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "net/tcp_guard.h"
#include "net/tcp_pcb.h"

#define PROGRESS_UNIT 8 /* bytes */
#define POLL_INTERVAL 2 /* of 500 ms */
#define AT_ONCE       4 /* segments of flash that are queued by one call */
#define NUDGES                                                                                               \
    4 /* ACKs: one that may be news, and three that say it again, which has the peer send at once */
#define PIPELINE_SPARE 600  /* bytes of heap that stay free beside what is kept */
#define PIPELINE_PIECE 384  /* bytes that are kept together */
#define PIPELINE_KEPT  0x80 /* in pbuf.flags, where lwIP uses the lower six bits: a copy of ours */
#define PIPELINE_PBUF  (sizeof(struct pbuf) + 16) /* bytes of heap beside them */

/* Bytes of heap, for who is sent one segment at a time: a whole one, if MEM_SIZE leaves room for an answer's head beside it. */
#define PIPELINE_SEGMENT (TCP_MSS + (TCP_MSS / PIPELINE_PIECE + 1) * PIPELINE_PBUF)
#define PIPELINE_NARROW  LWIP_MIN(PIPELINE_SEGMENT, MEM_SIZE - TCP_GUARD_HEAP - 496)

_Static_assert(
    MEM_SIZE >= TCP_GUARD_HEAP + HTTP_RAW_PIPELINE_MAX + TCP_GUARD_NEED_MAX,
    "HTTP_RAW_PIPELINE_MAX: requests that wait leave no memory for answers; MEM_SIZE must grow with it");

_Static_assert(MEMP_NUM_TCP_PCB >= HTTP_RAW_CONNECTIONS + 2,
               "MEMP_NUM_TCP_PCB: HTTP_RAW_CONNECTIONS and 2 in their handshake at least");
_Static_assert(HTTP_RAW_CONNECTIONS >= 1 && HTTP_RAW_CONNECTIONS <= 255, "HTTP_RAW_CONNECTIONS: 1 to 255");

/* The connection's server. */
static struct http_raw *http_raw_of(const struct http_raw_connection *c)
{
    return (struct http_raw *)c->http.site; /* its first member */
}

/* What some connection waits for, beside memory. */
enum {
    WAITS_WINDOW = 1 << 0, /* to be opened by its client */
    WAITS_STASH = 1 << 1,
    WAITS_CHECK = 1 << 2, /* for the next guess */
};

static void http_raw_pending_drop(struct http_raw_connection *c)
{
    if (c->pending != NULL) {
        pbuf_free(c->pending);
        c->pending = NULL;
    }
    c->pending_at = 0;
}

/* Part of a piece waits in the stash, which one connection at a time has. */
static bool http_raw_has_stash(const struct http_raw_connection *c)
{
    return http_raw_of(c)->stasher == c;
}

/* The part that a route has made for it waits in the carry, which one connection at a time has. */
static bool http_raw_has_carry(const struct http_raw_connection *c)
{
    return HTTP_ROUTES && http_raw_of(c)->carrier == c;
}

static void http_raw_stash_drop(struct http_raw_connection *c)
{
    struct http_raw *server = http_raw_of(c);

    if (server->stasher == c) {
        server->stasher = NULL;
        pbuf_free(server->stash);
    }
}

/* The slot is free; returns the pcb, to be ended. */
static struct tcp_pcb *http_raw_release(struct http_raw_connection *c)
{
    struct tcp_pcb *pcb = c->pcb;

    http_raw_pending_drop(c);
    http_raw_stash_drop(c);
    if (http_raw_has_carry(c)) {
        http_raw_of(c)->carrier = NULL;
    }
    c->pcb = NULL;
    http_end(&c->http);
    return pcb;
}

static err_t http_raw_abort(struct http_raw_connection *c)
{
    return tcp_pcb_abort(http_raw_release(c));
}

static err_t http_raw_close(struct http_raw_connection *c)
{
    c->pcb->rcv_wnd = TCP_WND; /* as if all were read: an RST would take what is still in flight with it */
    return tcp_pcb_close(http_raw_release(c));
}

/* No memory for `length` bytes: http_raw_poll tries again. */
static void http_raw_wait(struct http_raw_connection *c, size_t length)
{
    struct http_raw *server = http_raw_of(c);

    server->stats.no_memory++;
    c->waiting = (uint16_t)(length + 1);
    if (!server->guard->need) {
        server->guard->need = true;
        server->turn_since_ms = sys_now();
    }
}

/* Others wait for memory, and it is not this one's turn. */
static bool http_raw_behind(const struct http_raw_connection *c)
{
    return http_raw_of(c)->guard->need && http_raw_of(c)->served != c;
}

/* Somebody has had all memory that is free for long enough. */
static bool http_raw_turn_over(const struct http_raw *server)
{
    return sys_now() - server->turn_since_ms > HTTP_RAW_TURN_MS_MAX;
}

/* It has had its turn: it sends what it carries, and makes no further part before the next one. */
static bool http_raw_has_had(const struct http_raw_connection *c)
{
    return http_raw_of(c)->guard->need && http_raw_turn_over(http_raw_of(c));
}

/* ---- Pieces: the engine's, or what is left of one in the stash. ---- */

static bool http_raw_piece(struct http_raw_connection *c, char *scratch, struct http_piece *piece)
{
    const struct http_raw *server = http_raw_of(c);

    if (http_raw_has_carry(c)) {
        *piece = (struct http_piece){server->carry + server->carry_at,
                                     (size_t)(server->carry_end - server->carry_at), false};
    } else if (server->stasher == c) {
        *piece = (struct http_piece){(const char *)server->stash->payload + server->stash_at,
                                     (size_t)(server->stash->len - server->stash_at), false};
    } else {
        return http_output(&c->http, scratch, piece);
    }
    return true;
}

static void http_raw_piece_taken(struct http_raw_connection *c, size_t length)
{
    struct http_raw *server = http_raw_of(c);

    if (http_raw_has_carry(c)) {
        server->carry_at = (uint16_t)(server->carry_at + length);
        server->carrier = server->carry_at < server->carry_end ? c : NULL;
    } else if (server->stasher == c) {
        server->stash_at = (uint16_t)(server->stash_at + length);
        if (server->stash_at == server->stash->len) {
            http_raw_stash_drop(c);
        }
    } else {
        http_output_taken(&c->http, length);
    }
}

/* What comes can't be told to wait but by TCP's window, and what is refused comes again after a second or more: so only as much is
 * on its way as can be kept. */
static bool http_raw_is_narrow(const struct http_raw_connection *c)
{
    return (HTTP_BODIES && c->narrow) || http_upgraded(&c->http);
}

/* How many bytes of heap may be taken to keep more: requests that wait, and the stash. All connections share the limit: what
 * is kept must never be all there is, for it comes back only by answers, which need some. */
static size_t http_raw_keep_room(const struct http_raw_connection *c)
{
    const struct http_raw *server = http_raw_of(c);
    size_t most = http_raw_is_narrow(c) ? PIPELINE_NARROW : HTTP_RAW_PIPELINE_MAX;
    size_t kept = server->stasher != NULL ? server->stash->len : 0,
           used = lwip_stats.mem.used + PIPELINE_SPARE;

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        for (const struct pbuf *p = server->connections[i].pending; p != NULL; p = p->next) {
            kept += (p->flags & PIPELINE_KEPT) != 0 ? p->len + PIPELINE_PBUF : 0u;
        }
    }
    size_t heap = used < lwip_stats.mem.avail ? lwip_stats.mem.avail - used : 0;
    return kept < most ? LWIP_MIN(most - kept, heap) : 0;
}

static bool http_raw_stash_alloc(struct http_raw_connection *c, size_t length)
{
    struct http_raw *server = http_raw_of(c);

    if (server->stasher != NULL || http_raw_keep_room(c) < length || !tcp_guard_room(length)) {
        return false;
    }
    server->stash = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    server->stasher = server->stash != NULL ? c : NULL;
    server->stash_at = 0;
    return server->stash != NULL;
}

/* Keep a piece that the client's window or MSS will never let through in one go; one connection at a time has such a
 * thing. False: not now. */
static bool http_raw_stash(struct http_raw_connection *c, const struct http_piece *piece)
{
    if (!http_raw_stash_alloc(c, piece->length)) {
        return false;
    }
    memcpy(http_raw_of(c)->stash->payload, piece->bytes, piece->length);
    if (http_raw_has_carry(c)) {
        http_raw_of(c)->carrier = NULL;
    } else {
        http_output_taken(&c->http, piece->length);
    }
    return true;
}

/* The client takes nothing: an ACK calls us, but the opening of its window doesn't. */
static void http_raw_stall(struct http_raw_connection *c)
{
    c->stalled = c->pcb->snd_queuelen == 0;
    http_raw_of(c)->waits |= c->stalled ? WAITS_WINDOW : 0;
}

/* A piece of so many bytes won't get through in one go: never, or the window has been too small for it for a while. */
static bool http_raw_needs_stash(const struct http_raw_connection *c, size_t length)
{
    bool small =
        c->pcb->snd_queuelen == 0 && c->pcb->snd_wnd > 0 && sys_now() - c->since_ms > HTTP_RAW_SMALL_MS_MAX;

    return small || !tcp_guard_window_ever(c->pcb, length);
}

/* A part is made once, so it stays where it was made until it is queued: in the carry that all connections share, or in the
 * stash, for a client that can take it in small portions only. True: http_output may make one at `*scratch`. */
static bool http_raw_part_place(struct http_raw_connection *c, char **scratch)
{
    struct http_raw *server = http_raw_of(c);

    *scratch = server->carry;
    if (http_waiting(&c->http)) {
        return true; /* there will be none */
    }
    if (server->guard->need && !c->proven && c->pcb->snd_queuelen > 0) {
        return false; /* one piece, until its client has shown that it acknowledges */
    }
    if (tcp_guard_window(c->pcb, false) >= HTTP_SCRATCH_MAX) {
        if (server->carrier != NULL || http_raw_behind(c) || http_raw_has_had(c)) {
            http_raw_wait(c, server->carrier != NULL ? 0 : HTTP_RAW_PART_LEAST);
            return false;
        }
        return true;
    }
    if (!http_raw_needs_stash(c, HTTP_SCRATCH_MAX)) {
        http_raw_stall(c);
        return false;
    }
    c->waits_stash = !http_raw_stash_alloc(c, HTTP_SCRATCH_MAX);
    if (c->waits_stash) {
        server->waits |= WAITS_STASH; /* for others of its kind: nobody else's need */
        return false;
    }
    *scratch = server->stash->payload;
    return true;
}

/* The part is made: note where it is. */
static void http_raw_part_made(struct http_raw_connection *c, const struct http_piece *piece)
{
    struct http_raw *server = http_raw_of(c);

    if (server->stasher == c && piece->length > 0) {
        server->stash_at = (uint16_t)(piece->bytes - (const char *)server->stash->payload);
        pbuf_realloc(server->stash, (u16_t)(server->stash_at + piece->length));
    } else if (piece->length > 0) {
        server->carrier = c;
        server->carry_at = (uint16_t)(piece->bytes - server->carry);
        server->carry_end = (uint16_t)(server->carry_at + piece->length);
    }
    http_output_taken(&c->http, piece->length);
}

/* There is memory for so many bytes of flash, several segments, which are queued by one call then. */
static bool http_raw_has_plenty(const struct http_raw_connection *c, size_t several)
{
    return HTTP_QUICK && !http_raw_of(c)->guard->need &&
           lwip_stats.memp[MEMP_TCP_SEG]->used + TCP_GUARD_SEGS + AT_ONCE <= MEMP_NUM_TCP_SEG &&
           lwip_stats.memp[MEMP_PBUF]->used + AT_ONCE < MEMP_NUM_PBUF &&
           tcp_guard_room(tcp_guard_cost(c->pcb, several, true));
}

/* How many bytes of a piece may be queued by the connection's own limits; 0: it waits for its client. */
static size_t http_raw_piece_room(const struct http_raw_connection *c, const struct http_piece *piece)
{
    size_t room = tcp_guard_window(c->pcb, piece->is_static);

    if (!piece->is_static && !http_raw_has_stash(c)) {
        return piece->length <= room ? piece->length : 0;
    }
    size_t length = LWIP_MIN(piece->length, tcp_mss(c->pcb));
    size_t several = LWIP_MIN(piece->length, (size_t)AT_ONCE * tcp_mss(c->pcb));
    if (piece->is_static && several > length && several + length <= room /* and the rest of a segment */ &&
        http_raw_has_plenty(c, several)) {
        return several;
    }
    return length <= room              ? length
           : c->pcb->snd_queuelen == 0 ? room
                                       : 0; /* no small segments without need */
}

/* Queue `length` bytes of a piece, or fewer, where memory is in small pieces. Returns how many; 0: there is no memory, or others wait for
 * it. */
static size_t http_raw_write(struct http_raw_connection *c, const struct http_piece *piece, size_t length)
{
    size_t cost = tcp_guard_cost(c->pcb, length, piece->is_static);

    /* From the first byte on an ACK is due; who waits for memory may be silent, however often it tries again. */
    if (c->pcb->snd_queuelen == 0 && c->waiting == 0) {
        c->since_ms = sys_now();
        c->beat = http_raw_of(c)->guard->beats;
    }
    if (http_raw_behind(c) || !tcp_guard_room(cost)) {
        http_raw_wait(c, cost);
        return 0;
    }
    while (tcp_write(c->pcb, piece->bytes, (u16_t)length, piece->is_static ? 0 : TCP_WRITE_FLAG_COPY) !=
           ERR_OK) {
        /* There is memory, but nowhere so much together. What waits for this answer may be what divides it. */
        if (!(http_raw_has_carry(c) || http_raw_has_stash(c)) || length <= HTTP_RAW_PART_LEAST) {
            http_raw_wait(c, cost);
            return 0;
        }
        length = LWIP_MAX(length / 2, HTTP_RAW_PART_LEAST);
    }
    return length;
}

/* A PC acknowledges every second segment at once, and one that stays alone only after 40 ms or more (RFC 5681 4.2): before
 * memory ends, what is queued goes out, so that the rest becomes a segment of its own. True: it can't just now. */
static bool http_raw_splits(struct http_raw_connection *c, const struct http_piece *piece, size_t length)
{
    const struct tcp_pcb *pcb = c->pcb;

    if (piece->is_static || pcb->unsent == NULL || pcb->unacked != NULL ||
        tcp_guard_free() >= length + HTTP_SCRATCH_MAX) {
        return false;
    }
    if (tcp_input_pcb == pcb) {
        http_raw_wait(c, 0); /* lwIP sends nothing before it has seen all of the frame */
        return true;
    }
    tcp_output(c->pcb);
    return false;
}

/* A piece that can be made again: send it, or as much of it as fits. False: it waits. */
static bool http_raw_piece_send(struct http_raw_connection *c, const struct http_piece *piece)
{
    bool whole = !piece->is_static && !http_raw_has_stash(c);
    size_t length = http_raw_piece_room(c, piece);

    if (length == 0 && piece->length > 0 && whole && http_raw_needs_stash(c, piece->length)) {
        c->waits_stash = !http_raw_stash(c, piece);
        http_raw_of(c)->waits |=
            c->waits_stash ? WAITS_STASH : 0; /* for others of its kind: nobody else's need */
        return !c->waits_stash;
    }
    if (length == 0 && piece->length > 0) {
        http_raw_stall(c);
        return false;
    }
    if (length > 0 && http_raw_of(c)->guard->need && !c->proven && c->pcb->snd_queuelen > 0 &&
        !http_raw_has_carry(c)) {
        return false; /* one piece, until its client has shown that it acknowledges */
    }
    if (http_raw_splits(c, piece, length)) {
        return false;
    }
    if (http_raw_has_carry(c) && tcp_guard_free() >= HTTP_RAW_PART_LEAST) {
        length = LWIP_MIN(length, tcp_guard_free());
    }
    if (length > 0 && (length = http_raw_write(c, piece, length)) == 0) {
        return false;
    }
    http_raw_piece_taken(c, length);
    return true;
}

/* Let the route make a part. True: there is one, to be sent. `*none`: there is none now. */
static bool http_raw_part_make(struct http_raw_connection *c, bool *none)
{
    struct http_piece piece;
    char *scratch;

    *none = false;
    if (!http_raw_part_place(c, &scratch)) {
        return false;
    }
    if (!http_output(&c->http, scratch, &piece)) {
        http_raw_stash_drop(c);
        *none = true;
        return false;
    }
    http_raw_part_made(c, &piece);
    if (piece.length == 0) {
        http_raw_stash_drop(c);
    }
    return true;
}

/* Send what the engine has. True: all of it is in lwIP's hands. */
static bool http_raw_send(struct http_raw_connection *c)
{
    char scratch[HTTP_SCRATCH_MAX];
    struct http_piece piece;
    bool none = false;

    for (;;) {
        if (!http_raw_has_stash(c) && !http_raw_has_carry(c) && http_output_is_once(&c->http)) {
            if (!http_raw_part_make(c, &none)) {
                return none;
            }
        } else if (!http_raw_piece(c, scratch, &piece)) {
            return true;
        } else if (!http_raw_piece_send(c, &piece)) {
            return false;
        }
    }
}

/* ---- What comes: read at once, or ahead, or kept. ---- */

/* `used` bytes of what came are consumed. */
static void http_raw_pending_skip(struct http_raw_connection *c, size_t used)
{
    while (c->pending != NULL && used >= (size_t)(c->pending->len - c->pending_at)) {
        struct pbuf *p = c->pending;
        used -= (size_t)(p->len - c->pending_at);
        c->pending = p->next;
        c->pending_at = 0;
        if (p->next != NULL) {
            pbuf_ref(p->next);
        }
        pbuf_free(p);
    }
    c->pending_at = (u16_t)(c->pending_at + used);
}

/* Requests are lost: the last answer before them closes the connection, so that the client knows. */
static void http_raw_give_up(struct http_raw_connection *c)
{
    c->gives_up = true;
    http_close(&c->http);
}

/* How much of what waits is no copy of ours: it came just now, at the end of `pending`, and lies in an NTB block, or in heap with
 * its headers. */
static size_t http_raw_pending_new(const struct http_raw_connection *c)
{
    size_t length = 0;

    for (const struct pbuf *p = c->pending; p != NULL; p = p->next) {
        length += (p->flags & PIPELINE_KEPT) != 0 ? 0 : p->len - (p == c->pending ? c->pending_at : 0);
    }
    return length;
}

/* Copy `length` bytes of `from` behind `kept`, in pieces, so that the memory comes back while they are answered. Returns how
 * many there was room for. */
static u16_t http_raw_copy(const struct http_raw_connection *c, struct pbuf **kept, const struct pbuf *from,
                           u16_t at, size_t length)
{
    size_t room = http_raw_keep_room(c), done = 0;

    while (done < length && room > PIPELINE_PBUF) {
        u16_t piece = (u16_t)LWIP_MIN(LWIP_MIN(length - done, PIPELINE_PIECE), room - PIPELINE_PBUF);
        struct pbuf *copy = pbuf_alloc(PBUF_RAW, piece, PBUF_RAM);
        if (copy == NULL) {
            break;
        }
        copy->flags |= PIPELINE_KEPT;
        pbuf_copy_partial(from, copy->payload, piece, (u16_t)(at + done));
        done += piece;
        room -= piece + PIPELINE_PBUF;
        if (*kept == NULL) {
            *kept = copy;
        } else {
            pbuf_cat(*kept, copy);
        }
    }
    return (u16_t)done;
}

/* The last `length` bytes came just now: keep a copy of as many as there is room for, and let the client send the
 * rest again. */
static void http_raw_pending_copy(struct http_raw_connection *c, size_t length)
{
    bool fin = c->pcb->state == CLOSE_WAIT;
    u16_t before = (u16_t)(c->pending->tot_len - length);
    struct pbuf *copy = NULL;
    u16_t kept = http_raw_copy(c, &copy, c->pending, before, length);

    if ((c->pending->flags & PIPELINE_KEPT) == 0) {
        http_raw_pending_drop(c);
        c->pending = copy;
    } else {
        pbuf_realloc(c->pending, before);
        if (copy != NULL) {
            pbuf_cat(c->pending, copy);
        }
    }
    if (kept == length) {
        return;
    }
    if (!c->finished && tcp_pcb_unreceive(c->pcb, length - kept)) {
        c->unfinished = fin;
        c->refused = (uint16_t)(c->refused + length - kept);
        c->nudged = false;
        return;
    }
    c->consumed = (uint16_t)(c->consumed + length - kept);
    http_raw_give_up(c);
}

/* What waits for its turn behind an answer must not hold an NTB block: keep a copy. */
static void http_raw_pending_keep(struct http_raw_connection *c)
{
    size_t fresh = http_raw_pending_new(c);

    if (fresh > 0) {
        http_raw_pending_copy(c, fresh);
    }
}

/* Nothing is read now: an answer comes first, or a route takes no more. */
static bool http_raw_is_busy(const struct http_raw_connection *c)
{
    return http_answering(&c->http) || http_closing(&c->http) || http_held(&c->http);
}

/* Let the engine consume what came. True: it consumed something. */
static bool http_raw_feed(struct http_raw_connection *c)
{
    struct pbuf *p = c->pending;
    bool was_idle = http_idle(&c->http);
    size_t used;

    if (http_raw_is_busy(c) || p == NULL) {
        return false;
    }
    used = http_input(&c->http, (char *)p->payload + c->pending_at, p->len - c->pending_at);
    size_t progress = c->progress + used / PROGRESS_UNIT;
    if (!http_leaving(&c->http) && ((was_idle && !http_idle(&c->http)) || http_upgraded(&c->http) ||
                                    progress >= HTTP_RAW_PROGRESS / PROGRESS_UNIT)) {
        c->since_ms = sys_now();
        progress = 0;
    }
    c->progress = (uint8_t)progress;
    c->consumed = (uint16_t)(c->consumed + used);
    http_raw_pending_skip(c, used);
    return true;
}

/* The configuration's check, when guesses are allowed. True: it has been asked. */
static bool http_raw_check(struct http_raw_connection *c)
{
    struct http_raw *server = http_raw_of(c);

    if (!http_checking(&c->http)) {
        return false;
    }
    if ((int32_t)(sys_now() - server->check_ms) < 0) {
        server->waits |= WAITS_CHECK;
        return false;
    }
    server->checked = c;
    server->check_ms = sys_now() + (http_check(&c->http) ? 0 : HTTP_RAW_GUESS_MS);
    return true;
}

/* There is room again for what was taken back: three equal ACKs make the client send it now (RFC 5681 3.2), and after what has come
 * again, the next of it: not every client does that by itself (partial ACKs, RFC 6582 [unread]). */
static void http_raw_nudge(struct http_raw_connection *c)
{
    if (c->refused > 0 && !c->nudged && c->pending == NULL && !http_raw_is_busy(c)) {
        c->nudged = true;
        for (unsigned i = 0; i < NUDGES; i++) {
            tcp_send_empty_ack(c->pcb);
        }
    }
}

/* Read, think, write, until nothing moves any more. */
static err_t http_raw_run(struct http_raw_connection *c)
{
    bool sent;

    do {
        if (http_raw_is_busy(c)) {
            http_raw_pending_keep(c); /* before the answer takes the memory */
        }
        sent = http_raw_send(c);
    } while ((sent || http_upgraded(&c->http)) && (http_raw_check(c) || http_raw_feed(c)));
    http_raw_pending_keep(c);
    if (http_broken(&c->http)) {
        return http_raw_abort(c);
    }
    tcp_recved(c->pcb, c->consumed); /* not before: it may acknowledge all that came */
    c->consumed = 0;
    c->narrow |= http_held(&c->http);
    if (http_raw_is_narrow(c)) {
        size_t waits = c->pending != NULL ? (size_t)(c->pending->tot_len - c->pending_at) : 0;
        if (!HTTP_BODIES || !c->narrow) {
            tcp_pcb_narrow(c->pcb, waits); /* a WebSocket: its client has waited for the answer */
        } else {
            size_t told = tcp_pcb_taper(c->pcb, waits);
            c->refused = (uint16_t)(waits > 0 && told > c->refused ? told : c->refused);
        }
    }
    tcp_output(c->pcb);
    http_raw_nudge(c);
    if (sent && (http_closing(&c->http) || (c->finished && c->pending == NULL && !http_raw_is_busy(c)))) {
        if (c->finished) {
            return http_raw_close(c);
        }
        if (!c->lingering) {
            c->lingering = true;
            c->since_ms = sys_now();
            if (tcp_shutdown(c->pcb, 0, 1) != ERR_OK) {
                return http_raw_abort(c);
            }
        }
    }
    return ERR_OK;
}

static err_t http_raw_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct http_raw_connection *c = arg;

    (void)error;
    if (p == NULL && c->unfinished) {
        c->unfinished = false;
        return ERR_OK;
    }
    if (p == NULL) {
        c->finished = true;
        return c->lingering ? http_raw_close(c) : http_raw_run(c);
    }
    if (c->lingering || c->gives_up) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    c->refused = (uint16_t)(c->refused - LWIP_MIN(c->refused, p->tot_len));
    c->nudged = false;
    if (c->pending == NULL) {
        c->pending = p;
    } else {
        pbuf_cat(c->pending, p);
    }
    return http_raw_run(c);
}

static err_t http_raw_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    struct http_raw_connection *c = arg;

    (void)pcb;
    (void)length;
    c->since_ms = sys_now();
    c->beat = http_raw_of(c)->guard->beats;
    c->proven = true;
    return http_raw_run(c);
}

/* For how long nothing may happen in the state that a connection is in. */
static uint32_t http_raw_limit_ms(const struct http_raw_connection *c)
{
    bool patient =
        http_waiting(&c->http) || http_held(&c->http) || http_upgraded(&c->http) || http_checking(&c->http);

    if (patient && !http_raw_has_stash(c) && tcp_guard_acknowledged(c->pcb)) {
        return http_leaving(&c->http)
                   ? HTTP_RAW_REQUEST_MS_MAX
                   : UINT32_MAX; /* the route's time; TCP's keepalive finds out if the client has gone */
    }
    bool answering = http_answering(&c->http) || http_raw_has_stash(c) || !tcp_guard_acknowledged(c->pcb);

    return answering             ? HTTP_RAW_SEND_MS_MAX
           : c->lingering        ? HTTP_RAW_LINGER_MS_MAX
           : http_idle(&c->http) ? HTTP_RAW_IDLE_MS_MAX
                                 : HTTP_RAW_REQUEST_MS_MAX;
}

/* Once a second: time limits, and another try. */
static err_t http_raw_polled(void *arg, struct tcp_pcb *pcb)
{
    struct http_raw_connection *c = arg;
    uint32_t limit_ms = http_raw_limit_ms(c);

    if (sys_now() - c->since_ms > limit_ms) {
        http_raw_of(c)->stats.timeouts++;
        if (limit_ms != HTTP_RAW_REQUEST_MS_MAX) {
            return limit_ms == HTTP_RAW_IDLE_MS_MAX ? http_raw_close(c) : http_raw_abort(c);
        }
        http_expire(&c->http);
        c->since_ms = sys_now();
    }
    if (c->stalled) {
        tcp_keepalive(pcb); /* its answer tells the window, should an update have been lost */
    }
    return http_raw_run(c);
}

/* Those whose clients had closed their windows, and have opened them. */
static void http_raw_stalled_run(struct http_raw *server)
{
    server->waits &= (uint8_t)~WAITS_WINDOW;
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[i];
        if (c->pcb == NULL || !c->stalled) {
            continue;
        }
        if (c->pcb->snd_wnd > 0) {
            c->stalled = false;
            http_raw_run(c);
        }
        server->waits |= c->pcb != NULL && c->stalled ? WAITS_WINDOW : 0;
    }
}

/* The PC is awake and memory is short: who keeps some without acknowledging is probed, then ended. */
static void http_raw_silent_look(struct http_raw *server, struct http_raw_connection *c)
{
    uint32_t beats = server->guard->beats - c->beat;

    if (http_raw_has_stash(c) && beats >= HTTP_RAW_BEATS_STASH) {
        server->stats.evicted++;
        http_raw_abort(c);
    } else if (c->pcb->unacked != NULL && beats >= (c->proven ? HTTP_RAW_BEATS_PROVEN : HTTP_RAW_BEATS_MAX)) {
        server->stats.evicted++;
        http_raw_abort(c);
    }
}

/* While memory is short. */
static void http_raw_reclaim(struct http_raw *server)
{
    const struct http_raw_connection *waits = NULL;

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        const struct http_raw_connection *c = &server->connections[i];
        waits = c->pcb != NULL && (c->waiting > 0 || c->waits_stash) ? c : waits;
    }
    if (waits == NULL || !tcp_guard_beat(server->guard, waits->pcb)) {
        return;
    }
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        if (server->connections[i].pcb != NULL) {
            http_raw_silent_look(server, &server->connections[i]);
        }
    }
    tcp_guard_reclaim(server->guard, server->connections, sizeof server->connections);
}

/* The turn passes to the next one. That of a carrier goes on: it comes first until its part is sent. */
static void http_raw_turn_pass(struct http_raw *server)
{
    server->next = (uint8_t)((server->next + 1) % HTTP_RAW_CONNECTIONS);
    if (!HTTP_ROUTES || server->carrier == NULL) {
        server->turn_since_ms = sys_now();
    }
}

/* Serve those that wait for memory, in turn. True: some still wait. */
static bool http_raw_turns(struct http_raw *server)
{
    bool still = false;

    if (HTTP_ROUTES && server->carrier != NULL) {
        server->next = (uint8_t)(server->carrier - server->connections); /* others need what it has */
    }
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[server->next];
        bool late = http_raw_turn_over(server);
        if (c->pcb != NULL && c->waiting > 0 && !tcp_guard_room(c->waiting - 1u)) {
            if (late) {
                http_raw_turn_pass(server);
            }
            return true; /* its turn comes first when there is memory */
        }
        if (c->pcb != NULL && c->waiting > 0) {
            c->waiting = 0;
            server->served = c;
            http_raw_run(c);
            server->served = NULL;
            still |= c->pcb != NULL && c->waiting > 0;
            if (c->pcb != NULL && c->waiting > 0 && !late) {
                return true; /* it goes on until its answer is complete */
            }
        }
        http_raw_turn_pass(server);
    }
    return still;
}

/* Those that wait for the stash, one after the other. */
static void http_raw_stash_serve(struct http_raw *server)
{
    bool taken = server->stasher != NULL;

    server->waits = (uint8_t)((server->waits & ~WAITS_STASH) | (taken ? WAITS_STASH : 0));
    for (size_t i = 0; !taken && i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[server->stash_next];
        server->stash_next = (uint8_t)((server->stash_next + 1) % HTTP_RAW_CONNECTIONS);
        if (c->pcb != NULL && c->waits_stash) {
            c->waits_stash = false;
            http_raw_run(c);
            taken = server->stasher != NULL;
            server->waits |= WAITS_STASH; /* there may be more of them */
        }
    }
}

/* Routes that were woken, and checks whose time has come. */
static void http_raw_wake(struct http_raw *server)
{
    bool checks = (server->waits & WAITS_CHECK) != 0 && (int32_t)(sys_now() - server->check_ms) >= 0;
    struct http_raw_connection *c = server->checked;

    (void)__atomic_exchange_n(&server->site.woken, false,
                              __ATOMIC_ACQ_REL); /* before the others are looked at */
    server->waits &= (uint8_t)(checks ? ~WAITS_CHECK : ~0);
    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        c = c < &server->connections[HTTP_RAW_CONNECTIONS - 1] ? c + 1 : server->connections;
        bool woken = __atomic_load_n(&c->http.woken, __ATOMIC_RELAXED) &&
                     __atomic_exchange_n(&c->http.woken, false, __ATOMIC_ACQ_REL);
        if (c->pcb != NULL && woken) {
            if (tcp_guard_acknowledged(c->pcb) && !http_leaving(&c->http)) {
                c->since_ms = sys_now();
            }
            http_resume(&c->http);
        }
        if (c->pcb != NULL && (woken || (checks && http_checking(&c->http)))) {
            http_raw_run(c);
        }
    }
}

void http_raw_poll(struct http_raw *server)
{
    bool woken = __atomic_load_n(&server->site.woken, __ATOMIC_RELAXED);

    if (!woken && server->waits == 0 && !server->guard->need) {
        return;
    }
    if (woken || (server->waits & WAITS_CHECK) != 0) {
        http_raw_wake(server);
    }
    if ((server->waits & WAITS_WINDOW) != 0) {
        http_raw_stalled_run(server);
    }
    if ((server->waits & WAITS_STASH) != 0) {
        http_raw_stash_serve(server);
    }
    if (server->guard->need) {
        server->guard->need = http_raw_turns(server);
    }
    if (server->guard->need || (server->waits & WAITS_STASH) != 0) {
        http_raw_reclaim(server);
    }
}

/* lwIP has freed the pcb already. */
static void http_raw_failed(void *arg, err_t error)
{
    struct http_raw_connection *c = arg;

    (void)error;
    http_raw_release(c);
}

/* It keeps memory for a client that has never acknowledged anything, and has had time to. */
static bool http_raw_is_silent(const struct http_raw_connection *c, uint32_t now)
{
    return !c->proven && c->pcb->unacked != NULL && now - c->since_ms > HTTP_RAW_SILENT_MS_MIN;
}

/* Whether `a` should go rather than `b`: one that is silent, else the one that was useful longest ago. */
static bool http_raw_goes_first(const struct http_raw_connection *a, const struct http_raw_connection *b,
                                uint32_t now)
{
    bool a_silent = http_raw_is_silent(a, now), b_silent = http_raw_is_silent(b, now);
    bool a_waits = http_waiting(&a->http) || http_held(&a->http) || http_upgraded(&a->http);
    bool b_waits = http_waiting(&b->http) || http_held(&b->http) || http_upgraded(&b->http);

    if (a_waits != b_waits && a_silent == b_silent) {
        return b_waits; /* one that is to stay open for long goes last */
    }
    return a_silent != b_silent ? a_silent : now - a->since_ms > now - b->since_ms;
}

/* A free slot, if need be another one's. */
static struct http_raw_connection *http_raw_slot_take(struct http_raw *server)
{
    struct http_raw_connection *oldest = &server->connections[0];
    uint32_t now = sys_now();

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        struct http_raw_connection *c = &server->connections[i];
        if (c->pcb == NULL) {
            return c;
        }
        if (http_raw_goes_first(c, oldest, now)) {
            oldest = c;
        }
    }
    server->stats.evicted++;
    http_raw_abort(oldest);
    return oldest;
}

static err_t http_raw_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct http_raw *server = arg;
    struct http_raw_connection *c;

    if (error != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    c = http_raw_slot_take(server);
    server->stats.connections++;
    memset(c, 0, offsetof(struct http_raw_connection, http));
    c->pcb = pcb;
    c->since_ms = sys_now();
    http_begin(&c->http, &server->site, lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(&pcb->remote_ip))));
    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = HTTP_RAW_KEEP_MS;
    tcp_arg(pcb, c);
    tcp_recv(pcb, http_raw_received);
    tcp_sent(pcb, http_raw_sent);
    tcp_err(pcb, http_raw_failed);
    tcp_poll(pcb, http_raw_polled, POLL_INTERVAL);
    tcp_nagle_disable(pcb);
    return ERR_OK;
}

bool http_raw_listen(struct http_raw *server, const struct http_config *config, uint16_t port,
                     struct tcp_guard *guard)
{
    memset(server, 0, sizeof *server);
    server->site.config = config;
    server->guard = guard;
    server->checked = server->connections;
    server->listener = tcp_pcb_listen(port, server, http_raw_accepted);
    return server->listener != NULL;
}

unsigned http_raw_open(const struct http_raw *server)
{
    unsigned open = 0;

    for (size_t i = 0; i < HTTP_RAW_CONNECTIONS; i++) {
        open += server->connections[i].pcb != NULL;
    }
    return open;
}
