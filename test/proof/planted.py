#!/usr/bin/env python3
"""Plant bugs in a copy of the tree, and see who notices: its proof, its unit tests, a minute of its fuzzer.

    test/proof/planted.py             all of PLANTED; fails where another one notices than the list says
    test/proof/planted.py --quick     the first one, its proof alone: what ./check runs, to see that a proof can fail
    test/proof/planted.py --table     docs/proofs.md's table, written anew

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" lines (see tool/suites.py). The copy is build/proof/planted.
"""
# SPDX-License-Identifier: MIT
import argparse
import collections
import os
import shutil
import subprocess
import sys

import run
import table

COPY = os.path.join(run.ROOT, "build", "proof", "planted")
FUZZ_SECONDS = 60
HEAD = "| planted bug |"

# In `file`, the one place `old` becomes `new`. `noticed`: by whom of "proof", "tests", "fuzzing".
Planted = collections.namedtuple("Planted", "name what file old new proof tests fuzzer noticed")

PLANTED = [
    Planted("dns_label", "a label may end one byte behind the message", "wire/dns_msg.c",
            "*label_length > w->length - w->at - 1 ||", "*label_length > w->length - w->at ||",
            "walk_next", ["test_dns", "test_mdns"], "fuzz_dns", {"proof", "tests"}),
    Planted("dhcp_end", "an option may take the byte of the end", "wire/dhcp_msg.c",
            "w->capacity - w->length < 3u + length", "w->capacity - w->length < 2u + length",
            "dhcp_put_option", ["test_dhcp", "test_dhcp_msg"], "fuzz_dhcp", {"proof", "tests"}),
    Planted("control_data", "a function gets one byte more than the request has", "usb/usb_device.c",
            "length <= device->setup.wLength &&", "length <= device->setup.wLength + 1u &&",
            "control_out", ["test_usb_device", "test_usb_function"], "fuzz_control", {"proof"}),
    Planted("ntb_end", "a datagram may end one byte behind its block", "wire/ntb.c",
            "end > ntb->block_length)", "end > ntb->block_length + 1u)",
            "ntb_entries_take", ["test_ntb", "test_ncm"], "fuzz_ntb", {"proof", "tests", "fuzzing"}),
    Planted("dhcp_hlen", "a hardware address of 17 bytes is taken", "wire/dhcp_msg.c",
            "bytes[AT_HLEN] > 16 ||", "bytes[AT_HLEN] > 17 ||",
            "dhcp_request_parse", ["test_dhcp", "test_dhcp_msg"], "fuzz_dhcp", {"proof", "tests"}),
    Planted("key_length", "a record with a key of 33 bytes is read", "store/record.c",
            "r->key_length - 1u < STORE_KEY_LIMIT", "r->key_length - 1u <= STORE_KEY_LIMIT",
            "store_record", ["test_store"], "fuzz_store", {"proof", "fuzzing"}),
    Planted("dhcp_xid", "a reply has another xid than its request", "wire/dhcp_msg.c",
            "store_be32(bytes + AT_XID, request->xid);", "store_be32(bytes + AT_XID, request->xid + 1);",
            "dhcp_reply", ["test_dhcp", "test_dhcp_msg"], "fuzz_dhcp", {"tests", "fuzzing"}),
]

# A harness whose assumptions exclude each other: what it claims holds of nothing.
EMPTY = Planted("an empty proof", "", "test/proof/dns.c", "    ASSUME(walk_next_needs(&w));\n    before = w;",
                "    ASSUME(walk_next_needs(&w) && w.octets > NAME_MAX_OCTETS);\n    before = w;", "walk_next", [], "", set())


def copy_make():
    """What git knows or would add, and links to what set-up has fetched."""
    shutil.rmtree(COPY, ignore_errors=True)
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=run.ROOT, check=True, text=True,
                           capture_output=True).stdout.split("\n")
    for name in names:
        if name and os.path.isfile(os.path.join(run.ROOT, name)):
            os.makedirs(os.path.dirname(os.path.join(COPY, name)), exist_ok=True)
            shutil.copy2(os.path.join(run.ROOT, name), os.path.join(COPY, name))
    os.makedirs(os.path.join(COPY, "build"), exist_ok=True)
    for name in ("cbmc", "lwip"):
        if os.path.exists(os.path.join(run.ROOT, "build", name)):
            os.symlink(os.path.join(run.ROOT, "build", name), os.path.join(COPY, "build", name))


