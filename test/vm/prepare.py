#!/usr/bin/env python3
"""Get what the Linux guest needs, once: a kernel, and programs that must never be installed on this machine.

    test/vm/prepare.py            fills build/vm; says nothing if all is there

    build/vm/deb/                 Debian packages as they were downloaded
    build/vm/root/                their files, laid over this machine's own root in the guest
    build/vm/vmlinuz, initrd      kernel, and a start that mounts both

Nothing is installed, no maintainer's script runs. Packages that are installed here already are not downloaded: the
guest sees them on this machine's root.
"""
# SPDX-License-Identifier: MIT
import concurrent.futures
import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "build", "vm")
KERNEL = "linux-image-amd64"
PACKAGES = """
    kmod iproute2 iputils-ping procps curl python3 python3-usb usbip usbutils ethtool tcpdump
    isc-dhcp-client dhcpcd-base udhcpc network-manager systemd systemd-resolved dbus avahi-daemon avahi-utils
    libnss-mdns libnss-resolve kea-admin dnsperf bind9-dnsutils wrk iperf nmap hping3 dfu-util picocom
""".split()
# What the start needs before it has a root: the 9p file system over virtio, and overlayfs.
START_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]
BUSYBOX = "/bin/busybox"

START = """#!/bin/busybox sh
# The guest's start: this machine's root, read-only, below the unpacked packages, below memory.
/bin/busybox mkdir -p /proc /sys /dev /ro /extra /rw /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules/order); do
    /bin/busybox insmod /modules/$module || echo "start: $module can't be loaded"
done
top=$(/bin/busybox sed -n 's/.*plugnet.top=\\([^ ]*\\).*/\\1/p' /proc/cmdline)
options=trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose
/bin/busybox mount -t 9p -o $options host /ro
/bin/busybox mount -t 9p -o $options extra /extra
/bin/busybox mount -t tmpfs -o size=2g tmpfs /rw
/bin/busybox mkdir -p /rw/upper /rw/work
/bin/busybox mount -t overlay -o lowerdir=/extra:/ro,upperdir=/rw/upper,workdir=/rw/work overlay /root
for place in proc sys dev; do
    /bin/busybox mount --move /$place /root/$place
done
exec /bin/busybox switch_root /root /bin/sh $top/test/vm/guest/start.sh
"""


class Failed(Exception):
    pass


