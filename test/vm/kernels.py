"""The kernels of the guest, by the name that `--kernel` takes: Debian's packages, each pinned to a version."""
# SPDX-License-Identifier: MIT
import collections

# The suite of Debian's that has it, None: the system's own package sources; the version; the packages with the kernel and its
# modules; the release, as `uname -r` says it.
Kernel = collections.namedtuple("Kernel", "suite version packages release")

KERNELS = {
    "5.10": Kernel("bullseye", "5.10.223-1", ["linux-image-5.10.0-32-amd64"], "5.10.0-32-amd64"),
    "6.1": Kernel(None, "6.1.192-3", ["linux-image-6.1.0-57-amd64"], "6.1.0-57-amd64"),
    "6.12": Kernel("trixie", "6.12.117-1", ["linux-image-6.12.117+deb13-amd64"], "6.12.117+deb13-amd64"),
    "7.3": Kernel("trixie-backports", "7.3.4-1~bpo13+1",
                  [f"linux-{part}-7.3.4+deb13-amd64" for part in ("base", "binary", "modules")], "7.3.4+deb13-amd64"),
}
# What all lists run on. Where its pinned version is gone, Debian's newest of the same package sources runs them, and each run says so.
USUAL = "6.1"
NEWEST = "linux-image-amd64"
