/*
 * A TAP device: see tap.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int tap_open(const char *name, char *error, size_t error_size)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    if (strlen(name) == 0 || strlen(name) >= IFNAMSIZ) {
        snprintf(error, error_size, "--tap %s: a name has 1 to %d characters", name, IFNAMSIZ - 1);
        return -1;
    }
    strcpy(request.ifr_name, name);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENODEV || errno == ENXIO;
        snprintf(error, error_size, "--tap %s: /dev/net/tun: %s%s", name, strerror(errno),
                 missing ? " (the kernel's tun module is not there; --forward works without)"
                         : " (needs root or CAP_NET_ADMIN; --forward works without)");
        return -1;
    }
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        snprintf(error, error_size, "--tap %s: %s%s", name, strerror(errno),
                 errno == EPERM ? " (needs root or CAP_NET_ADMIN; --forward works without)" : "");
        close(fd);
        return -1;
    }
    return fd;
}

bool tap_up(int fd, const char *name, const uint8_t mac[6])
{
    struct ifreq request = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};
    (void)fd;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0) {
        return false;
    }
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    memcpy(request.ifr_hwaddr.sa_data, mac, 6);
    bool good = ioctl(s, SIOCSIFHWADDR, &request) == 0;
    if (good && ioctl(s, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP;
        good = ioctl(s, SIOCSIFFLAGS, &request) == 0;
    }
    int why = errno;
    close(s);
    errno = why;
    return good;
}

void tap_carrier(int fd, bool on)
{
#ifdef TUNSETCARRIER
    int value = on;
    ioctl(fd, TUNSETCARRIER, &value);
#else
    (void)fd;
    (void)on;
#endif
}