def plant(bug):
    """Why it can't be planted, or None. The original is left in the tree, so that the next one starts from it."""
    with open(os.path.join(run.ROOT, bug.file), encoding="utf-8") as file:
        text = file.read()
    if text.count(bug.old) != 1:
        return f"{bug.file} has {text.count(bug.old)} places {bug.old!r}"
    with open(os.path.join(COPY, bug.file), "w", encoding="utf-8") as file:
        file.write(text.replace(bug.old, bug.new))
    return None


def heal(bug):
    shutil.copy(os.path.join(run.ROOT, bug.file), os.path.join(COPY, bug.file))  # with a new time, so make sees it


def proof_says(bug):
    """Why the bug's proof fails in the copy; "" if it doesn't."""
    entry = next(entry for entry in table.PROOFS if entry.name == bug.proof)
    os.makedirs(os.path.join(COPY, run.RESULTS), exist_ok=True)
    why = run.Proof(entry, COPY, run.RESULTS).prove().why or ""
    print(f"    {bug.name}: {bug.proof} says {why or 'nothing'}", flush=True)
    return why


def empty_check():
    why = plant(EMPTY) or proof_says(EMPTY)
    heal(EMPTY)
    return run.say("an empty proof is noticed", None if why.startswith("never") else why or "it passes")


def chain_check():
    """Without the proof of a contract, the chain must be found broken."""
    wrong = list(run.chain_wrong([entry for entry in table.PROOFS if entry.name != EMPTY.proof]))
    return run.say("a missing link of the chain is noticed", None if wrong else "the chain is called whole")


def make_and_run(target, environment=None):
    """True if the suite fails; what it said is in the copy's build/NAME.log."""
    log = os.path.join(COPY, "build", os.path.basename(target) + ".log")
    with open(log, "w", encoding="utf-8") as file:
        for words in (["make", "-s", target], [target]):
            done = subprocess.run(words, cwd=COPY, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                  env={**os.environ, **(environment or {})}, check=False)
            if done.returncode != 0 and words[0] == "make":
                raise run.Failed(f"{target} can't be built, see {os.path.relpath(log, run.ROOT)}")
    return done.returncode != 0


def notices(bug, quick):
    if why := plant(bug):
        raise run.Failed(why)
    try:
        by = {"proof"} if proof_says(bug).endswith("FAILURE") else set()
        if not quick:
            if any([make_and_run(f"build/test/{name}") for name in bug.tests]):
                by.add("tests")
            if make_and_run(f"build/test/{bug.fuzzer}", {"FUZZ_SECONDS": str(FUZZ_SECONDS)}):
                by.add("fuzzing")
    finally:
        heal(bug)
    return by


def judge(bug, quick):
    try:
        by = notices(bug, quick)
    except run.Failed as error:
        return run.say(bug.name, str(error))
    wanted = bug.noticed & {"proof"} if quick else bug.noticed
    return run.say(f"{bug.name} is noticed by {' and '.join(sorted(wanted))} alone",
                   None if by == wanted else f"{' and '.join(sorted(by)) or 'nobody'} noticed it")


def rows():
    yield HEAD + " in | proof | its unit tests | a minute of its fuzzer |"
    yield "|---|---|---|---|---|"
    for bug in PLANTED:
        def said(who, names):
            return f"{'**notice**' if who in bug.noticed else 'no'}: {', '.join(f'`{name}`' for name in names)}"
        yield (f"| {bug.what} | `{bug.file}` | {said('proof', [bug.proof])} | {said('tests', bug.tests)} | "
               f"{said('fuzzing', [bug.fuzzer])} |")


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(argv)
    if options.table:
        run.document_write(HEAD, rows())
        return 0
    good = [run.document_check(HEAD, rows(), "test/proof/planted.py --table")]
    if why := run.missing():
        print(f"skip planted bugs: {why}")
        return 0 if all(good) else 1
    copy_make()
    chosen = PLANTED[:1] if options.quick else [bug for bug in PLANTED if not options.names or bug.name in options.names]
    good += [chain_check(), empty_check()]
    good += [judge(bug, options.quick) for bug in chosen]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
