/*
 * Takes a sample 20 times a second and hands it to those who show it.
 */
/* SPDX-License-Identifier: MIT */
#include "board/board.h"
#include "meter.h"

static struct sampler {
    const struct plugnet *plugnet;
    uint32_t due_ms;
    struct sample sample;
    bool started;
} sampler;

const struct sample *sample_now(void)
{
    return &sampler.sample;
}

void sample_put(struct text *out, const struct sample *sample)
{
    struct json_writer w = json_writer_over(out);

    json_object_begin(&w);
    json_put_member_u32(&w, "n", sample->number);
    json_put_member_u32(&w, "ms", sample->ms);
    json_put_key(&w, "volts");
    json_put_fixed(&w, sample->millivolts, 3);
    json_put_member_u32(&w, "load_permille", sample->load_permille);
    json_put_member_bool(&w, "button", sample->button);
    json_object_end(&w);
}

static const char *sampler_start(void *state, struct plugnet *p)
{
    struct sampler *s = state;

    s->plugnet = p;
    s->due_ms = board_time_ms();
    return NULL;
}

static void sampler_tick(void *state, uint32_t now_ms)
{
    struct sampler *s = state;

    if ((int32_t)(now_ms - s->due_ms) < 0) {
        return;
    }
    s->due_ms += SAMPLE_MS;
    s->sample = (struct sample){
        .number = s->started ? s->sample.number + 1 : 0,
        .ms = now_ms,
        .load_permille = s->plugnet->load_permille,
        .button = board_button(),
    };
    s->sample.millivolts = wave_millivolts(&settings_now()->wave, s->sample.number);
    s->started = true;
    live_tell(&s->sample);
}

static void sampler_status(void *state, struct text *out)
{
    text_put_json_u32(out, "samples", ((const struct sampler *)state)->sample.number + 1);
}

const struct plugnet_service sampler_service = {.name = "sampler",
                                                .state = &sampler,
                                                .start = sampler_start,
                                                .tick = sampler_tick,
                                                .status = sampler_status};
