/*
 * See updater.h. The route's own state is the error that its request has met.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/updater.h"

#include <string.h>

#include "board/image.h"
#include "os/os.h"
#include "plugnet/report.h"

#define TRIAL_S      120u
#define SAY_MS       50u
#define LEAVE_MS     250u /* the answer to POST gets through meanwhile */
#define REST_MS      50u  /* between two uploads' standstills: several requests from connect to answer */
#define BUILD_DIGITS (2 * IMAGE_BUILD)

struct attempt {
    enum update_error error;
    uint8_t given; /* characters of `build` */
    char build[BUILD_DIGITS];
};
_Static_assert(sizeof(struct attempt) <= HTTP_STATE_MAX, "HTTP_STATE_MAX is at least 40");

static struct updater *updater_of(const struct http_request *r)
{
    return (struct updater *)(uintptr_t)http_data(r);
}

static const struct plugnet_updater_config *config_of(const struct updater *u)
{
    static const struct plugnet_updater_config defaults;

    return u->config != NULL ? u->config : &defaults;
}

/* ---- Words ---- */

static void put_version(struct text *out, const struct image_version *v)
{
    text_put_u32(out, v->major);
    text_put(out, ".");
    text_put_u32(out, v->minor);
    text_put(out, ".");
    text_put_u32(out, v->patch);
    if (v->pre[0] != 0) {
        text_put(out, "-");
        text_put(out, v->pre);
    }
}

static void put_build(struct text *out, const struct image *image)
{
    for (unsigned i = 0; i < IMAGE_BUILD; i++) {
        text_put_hex(out, image->build[i], 2);
    }
}

/* How the last swap has ended; NULL: there was none, or it isn't over. */
static const char *last_result(const struct journal *j)
{
    switch (j->last.code) {
    case JOURNAL_CONFIRMED: return "confirmed";
    case JOURNAL_RESTORED: return "restored";
    case JOURNAL_REFUSED: return "refused";
    default: return NULL;
    }
}

static const char *last_reason(const struct journal *j)
{
    static const char *const refusals[] = {"unknown", "header", "board", "base", "length", "crc", "flash"};
    struct board_report report = {.reason = j->last.index};

    if (j->last.code == JOURNAL_REFUSED) {
        return refusals[j->last.index < sizeof refusals / sizeof refusals[0] ? j->last.index : 0];
    }
    switch (j->last.index) {
    case JOURNAL_TIME: return "not confirmed in time";
    case JOURNAL_ASKED: return "given up by itself";
    case JOURNAL_NOT_WHOLE: return "damaged in flash";
    case JOURNAL_REPLACED: return "replaced by DFU";
    default: return j->last.code == JOURNAL_RESTORED ? plugnet_report_reason(&report) : "";
    }
}

static void say(const char *text, const struct image_version *version, const char *reason)
{
    char line[100];
    struct text t = text_over(line, sizeof line - 1);

    text_put(&t, "update: ");
    if (version != NULL) {
        put_version(&t, version);
    }
    text_put(&t, text);
    text_put(&t, reason);
    text_put(&t, "\n");
    line[t.length] = 0;
    board_log(line);
}

/* ---- The service ---- */

const char *plugnet_updater_start(void *updater, struct plugnet *p)
{
    struct updater *u = updater;
    const struct plugnet_updater_config *c = config_of(u);

    if (c->update.trust != NULL && plugnet_has_dfu(p) && !c->dfu) {
        return "DFU takes any image: a product with a key lists &plugnet_ncm in place of PLUGNET_DEFAULT_FUNCTIONS, or sets .dfu = true";
    }
    u->plugnet = p;
    update_open(&u->update, &c->update);
    u->fed = u->update.on_trial;
    return NULL;
}

/* Whose turn it is: the one who sends is asked again, or told how it has ended. */
static void owner_wake(struct updater *u)
{
    if (u->owner != NULL && u->held) {
        u->held = false;
        http_wake(u->owner);
    }
}

/* It erases or verifies, and the owner waits for that. */
static bool works(const struct updater *u)
{
    return u->update.state == UPDATE_ERASING || u->update.state == UPDATE_VERIFYING;
}

/* The owner's upload ends, and it is told so. */
static void break_off(struct updater *u)
{
    struct attempt *attempt = http_state(u->owner);

    attempt->error = UPDATE_ABANDONED;
    update_cancel(&u->update, UPDATE_ABANDONED);
    owner_wake(u);
    u->owner = NULL;
}

void plugnet_updater_poll(void *updater)
{
    struct updater *u = updater;

    if (u->update.state == UPDATE_IDLE) {
        return;
    }
    if (u->owner != NULL && u->plugnet->usb.state != USB_CONFIGURED) {
        break_off(u); /* the cable is out: nobody waits for that connection's time-out */
        return;
    }
    if (u->update.state == UPDATE_ERASING && u->update.slot->stalls) {
        if (u->update.at == 0 && u->rest_ms > 0) {
            return; /* a round of the loop follows each tick */
        }
        u->rest_ms = REST_MS;
    }
    if (update_poll(&u->update)) {
        os_loop_wake(); /* the others first, then the next piece */
    } else {
        owner_wake(u);
    }
}