def say(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


def run(*words, cwd=None):
    done = subprocess.run(words, cwd=cwd, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
    if done.returncode != 0:
        raise Failed(f"{' '.join(words[:4])} …: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return done.stdout


def packages_missing():
    """Names of the packages that apt would install now for PACKAGES."""
    text = run("apt-get", "-s", "-y", "--no-install-recommends", "install", *PACKAGES)
    return sorted(set(re.findall(r"^Inst (\S+)", text, re.M)))


def kernel_find():
    text = run("apt-cache", "depends", KERNEL)
    found = re.search(r"Depends: (linux-image-\S+)", text)
    if not found:
        raise Failed(f"{KERNEL} depends on no kernel")
    return found[1]


def unpack(deb, folder):
    run("dpkg-deb", "-x", deb, folder)


def merge_usr(folder):
    """Debian's root has /bin, /lib and /sbin as links into /usr: what old packages put there moves."""
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        place = os.path.join(folder, name)
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.copytree(place, os.path.join(folder, "usr", name), symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(place)


def depmod(folder, version):
    """By this machine's kmod, or by the one just unpacked."""
    kmod = next(path for path in ("/bin/kmod", os.path.join(folder, "bin", "kmod")) if os.path.exists(path))
    subprocess.run(["depmod", "-b", folder, version], executable=kmod, check=True, stderr=subprocess.DEVNULL)


def module_files(modules, names):
    """Files of these modules and of what they need, in an order that works."""
    needs = {}
    with open(os.path.join(modules, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[os.path.basename(path).split(".ko")[0].replace("-", "_")] = (path, rest.split())
    order = []

    def add(path):
        if path not in order:
            for needed in needs[os.path.basename(path).split(".ko")[0].replace("-", "_")][1][::-1]:
                add(needed)
            order.append(path)

    for name in names:
        if name.replace("-", "_") in needs:  # else it is part of the kernel itself
            add(needs[name.replace("-", "_")][0])
    return [os.path.join(modules, path) for path in order]


def cpio_write(path, files):
    """A "newc" archive: (name, mode, bytes) each. Source: the kernel's initramfs buffer format [unread]."""
    blob = bytearray()

    def entry(name, mode, data, number):
        head = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        blob.extend(b"070701" + b"".join(b"%08X" % value for value in head) + name.encode() + b"\0")
        blob.extend(bytes(-len(blob) % 4))
        blob.extend(data)
        blob.extend(bytes(-len(blob) % 4))

    for number, (name, mode, data) in enumerate(files, 1):
        entry(name, mode, data, number)
    entry("TRAILER!!!", 0, b"", 0)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(bytes(blob))


def libraries(program):
    """Paths of the shared libraries of a program, by ldd."""
    done = subprocess.run(["ldd", program], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return re.findall(r"(/\S+) \(0x", done.stdout) if done.returncode == 0 else []


def initrd_make(folder, modules):
    files = [(name, 0o40755, b"") for name in ("bin", "modules", "proc", "sys", "dev", "lib", "lib64", "usr")]
    names = []
    for path in module_files(modules, START_MODULES):
        with open(path, "rb") as file:
            files.append((f"modules/{os.path.basename(path)}", 0o100644, file.read()))
        names.append(os.path.basename(path))
    files.append(("modules/order", 0o100644, "\n".join(names).encode()))
    folders = set()
    for path in [BUSYBOX, *libraries(BUSYBOX)]:
        with open(path, "rb") as file:
            data = file.read()
        parts = path.strip("/").split("/")
        for i in range(1, len(parts)):
            place = "/".join(parts[:i])
            if place not in folders and place not in [name for name, _, _ in files]:
                files.append((place, 0o40755, b""))
            folders.add(place)
        files.append((path.strip("/"), 0o100755, data))
    files.append(("init", 0o100755, START.encode()))
    cpio_write(os.path.join(folder, "initrd"), files)


def stamp_of(names):
    with open(__file__, "rb") as file:
        return hashlib.sha256(file.read() + "\n".join(names).encode()).hexdigest()


def fetch(names):
    os.makedirs(os.path.join(HERE, "deb"), exist_ok=True)
    there = os.listdir(os.path.join(HERE, "deb"))
    missing = [name for name in names if not any(file.startswith(name + "_") for file in there)]
    if missing:
        say(f"downloading {len(missing)} Debian packages for the guest")
        for i in range(0, len(missing), 40):
            run("apt-get", "-q", "download", *missing[i:i + 40], cwd=os.path.join(HERE, "deb"))


def fill(names, kernel):
    fetch([*names, kernel])
    say("unpacking them")
    root = os.path.join(HERE, "root")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    debs = sorted(os.listdir(os.path.join(HERE, "deb")))
    chosen = [deb for deb in debs if deb.split("_")[0] in [*names, kernel]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda deb: unpack(os.path.join(HERE, "deb", deb), root), chosen))
    merge_usr(root)
    version = kernel.replace("linux-image-", "")
    modules = os.path.join(root, "usr", "lib", "modules", version)
    depmod(os.path.join(root, "usr"), version)
    shutil.move(os.path.join(root, "boot", f"vmlinuz-{version}"), os.path.join(HERE, "vmlinuz"))
    initrd_make(HERE, modules)


def main():
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = os.path.join(HERE, "stamp")
        if os.path.exists(mark):
            with open(mark, encoding="utf-8") as file:
                known, *names = file.read().split()
            if known == stamp_of(names):
                return 0
        try:
            try:
                kernel, names = kernel_find(), packages_missing()
            except Failed:
                say("asking for Debian's lists of packages")
                run("apt-get", "-q", "update")
                kernel, names = kernel_find(), packages_missing()
            fill(names, kernel)
        except (Failed, OSError) as error:
            say(f"the guest can't be prepared: {error}")
            return 1
        with open(mark, "w", encoding="utf-8") as file:
            file.write("\n".join([stamp_of(names), *names]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
