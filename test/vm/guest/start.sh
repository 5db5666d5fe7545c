#!/bin/sh
# The guest's first process once its root is there: what an init system would do, then the tests, then off.
# SPDX-License-Identifier: MIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t tmpfs tmpfs /run
mkdir -p /dev/pts /run/lock /run/dbus /var/lib/dhcp
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# This machine may be a container, the guest is none; and eth0 is up already, so udev must not try to rename it.
rm -f /.dockerenv /run/.containerenv
mkdir -p /etc/udev/rules.d
ln -sf /dev/null /etc/udev/rules.d/80-net-setup-link.rules
hostname guest
sysctl -q -w kernel.printk="4 4 1 7"
ip link set lo up
modprobe -a cdc_ncm cdc_acm
export REDIR=$(sed -n 's/.*plugnet.redir=\([^ ]*\).*/\1/p' /proc/cmdline)
if [ -n "$REDIR" ]; then
    modprobe -a xhci_pci uhci_hcd
else
    modprobe -a virtio_net vhci-hcd
    ip link set eth0 up
    ip addr add 10.0.2.15/24 dev eth0
fi

top=$(sed -n 's/.*plugnet.top=\([^ ]*\).*/\1/p' /proc/cmdline)
names=$(sed -n 's/.*plugnet.run=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
export CHECK=$(sed -n 's/.*plugnet.check=\([^ ]*\).*/\1/p' /proc/cmdline)
export KERNEL=$(sed -n 's/.*plugnet.kernel=\([^ ]*\).*/\1/p' /proc/cmdline)
cd "$top/test/vm/guest" || exit 1
if [ "$names" = shell ]; then
    /usr/bin/python3 main.py attach
    echo "The board is plugged in; this is a Linux guest with its drivers. Leave with exit."
    setsid sh -c 'exec bash --norc -i < /dev/ttyS0 > /dev/ttyS0 2>&1'
else
    # Word splitting is meant: one argument a name.
    /usr/bin/python3 main.py $names > /dev/ttyS1 2>&1 < /dev/null
fi
busybox poweroff -f