/* What the log should hold. Not at start: it has room for a line and a half, and why the board was reset is said then. */
static void say_all(struct updater *u)
{
    uint8_t last = u->update.journal.last.code;

    u->said = true;
    if (u->update.on_trial) {
        say(" is on trial", &u->update.installed.version, "");
    } else if (last == JOURNAL_RESTORED || last == JOURNAL_REFUSED) {
        say(last == JOURNAL_RESTORED ? "the old version is back: " : "refused by the boot loader: ", NULL,
            last_reason(&u->update.journal));
    } else if (config_of(u)->update.trust == NULL) {
        say("files need no signature", NULL, "");
    }
}

static bool page_was_served(const struct updater *u)
{
    const struct http_stats *http = u->plugnet->http;

    return http != NULL && http->good > 0;
}

static void trial_tick(struct updater *u)
{
    const struct plugnet_updater_config *c = config_of(u);
    uint32_t trial_s = c->trial_s != 0 ? c->trial_s : TRIAL_S;

    if (!c->own_confirm && page_was_served(u)) {
        plugnet_updater_confirm(u);
        return;
    }
    u->tried_ms += u->plugnet->usb.state == USB_CONFIGURED && !u->plugnet->usb.suspended;
    if (u->tried_ms >= trial_s * 1000 && update_back(&u->update, JOURNAL_TIME)) {
        board_reset();
    }
}

void plugnet_updater_tick(void *updater, uint32_t now_ms)
{
    struct updater *u = updater;

    u->now_ms = now_ms;
    u->rest_ms -= u->rest_ms > 0;
    if (u->said && !u->fed && !u->leaves) {
        return; /* most of the time */
    }
    if (!u->said && now_ms >= SAY_MS) {
        say_all(u);
    }
    if (u->fed && u->plugnet->config->watchdog == NULL) {
        board_watchdog_feed();
    }
    if (u->update.on_trial) {
        trial_tick(u);
    }
    if (u->leaves && (int32_t)(now_ms - u->leave_ms) >= 0) {
        board_reset();
    }
}

void plugnet_updater_confirm(struct updater *u)
{
    if (update_confirm(&u->update)) {
        say(" is confirmed", &u->update.installed.version, "");
    }
}

void plugnet_updater_give_up(struct updater *u)
{
    if (update_back(&u->update, JOURNAL_ASKED)) {
        board_reset();
    }
}

/* ---- The route ---- */

uint16_t plugnet_updater_begin(struct http_request *r)
{
    struct updater *u = updater_of(r);
    struct attempt *attempt = http_state(r);

    if (u->plugnet == NULL) {
        board_log("update: PLUGNET_UPDATER is missing in .services\n");
        return 501;
    }
    if (http_method(r) == HTTP_POST && http_body_length(r) <= BUILD_DIGITS) {
        return 0;
    }
    if (http_method(r) != HTTP_PUT) {
        return http_body_length(r) == 0 ? 0 : 413;
    }
    attempt->error = u->owner != NULL ? UPDATE_BUSY : update_begin(&u->update, http_body_length(r));
    if (attempt->error == UPDATE_OK) {
        u->owner = r;
        u->held = true;
        http_hold(r);
    }
    return 0;
}

/* What is refused is read all the same: a browser hears of an answer only when it has sent all. Others have their turn meanwhile,
 * since a body in chunks may never end. */
size_t plugnet_updater_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    struct updater *u = updater_of(r);
    struct attempt *attempt = http_state(r);
    size_t taken;

    if (http_method(r) == HTTP_POST) {
        for (size_t i = 0; i < length; i++) {
            attempt->build[attempt->given++] =
                (char)(bytes[i] | 0x20); /* lower case; as many as were announced */
        }
        return length;
    }
    if (u->owner != r) {
        return length;
    }
    taken = update_write(&u->update, bytes, length);
    u->held |= taken < length;
    if (u->update.state == UPDATE_IDLE) {
        attempt->error = u->update.error;
        u->owner = NULL;
        u->held = false;
    }
    return taken;
}

static uint16_t status_of(enum update_error error)
{
    switch (error) {
    case UPDATE_OK: return 200;
    case UPDATE_BUSY:
    case UPDATE_ON_TRIAL:
    case UPDATE_NOTHING:
    case UPDATE_OTHER_BUILD:
    case UPDATE_ABANDONED: return 409;
    case UPDATE_TOO_LONG: return 413;
    case UPDATE_FLASH:
    case UPDATE_NO_JOURNAL: return 500;
    case UPDATE_NO_SLOT:
    case UPDATE_OLD_LOADER: return 501;
    default: return 422;
    }
}

static uint16_t put_end(struct updater *u, struct http_request *r, struct attempt *attempt)
{
    if (u->owner != r) {
        return status_of(attempt->error);
    }
    update_finish(&u->update);
    if (works(u)) {
        u->held = true;
        return HTTP_LATER;
    }
    attempt->error = u->update.error;
    return status_of(attempt->error);
}

