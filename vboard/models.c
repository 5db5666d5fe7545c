/*
 * The boards that are known: what is soldered around a chip. See struct vboard_model.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <string.h>

static const struct vboard_model stm32f4discovery = {
    .id = "stm32f4discovery",
    .name = "STM32F4DISCOVERY",
    .chip = &chip_stm32f407,
    .hse_hz = 8000000,
    .leds = {{"green", VBOARD_PIN('D', 12), false},
             {"orange", VBOARD_PIN('D', 13), false},
             {"red", VBOARD_PIN('D', 14), false},
             {"blue", VBOARD_PIN('D', 15), false}},
    .button_pin = VBOARD_PIN('A', 0),
    .button_active_low = false,
    .vbus_pin = VBOARD_PIN('A', 9),
    .vbus_switch_pin = VBOARD_PIN('C', 0),
};

static const struct vboard_model stm32l476discovery = {
    .id = "32l476gdiscovery",
    .name = "32L476GDISCOVERY",
    .chip = &chip_stm32l476,
    .lse_hz = 32768,
    .leds = {{"red", VBOARD_PIN('B', 2), false}, {"green", VBOARD_PIN('E', 8), false}},
    .button_pin = VBOARD_PIN('A', 0), /* the joystick's centre */
    .button_active_low = false,
    .button_floats = true,
    .vbus_pin = VBOARD_PIN('C', 11), /* PA9 drives the LCD */
    .vbus_switch_pin = VBOARD_NO_PIN,
};

static const struct vboard_model blackpill_f411 = {
    .id = "blackpill-f411",
    .name = "Black Pill F411",
    .chip = &chip_stm32f411,
    .hse_hz = 25000000,
    .leds = {{"blue", VBOARD_PIN('C', 13), true}},
    .button_pin = VBOARD_PIN('A', 0),
    .button_active_low = true,
    .button_floats = true,
    .vbus_pin = VBOARD_NO_PIN,
    .vbus_switch_pin = VBOARD_NO_PIN,
};

const struct vboard_model *const vboard_models[] = {&stm32f4discovery, &stm32l476discovery, &blackpill_f411,
                                                    NULL};

const struct vboard_model *vboard_model_find(const char *id)
{
    for (unsigned i = 0; vboard_models[i]; i++)
        if (strcmp(vboard_models[i]->id, id) == 0)
            return vboard_models[i];
    return NULL;
}
