/*
 * The device's names: made of one label, and made anew when a product renames it. DNS and HTTP hold pointers to the texts, and so
 * follow by themselves.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet_name.h"

#include <string.h>

#include "os/os.h"
#include "wire/text.h"

#define ID_LENGTH 4

bool plugnet_name_good(const char *name, size_t length_max, char dot)
{
    size_t at = 0;
    char before = dot;

    for (;; at++) {
        char c = name[at], lower = (char)(c | 0x20);
        if (c == dot || c == '-' || c == 0) {
            if (before == dot || (before == '-' && c != '-')) {
                return false;
            }
        } else if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9')) {
            return false;
        }
        if (c == 0) {
            return at <= length_max;
        }
        before = c;
    }
}

static void plugnet_name_put(char *out, size_t size, const char *label, const char *behind)
{
    struct text t = text_over(out, size - 1);

    text_put(&t, label);
    text_put(&t, behind);
    os_assert(!t.overflow);
    out[t.length] = 0;
}

void plugnet_names_set(struct plugnet *p, const char *label, const char *id)
{
    char tail[ID_LENGTH + 2] = "-";

    memcpy(tail + 1, id, ID_LENGTH + 1);
    p->label = label;
    plugnet_name_put(p->unique_label, sizeof p->unique_label, label, tail);
    plugnet_name_put(p->local, sizeof p->local, label, ".local");
    plugnet_name_put(p->unique_local, sizeof p->unique_local, p->unique_label, ".local");
    plugnet_name_put(p->internal, sizeof p->internal, label, ".internal");
    plugnet_name_put(p->home, sizeof p->home, label, ".home.arpa");
}

static void plugnet_services_renamed(struct plugnet *p, bool changed)
{
    for (const struct plugnet_service *const *service = p->config->services; *service != NULL; service++) {
        if ((*service)->renamed != NULL) {
            (*service)->renamed((*service)->state, p, changed);
        }
    }
}

bool plugnet_name_fits(const char *name)
{
    return name != NULL && plugnet_name_good(name, PLUGNET_NAME_MAX, 0);
}

bool plugnet_rename(struct plugnet *p, const char *name)
{
    char id[ID_LENGTH + 1], label[PLUGNET_NAME_MAX + 1]; /* a copy: `name` may be one of ours */
    bool good = p->usb.config != NULL && plugnet_name_fits(name);

    if (good) {
        memcpy(label, name, strlen(name) + 1);
        memcpy(id, p->unique_label + strlen(p->unique_label) - ID_LENGTH, sizeof id);
        plugnet_services_renamed(p, false);
        plugnet_names_set(p, label, id);
        plugnet_services_renamed(p, true);
    }
    return good;
}