/* What is staged is what the request names; it may name nothing. */
static bool build_meant(const struct updater *u, const struct attempt *attempt)
{
    char digits[BUILD_DIGITS + 1];
    struct text staged = text_over(digits, sizeof digits - 1);

    put_build(&staged, &u->update.staged);
    return attempt->given == 0 ||
           (attempt->given == BUILD_DIGITS && memcmp(digits, attempt->build, BUILD_DIGITS) == 0);
}

static uint16_t post_end(struct updater *u, struct attempt *attempt)
{
    attempt->error = u->update.state == UPDATE_READY && !build_meant(u, attempt) ? UPDATE_OTHER_BUILD
                                                                                 : update_install(&u->update);
    if (attempt->error != UPDATE_OK) {
        return status_of(attempt->error);
    }
    u->leaves = true;
    u->leave_ms = u->now_ms + LEAVE_MS;
    return 202;
}

/* Forget what is staged, or is just coming: a sender that dawdles keeps nobody out. */
static uint16_t delete_end(struct updater *u, struct attempt *attempt)
{
    if (u->update.state == UPDATE_INSTALLING) {
        attempt->error = UPDATE_BUSY;
    } else if (u->owner != NULL) {
        break_off(u);
    } else {
        update_cancel(&u->update, UPDATE_OK);
    }
    return status_of(attempt->error);
}

uint16_t plugnet_updater_end(struct http_request *r)
{
    struct updater *u = updater_of(r);
    struct attempt *attempt = http_state(r);

    switch (http_method(r)) {
    case HTTP_PUT: return put_end(u, r, attempt);
    case HTTP_POST: return post_end(u, attempt);
    case HTTP_DELETE: return delete_end(u, attempt);
    default: attempt->error = u->update.error; return 200;
    }
}

/* Members of an object. */
static void put_image(struct text *out, const struct image *image)
{
    char version[sizeof "65535.65535.65535-" + IMAGE_PRE];
    struct text t = text_over(version, sizeof version - 1);

    put_version(&t, &image->version);
    version[t.length] = 0;
    text_put(out, "\"product\":");
    text_put_json_string(out, image->product);
    text_put(out, ",\"version\":");
    text_put_json_string(out, version); /* one that no tool of ours has stamped may hold anything printable */
    text_put(out, ",\"git\":");
    text_put_json_string(out, image->git);
    text_put(out, ",\"build\":\"");
    put_build(out, image);
    text_put(out, "\"");
}

static void put_state(const struct updater *u, const struct attempt *attempt, struct text *out)
{
    static const char *const states[] = {"idle", "erasing", "receiving", "verifying", "ready", "installing"};
    const struct update *update = &u->update;

    text_put(out, ",\"signed\":");
    text_put_bool(out, config_of(u)->update.trust != NULL);
    text_put(out, ",\"loader\":");
    text_put_bool(out, board_image_swaps());
    text_put(out, ",\"state\":\"");
    text_put(out, update->on_trial ? "trial" : states[update->state]);
    text_put(out, "\"");
    text_put_json_u32(out, "received", update->received);
    text_put_json_u32(out, "length", update->announced == UINT32_MAX ? 0 : update->announced);
    text_put(out, ",\"error\":");
    if (attempt->error == UPDATE_OK) {
        text_put(out, "null");
    } else {
        text_put(out, "{\"code\":\"");
        text_put(out, update_error_code(attempt->error));
        text_put(out, "\",\"reason\":\"");
        text_put(out, update_error_text(attempt->error));
        text_put(out, "\"}");
    }
}

static void put_last(const struct updater *u, struct text *out)
{
    const char *result = last_result(&u->update.journal);

    text_put(out, ",\"last\":");
    if (result == NULL) {
        text_put(out, "null");
        return;
    }
    text_put(out, "{\"result\":\"");
    text_put(out, result);
    text_put(out, "\",\"reason\":\"");
    text_put(out, last_reason(&u->update.journal));
    text_put(out, "\"}");
}

enum http_progress plugnet_updater_output(struct http_request *r, struct text *out)
{
    const struct updater *u = updater_of(r);
    bool staged = u->update.state >= UPDATE_VERIFYING;

    if (http_part(r) == 0) {
        text_put(out, "{\"board\":");
        text_put_json_string(out, board_info()->name);
        text_put(out, ",");
        put_image(out, &u->update.installed);
        put_state(u, http_state(r), out);
        return HTTP_MORE;
    }
    text_put(out, ",\"staged\":");
    text_put(out, staged ? "{" : "null");
    if (staged) {
        put_image(out, &u->update.staged);
        text_put(out, "}");
    }
    put_last(u, out);
    text_put(out, "}\n");
    return HTTP_END;
}

void plugnet_updater_gone(struct http_request *r)
{
    struct updater *u = updater_of(r);

    if (u->owner != r) {
        return;
    }
    u->owner = NULL;
    u->held = false;
    if (u->update.state != UPDATE_READY && u->update.state != UPDATE_IDLE) {
        update_cancel(&u->update, UPDATE_ABANDONED);
    }
}
