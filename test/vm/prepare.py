#!/usr/bin/env python3
"""Get what the Linux guest needs, once: a kernel, and programs that must never be installed on this machine.

    test/vm/prepare.py [KERNEL]   fills build/vm, with one of kernels.py's kernels (default 6.1); says nothing if all is there

    build/vm/deb/                 Debian packages as they were downloaded
    build/vm/root/                their files, laid over this machine's own root in the guest
    build/vm/kernel/KERNEL/       root/ with the kernel's modules, laid over both; vmlinuz, and initrd: a start that mounts them;
                                  deb/ with its packages, version with the one that was found

Nothing is installed, no maintainer's script runs. Packages that are installed here already are not downloaded: the
guest sees them on this machine's root. Exit code 3, and why as "skip …" on standard output: the kernel's version is gone from
Debian.
"""
# SPDX-License-Identifier: MIT
import concurrent.futures
import fcntl
import gzip
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys

from kernels import KERNELS, NEWEST, USUAL

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "build", "vm")
GONE = 3  # the exit code, of fetch.sh too
PACKAGES = """
    kmod iproute2 iputils-ping procps curl python3 python3-usb usbip usbutils ethtool tcpdump
    isc-dhcp-client dhcpcd-base udhcpc network-manager systemd systemd-resolved dbus avahi-daemon avahi-utils
    libnss-mdns libnss-resolve kea-admin dnsperf bind9-dnsutils wrk iperf nmap hping3 dfu-util picocom
""".split()
# What the start needs before it has a root: the 9p file system over virtio, and overlayfs.
START_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]
BUSYBOX = "/bin/busybox"

START = """#!/bin/busybox sh
# The guest's start: this machine's root, read-only, below the unpacked packages, below the kernel's modules, below memory.
/bin/busybox mkdir -p /proc /sys /dev /ro /extra /kernel /rw /root
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
/bin/busybox mount -t 9p -o $options kernel /kernel
/bin/busybox mount -t tmpfs -o size=2g tmpfs /rw
/bin/busybox mkdir -p /rw/upper /rw/work
/bin/busybox mount -t overlay -o lowerdir=/kernel:/extra:/ro,upperdir=/rw/upper,workdir=/rw/work overlay /root
for place in proc sys dev; do
    /bin/busybox mount --move /$place /root/$place
done
exec /bin/busybox switch_root /root /bin/sh $top/test/vm/guest/start.sh
"""


class Failed(Exception):
    pass


class Gone(Exception):
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


def newest_find():
    """Version, packages and release of the newest kernel of the system's package sources."""
    found = re.search(r"Depends: linux-image-(\S+) \(= (\S+)\)", run("apt-cache", "show", NEWEST))
    if not found:
        raise Failed(f"{NEWEST} depends on no kernel")
    return found[2], [f"linux-image-{found[1]}"], found[1]


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
    """By this machine's kmod, or by the unpacked one."""
    kmod = next(path for path in ("/bin/kmod", os.path.join(HERE, "root", "usr", "bin", "kmod")) if os.path.exists(path))
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


def module_read(path):
    """A module as insmod takes it."""
    with (lzma.open if path.endswith(".xz") else open)(path, "rb") as file:
        return file.read()


def initrd_make(folder, modules):
    files = [(name, 0o40755, b"") for name in ("bin", "modules", "proc", "sys", "dev", "lib", "lib64", "usr")]
    names = []
    for path in module_files(modules, START_MODULES):
        name = os.path.basename(path).removesuffix(".xz")
        files.append((f"modules/{name}", 0o100644, module_read(path)))
        names.append(name)
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


def stamp_of(words):
    blob = "\n".join(words).encode()
    for path in (__file__, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernels.py")):
        with open(path, "rb") as file:
            blob += file.read()
    return hashlib.sha256(blob).hexdigest()


def stamped(folder):
    """The words that were known when this folder was filled; None: it isn't, or by another version of this program."""
    try:
        with open(os.path.join(folder, "stamp"), encoding="utf-8") as file:
            known, *words = file.read().split("\n")
    except OSError:
        return None
    return words if known == stamp_of(words) else None


def stamp(folder, words):
    with open(os.path.join(folder, "stamp"), "w", encoding="utf-8") as file:
        file.write("\n".join([stamp_of(words), *words]))


def debs_find(folder, names, version=""):
    """The downloaded files of these packages; a version in a file's name has no epoch here."""
    there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, deb) for deb in there if deb.endswith(".deb") and deb.split("_")[0] in names
            and version in ("", deb.split("_")[1])]


