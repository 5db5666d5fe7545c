"""A real mDNS resolver for this mount namespace: avahi-daemon, and nss-mdns before DNS in nsswitch.conf.

What isn't installed is downloaded by apt and unpacked into build/mdns, never installed. Call libraries_find before Python
starts anew, so that glibc finds the module, and Resolver inside the namespaces.
"""
# SPDX-License-Identifier: MIT
import glob
import os
import subprocess
import tempfile

import tap

PACKAGES = ("avahi-daemon", "libavahi-core7", "libavahi-common3", "libdaemon0", "libnss-mdns", "libcap2", "libdbus-1-3", "libexpat1")
START_S_MAX = 60


def missing(folder):
    """Fetch what is missing into `folder`. The reason if that failed, else None."""
    if glob.glob(os.path.join(folder, "root/**/libnss_mdns4_minimal.so.2"), recursive=True):
        return None
    debs = os.path.join(folder, "deb")
    os.makedirs(debs, exist_ok=True)
    done = subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=debs, check=False, capture_output=True, text=True)
    if done.returncode:
        return f"no packages avahi-daemon and libnss-mdns ({done.stderr.strip()[-100:]})"
    for deb in sorted(os.listdir(debs)):
        subprocess.run(["dpkg-deb", "-x", os.path.join(debs, deb), os.path.join(folder, "root")], check=True)
    return None


def libraries(folder):
    """For LD_LIBRARY_PATH."""
    return ":".join(sorted({os.path.dirname(name) for name in glob.glob(os.path.join(folder, "root/**/*.so.*"), recursive=True)}))


class Resolver:
    """avahi on one interface, for as long as the block lasts."""

    def __init__(self, folder, interface):
        self.program = os.path.join(folder, "root/usr/sbin/avahi-daemon")
        self.interface = interface
        self.mounts = []

    def mount(self, name, text):
        path = os.path.join(self.folder.name, os.path.basename(name))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", path, name], check=True)
        self.mounts.append(name)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="plugnet-mdns-")
        configuration = os.path.join(self.folder.name, "avahi.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"[server]\nhost-name=pc\nallow-interfaces={self.interface}\nuse-ipv6=no\nenable-dbus=no\n")
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        self.mounts.append("/run")
        try:
            for name, line in (("/etc/passwd", "avahi:x:981:981::/run:/bin/false"), ("/etc/group", "avahi:x:981:")):
                with open(name, encoding="utf-8") as file:
                    self.mount(name, file.read() + line + "\n")
            self.mount("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n")
            self.daemon = tap.Program([self.program, "-f", configuration, "--no-drop-root", "--no-chroot", "--no-rlimits"])
            self.daemon.wait(lambda: os.path.exists("/run/avahi-daemon/socket"), START_S_MAX, "avahi-daemon doesn't start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if hasattr(self, "daemon"):
            self.daemon.__exit__()
        for name in reversed(self.mounts):
            subprocess.run(["umount", name], check=False)
        self.folder.cleanup()