def fetch(names):
    """By the system's apt."""
    deb = os.path.join(HERE, "deb")
    os.makedirs(deb, exist_ok=True)
    missing = [name for name in names if not debs_find(deb, [name.split("=")[0]], name.partition("=")[2])]
    if missing:
        say(f"downloading {len(missing)} Debian packages for the guest")
        for i in range(0, len(missing), 40):
            run("apt-get", "-q", "download", *missing[i:i + 40], cwd=deb)


def unpack_all(debs, root):
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda deb: unpack(deb, root), debs))
    merge_usr(root)


def fill(names):
    fetch(names)
    say("unpacking them")
    root = os.path.join(HERE, "root")
    unpack_all(debs_find(os.path.join(HERE, "deb"), names), root)


def lists_update():
    say("asking for Debian's lists of packages")
    run("apt-get", "-q", "update")


def programs_prepare():
    if stamped(HERE) is not None:
        return
    try:
        names = packages_missing()
    except Failed:
        lists_update()
        names = packages_missing()
    fill(names)
    stamp(HERE, names)


def fetch_usual(kernel):
    """By the system's apt: the pinned version or, where it is gone, the newest. Its version, packages and release."""
    def wanted():
        return [f"{name}={kernel.version}" for name in kernel.packages]
    for update in (False, True):
        if update:
            lists_update()
        try:
            fetch(wanted())
            return kernel.version, kernel.packages, kernel.release
        except Failed:
            pass
    version, packages, release = newest_find()
    fetch([f"{name}={version}" for name in packages])
    return version, packages, release


def fetch_pinned(pinned, folder):
    """By an apt of our own, from another suite: a Kernel of kernels.py, or what has the same fields."""
    if len(debs_find(folder, pinned.packages, pinned.version)) == len(pinned.packages):
        return
    say(f"downloading {pinned.packages[-1]} {pinned.version} of Debian's {pinned.suite}")
    done = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch.sh"), folder, pinned.suite,
                           *[f"{name}={pinned.version}" for name in pinned.packages]],
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    if done.returncode == GONE:
        raise Gone(done.stdout.strip())
    if done.returncode != 0:
        raise Failed(f"{pinned.packages[-1]} can't be downloaded, see {folder}/download.log")


def kernel_prepare(name):
    kernel, folder = KERNELS[name], os.path.join(HERE, "kernel", name)
    if stamped(folder) is not None:
        return
    os.makedirs(folder, exist_ok=True)
    version, packages, release, deb = *kernel[1:], os.path.join(folder, "deb")
    if kernel.suite:
        fetch_pinned(kernel, deb)
    else:
        deb = os.path.join(HERE, "deb")
        version, packages, release = fetch_usual(kernel)
    say(f"unpacking the kernel {version}")
    root = os.path.join(folder, "root")
    unpack_all(debs_find(deb, packages, version), root)
    modules = os.path.join(root, "usr", "lib", "modules", release)
    depmod(os.path.join(root, "usr"), release)
    places = [os.path.join(root, "boot", f"vmlinuz-{release}"), os.path.join(modules, "vmlinuz")]
    shutil.move(next(place for place in places if os.path.exists(place)), os.path.join(folder, "vmlinuz"))
    initrd_make(folder, modules)
    with open(os.path.join(folder, "version"), "w", encoding="utf-8") as file:
        file.write(version)
    stamp(folder, packages)


def main(name=USUAL):
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            programs_prepare()
            kernel_prepare(name)
        except Gone as gone:
            print(f"skip vm kernel {name}: {gone}")
            return GONE
        except (Failed, OSError) as error:
            say(f"the guest can't be prepared: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
