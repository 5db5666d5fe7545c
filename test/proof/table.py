"""The proofs, one entry each: run.py runs them, docs/proofs.md shows them.

A proof's harness is prove_NAME in its file. `calls` are the functions that it is about, called as they are; `replaces`
are functions that contract_F of the file stands for, each called by another proof. Loops are named by the text of their
line, so that a source that changes either keeps its contract or fails aloud.
"""
# SPDX-License-Identifier: MIT
import collections

# name, file in this folder, calls, replaces, loops, options of cbmc, seconds (one core, measured), in_check, about (what
# is proven beside the common properties), bound (what is arbitrary, and how much of it)
Proof = collections.namedtuple("Proof", "name file calls replaces loops options seconds in_check about bound")

# A loop that makes at most `rounds - 1` rounds; an assertion says so. `line` None: a function of CBMC's library.
Unwind = collections.namedtuple("Unwind", "function line rounds")

# A loop's contract: what it changes, what stays true, and what gets smaller in each round, so that it ends.
Loop = collections.namedtuple("Loop", "function line assigns keeps decreases")

# CaDiCaL instead of CBMC's own solver; arrays as functions, for any two of many entries.
CADICAL = ("--external-sat-solver", "build/cbmc/cadical")
ARRAYS = ("--no-array-field-sensitivity", "--arrays-uf-always")

PROOFS = []


def proof(name, file, about, bound, calls, seconds, replaces=(), loops=(), options=(), in_check=True):
    PROOFS.append(Proof(name, file, tuple(calls), tuple(replaces), tuple(loops), tuple(options), seconds, in_check, about, bound))

# ---- wire/ntb.c ----

proof("ntb_check", "ntb.c", "Each datagram lies in the block and behind its header, has 14 to datagram_max bytes, is apart "
      "from all others; there are at most NTB_DATAGRAMS_MAX.", "200,000 bytes",
      calls=["ntb_check"], replaces=["ntb_chain_read", "ntb_entries_take"], seconds=4, options=ARRAYS,
      loops=[Unwind("ntb_check", "i < count", 5), Unwind("ntb_chain_read_gives", "i < NTB_NDP_MAX", 5),
             Unwind("ntb_chain_read_gives", "j < i", 5), Unwind("contract_ntb_chain_read", "i < NTB_NDP_MAX", 5)])

proof("ntb_chain_read", "ntb.c", "At most NTB_NDP_MAX tables, each in the block, aligned, apart from the others.",
      "65,535 bytes", calls=["ntb_chain_read", "ntb_table_read"], seconds=15, options=ARRAYS,
      loops=[Unwind("ntb_chain_read", "index != 0", 6), Unwind("ntb_table_read", "i < count", 5),
             Unwind("ntb_chain_read_gives", "i < NTB_NDP_MAX", 5), Unwind("ntb_chain_read_gives", "j < i", 5)])

proof("ntb_overlaps", "ntb.c", "What it lets through is apart from header, tables and datagrams.",
      "40 datagrams, 4 tables", calls=["ntb_overlaps"], seconds=5, options=CADICAL,
      loops=[Unwind("ntb_overlaps", "i < count", 5), Unwind("ntb_overlaps", "i < ntb->count", 41)])


def datagram(i):
    """datagram_good of ntb.c, for the loop's contract."""
    d, t = f"ntb->datagrams[{i}]", "tables[table_any]"
    return (f"({i} >= ntb->count || ({d}.offset >= 12 && {d}.length >= 14 && {d}.length <= datagram_max && "
            f"{d}.offset + {d}.length <= ntb->block_length && {d}.offset + {d}.length <= high && "
            f"(table_any >= count || {d}.offset + {d}.length <= {t}.first || {d}.offset >= {t}.end)))")


APART = ("(one >= ntb->count || other >= ntb->count || "
         "ntb->datagrams[one].offset + ntb->datagrams[one].length <= ntb->datagrams[other].offset || "
         "ntb->datagrams[other].offset + ntb->datagrams[other].length <= ntb->datagrams[one].offset)")

proof("ntb_entries_take", "ntb.c", "The same as ntb_check, and each datagram is apart from all tables.",
      "65,535 bytes, 16,381 entries", calls=["ntb_entries_take"], replaces=["ntb_overlaps"], seconds=7, options=ARRAYS,
      loops=[Loop("ntb_entries_take", "at != table->end", "at, high, __CPROVER_object_whole(ntb)",
                  ["at >= table->first + 8", "at <= table->end", "(at - table->first) % 4 == 0", "ntb->count <= 40",
                   "ntb->count >= before", "ntb->block_length == ntb_before.block_length",
                   "ntb->sequence == ntb_before.sequence", datagram("one"), datagram("other"), APART],
                  "table->end - at")])

proof("ntb_spans", "ntb.c", "A span is that of an NTB that begins here.", "200,000 bytes",
      calls=["ntb_span", "ntb_follows"], seconds=1)

proof("ntb_build", "ntb.c", "It writes NTB_HEAD_LENGTH bytes; where they say that a datagram lies, one does; all are "
      "aligned; no length loses bits.", "8 datagrams of 14 to 1,514 bytes", calls=["ntb_build"], seconds=15,
      loops=[Unwind("ntb_build", "i < count", 9), Unwind("prove_ntb_build", "k < MOST", 9)],
      options=["--conversion-check"])

# ---- wire/dhcp_msg.c ----

AT, END, ID = "(unsigned long)at", "(unsigned long)end", "(unsigned long)r->client_id"

proof("dhcp_options_walk", "dhcp.c", "Type, size and client's name are in range and in the area.", "65,535 bytes",
      calls=["dhcp_options_walk", "dhcp_option_take"], seconds=5,
      loops=[Loop("dhcp_options_walk", "while (at < end", "at, overload, __CPROVER_object_whole(r)",
                  ["__CPROVER_same_object(at, end)", f"{AT} <= {END}", f"{AT} >= (unsigned long)__CPROVER_loop_entry(at)",
                   "r->type <= 8", "(r->max_size == 0 || r->max_size >= 576)",
                   "r->chaddr == request_before.chaddr", "r->hlen == request_before.hlen",
                   "(r->client_id == request_before.client_id ? r->client_id_length == request_before.client_id_length : "
                   "r->client_id_length >= 2 && __CPROVER_same_object(r->client_id, end) && "
                   f"{ID} >= (unsigned long)__CPROVER_loop_entry(at) && {ID} + r->client_id_length <= {END})"],
                  f"{END} - {AT}")])

proof("dhcp_request_parse", "dhcp.c", "Every pointer of the request lies in the message.", "65,535 bytes",
      calls=["dhcp_request_parse"], replaces=["dhcp_options_walk"], seconds=2)

proof("dhcp_put_option", "dhcp.c", "An option is written where there is room for it and for the end.",
      "65,535 bytes of room, options of 0 to 255 bytes", calls=["dhcp_put_option"], seconds=2)

proof("dhcp_reply", "dhcp.c", "A reply has at least DHCP_REPLY_MIN bytes and never more than fit; what doesn't fit is said.",
      "65,535 bytes of room, options of 0 to 255 bytes", calls=["dhcp_reply_begin", "dhcp_put_u32", "dhcp_reply_end"],
      replaces=["dhcp_put_option"], seconds=9)

# ---- wire/dns_msg.c ----

proof("walk_next", "dns.c", "A label lies in the message; a name has at most 255 octets; each pointer leads to the front.",
      "65,535 bytes", calls=["walk_next"], seconds=2,
      loops=[Loop("walk_next", "while (w->at < w->length", "__CPROVER_object_whole(w)",
                  ["w->message == __CPROVER_loop_entry(w->message)", "w->length == __CPROVER_loop_entry(w->length)",
                   "w->octets == __CPROVER_loop_entry(w->octets)", "w->front <= __CPROVER_loop_entry(w->front)",
                   "w->end <= w->length"],
                  "w->front")])

WALK = ["w.message == __CPROVER_loop_entry(w.message)", "w.length == __CPROVER_loop_entry(w.length)", "w.octets <= 255",
        "w.end <= w.length"]

proof("dns_name_end", "dns.c", "A name's end lies in the message.", "65,535 bytes", calls=["dns_name_end"],
      replaces=["walk_next"], seconds=2,
      loops=[Loop("dns_name_end", "== STEP_LABEL", "w, label, label_length, step", WALK, "256 - w.octets")])

proof("dns_label_length", "dns.c", "It ends at the text's end.", "names of ours of 255 bytes", calls=["dns_label_length"],
      seconds=2, loops=[Loop("dns_label_length", "while (name[length]", "length",
                             ["length <= (unsigned long)name_end - (unsigned long)name"],
                             "(unsigned long)name_end - (unsigned long)name - length")])

proof("dns_label_equal", "dns.c", "It reads what it is given.", "65,535 bytes", calls=["dns_label_equal"], seconds=2,
      loops=[Loop("dns_label_equal", "i < length", "i", ["i <= length"], "length - i")])

proof("dns_name_equal", "dns.c", "It reads message and text, and no more.", "65,535 bytes, names of ours of 255 bytes",
      calls=["dns_name_equal"], replaces=["walk_next", "dns_label_length", "dns_label_equal"], seconds=4,
      loops=[Loop("dns_name_equal", "== STEP_LABEL", "w, label, label_length, step, name",
                  [*WALK, "__CPROVER_same_object(name, name_end)", "(unsigned long)name <= (unsigned long)name_end"],
                  "256 - w.octets")])

proof("dns_read", "dns.c", "Header, question and record lie in the message, a record's data, too.", "65,535 bytes",
      calls=["dns_read_header", "dns_read_question", "dns_read_record"], replaces=["dns_name_end"], seconds=3)

proof("dns_put_bytes", "dns.c", "Bytes are written where there is room, else it is said.", "65,535 bytes of room and to write",
      calls=["dns_put_bytes"], seconds=2)

proof("dns_name_find", "dns.c", "It returns one of the places that were remembered, or 0.", "24 labels, names of ours of 255 bytes",
      calls=["dns_name_find"], replaces=["dns_name_equal"], seconds=3,
      loops=[Unwind("prove_dns_name_find", "label_any < DNS_LABELS_MAX", 25), Unwind("dns_name_find", "i < w->label_count", 25)])

proof("dns_write_header", "dns.c", "A header is written where there is room.", "65,535 bytes of room",
      calls=["dns_write_header", "dns_put_u16", "dns_count_set"], replaces=["dns_put_bytes"], seconds=2)

proof("dns_reverse_name", "dns.c", "29 bytes are enough.", "every address", calls=["dns_reverse_name"], seconds=7,
      loops=[Unwind("dns_reverse_name", "shift < 32", 5), Unwind("put_u32", "rest > 9", 11), Unwind("put_u32", "digits > 0", 11),
             Unwind("put_string", "end - to >= 4", 5), Unwind("put_string", "to != end", 5)])

# ---- usb/usb_device.c ----

ENDPOINTS = Unwind("endpoints_change", "i < sizeof all", 4)
FUNCTIONS = "i < device->config->function_count"
STATE = "every state, two functions"

proof("functions_stop", "usb_device.c", "No endpoint is marked as open or halted any more.", STATE,
      calls=["functions_stop"], seconds=2,
      loops=[ENDPOINTS, Unwind("functions_stop", "bit < 16", 17), Unwind("functions_stop", FUNCTIONS, 3)])

proof("device_request", "usb_device.c", "No request to the device leaves its states.", STATE + ", every SETUP",
      calls=["device_request", "configuration_set", "address_set", "device_feature"], replaces=["functions_stop"],
      seconds=2, loops=[ENDPOINTS, Unwind("configuration_set", FUNCTIONS, 3)])

proof("interface_request", "usb_device.c", "A function is asked for its own interfaces alone.", STATE + ", every SETUP",
      calls=["interface_request", "function_of_interface"], seconds=2,
      loops=[ENDPOINTS, Unwind("function_of_interface", FUNCTIONS, 3)])

proof("endpoint_request", "usb_device.c", "Only open endpoints are halted, and their own function hears of it.",
      STATE + ", every SETUP", calls=["endpoint_request", "endpoint_halt"], seconds=2,
      loops=[Unwind("function_of_ep", FUNCTIONS, 3)])

proof("function_request", "usb_device.c", "A function is asked in the configured state alone.", STATE + ", every SETUP",
      calls=["function_request"], seconds=2,
      loops=[Unwind("function_of_ep", FUNCTIONS, 3), Unwind("function_of_interface", FUNCTIONS, 3)])

proof("vendor_request", "usb_device.c", "The same.", STATE + ", every SETUP", calls=["vendor_request"], seconds=2,
      loops=[Unwind("vendor_request", "!found && i < count", 3)])

REQUESTS = ["device_request", "interface_request", "endpoint_request", "function_request", "vendor_request"]

proof("request", "usb_device.c", "Data that is welcome fits the buffer.", STATE + ", every SETUP",
      calls=["request", "standard_request"], replaces=REQUESTS, seconds=2)

proof("control_setup", "usb_device.c", "A reply lies in the buffer; data is awaited in whole packets that fit it.",
      STATE + ", every SETUP", calls=["control_setup", "control_stall", "control_status_in"], replaces=["request"], seconds=2,
      loops=[Unwind("port_setup_take", "i < 8", 9)])

proof("control_out", "usb_device.c", "A function gets no more data than the request has, and only what it welcomed.",
      STATE, calls=["control_out"], seconds=1)

proof("usb_device_poll", "usb_device.c", "Any events, a detach, a wakeup: the state is one of those again.", STATE + ", all events",
      calls=["usb_device_poll", "bus_events", "device_reset", "functions_transferred", "usb_device_detach", "usb_device_wake_host"],
      replaces=["functions_stop", "control_setup", "control_out"], seconds=3,
      loops=[Unwind("functions_transferred", FUNCTIONS, 3)])

# ---- wire/text.c ----

ROOM = "65,535 bytes of room"
STRING = "strings of 8 bytes"
FEW = Unwind("text_put_bytes", "length > 0", 14)
COPY = [Unwind("put_string", "end - to >= 4", 4), Unwind("put_string", "to != end", 5)]
DIGITS = [Unwind("put_u32", "rest > 9", 11), Unwind("put_u32", "digits > 0", 11)]

proof("text_put", "text.c", "Bytes are written where there is room.", ROOM + ", " + STRING, calls=["text_put"], seconds=4, loops=COPY)

proof("text_put_bytes", "text.c", "Bytes are written where there is room, else it is said.", "24 bytes of room, 48 bytes",
      calls=["text_put_bytes"], seconds=4, loops=[FEW])

proof("text_put_u32", "text.c", "The same.", "24 bytes of room, every number", calls=["text_put_u32"], seconds=4,
      loops=DIGITS)

proof("text_words", "text.c", "The same.", "24 bytes of room, every number", calls=["text_put_hex", "text_put_ip4", "text_put_bool"],
      replaces=["text_put_u32"], seconds=5,
      loops=[FEW, *COPY, Unwind("text_put_hex", "i < digits", 9), Unwind("text_put_ip4", "shift >= 0", 5)])

proof("text_equal_nocase", "text.c", "It reads neither behind the bytes nor behind the string's end.",
      "65,535 bytes, " + STRING, calls=["text_equal_nocase"], seconds=1,
      loops=[Unwind("text_equal_nocase", "i < length", 11)])

# ---- wire/image.c and the first-stage boot loader, chip/cortex_m4/guard.c ----

proof("image_read", "image.c", "A good header has a length that holds, and texts that end.", "128 bytes",
      calls=["image_read", "text_read"], seconds=12,
      loops=[Unwind("text_read", "while (length < size", 33), Unwind("text_read", "size_t i = length", 33)])

proof("image_signature", "image.c", "It lies in the trailer.", "72 bytes", calls=["image_signature"], seconds=1)

proof("image_version_compare", "image.c", "It reads the texts to their ends; a larger major number is newer.",
      "all numbers, pre-releases of 5 characters", calls=["image_version_compare", "identifier_compare"], seconds=9,
      loops=[Unwind("image_version_compare", "for (;;)", 8), Unwind("identifier_length", "while (text[length]", 7),
             Unwind("is_number", "i < length", 7), Unwind("memcmp", None, 7)])

proof("image_crc", "image.c", "It ends, and reads what it is given.", "1 MB", calls=["image_crc"], seconds=2,
      loops=[Loop("image_crc", "length >= 4", "crc, length, byte",
                  ["length <= __CPROVER_loop_entry(length)", "__CPROVER_same_object(byte, bytes)",
                   "(unsigned long)byte == (unsigned long)bytes + (__CPROVER_loop_entry(length) - length)"], "length"),
             Loop("image_crc", "i < 8", "crc, i", ["i <= 8"], "8 - i")])

proof("guard_fits", "guard.c", "It reads the bytes that it is given.", "64 bytes", calls=["guard_fits"], seconds=1,
      loops=[Unwind("guard_fits", "while (words < end)", 18)])

proof("guard_image_good", "guard.c", "An image that is started lies in its slot with its CRC word and is this board's; "
      "nothing behind the slot is read.", "slots of 1 MB", calls=["guard_image_good", "guard_image_word", "image_size"],
      replaces=["guard_fits"], seconds=1)

proof("refusal", "guard.c", "An image that is swapped in is this board's, for this place, and fits the units that take part.",
      "slots of 1 MB, every journal", calls=["refusal"], replaces=["guard_fits"], seconds=2)

proof("trial", "guard.c", "An image on trial stays, goes back or was replaced.", "slots of 1 MB, every journal of a trial, no report",
      calls=["trial", "start_ended"], replaces=["guard_fits"], seconds=1,
      loops=[Unwind("report_check_of", "size_t i", 30)])

# ---- wire/icmp_echo.c ----

proof("chksum_sum", "icmp_echo.c", "It ends, and reads what it is given.", "65,535 bytes", calls=["chksum_sum"],
      seconds=2,
      loops=[Loop("chksum_sum", "length >= 4", "length, bytes, sum, word",
                  ["length >= 0", "length <= __CPROVER_loop_entry(length)", "__CPROVER_same_object(bytes, data)",
                   "(unsigned long)bytes == (unsigned long)data + (unsigned long)(__CPROVER_loop_entry(length) - length)",
                   "sum <= ((unsigned long long)(__CPROVER_loop_entry(length) - length) << 30)"], "length"),
             Unwind("chksum_sum", "sum >> 16", 7)])

proof("icmp_echo_answer", "icmp_echo.c", "An answer is no longer than the request, goes to a neighbour, and changes nothing "
      "behind the checksum; a frame that isn't answered stays as it was.", "frames of 2,048 bytes",
      calls=["icmp_echo_answer", "is_plain_request", "checksum_change"], replaces=["chksum_sum"], seconds=2, options=ARRAYS,
      loops=[Unwind("memcmp", None, 7)])

# ---- usb/usb_descriptor.c ----

MS_OS = [Unwind("usb_ms_os_describe", FUNCTIONS, 3), Unwind("usb_ms_os_function", "c < 8", 9),
         Unwind("usb_wide_put", "field != 0", 42)]

proof("usb_writer_put", "usb_descriptor.c", "Bytes are written where there is room, and counted everywhere.",
      "256 bytes of room, 255 bytes", calls=["usb_writer_put"], seconds=1)

proof("usb_descriptor_vendor", "usb_descriptor.c", "The MS OS 2.0 set lies in the room that is there.",
      "256 bytes of room, every SETUP", calls=["usb_descriptor_vendor", "usb_ms_os_describe"], seconds=39, loops=MS_OS)

# ---- wire/http_msg.c ----

proof("http_percent_decode", "http_msg.c", "What is decoded lies in front of what is left.", "65,535 bytes",
      calls=["http_percent_decode"], seconds=2,
      loops=[Loop("http_percent_decode", "at < length", "to, at, __CPROVER_object_whole(text)",
                  ["at <= length", "to <= at"], "length - at")])

proof("http_number_parse", "http_msg.c", "It ends, and reads what it is given.", "65,535 bytes",
      calls=["http_number_parse"], seconds=2,
      loops=[Loop("http_number_parse", "i < length", "sum, i", ["i <= length", "sum <= 4294967295ul"], "length - i")])

proof("http_words", "http_msg.c", "Methods, names of headers, ETags and hosts are read to their ends.", "31 bytes",
      calls=["http_method_parse", "http_header_parse", "http_etag_equal", "http_host_is_loopback6", "http_is_token",
             "http_status_text"], seconds=9,
      loops=[Unwind("http_method_parse", "i < sizeof methods", 10), Unwind("http_header_parse", "i < 3", 4),
             Unwind("http_name_equal", "length > 4", 9),
             Unwind("http_host_is_loopback6", "i < length - 1", 33),
             Unwind("http_status_text", "while (*name != 0", 40), Unwind("strlen", None, 40), Unwind("memcmp", None, 34),
             Unwind("strchr", None, 20)])

proof("http_runs", "http_msg.c", "A run of one kind of character ends at the text's end at the latest.", "11 bytes",
      calls=["http_plain_length", "http_dense_length"], seconds=9,
      loops=[Unwind("http_run_length", "at = 0;; at += 4", 5), Unwind("http_load_few", "length > 0", 5)])

# ---- store/record.c ----

proof("crc32_add", "record.c", "It ends, and reads what it is given.", "65,535 bytes", calls=["crc32_add"], seconds=2,
      loops=[Loop("crc32_add", "length > 0", "crc, length, byte",
                  ["length <= __CPROVER_loop_entry(length)", "__CPROVER_same_object(byte, bytes)",
                   "(unsigned long)byte == (unsigned long)bytes + (__CPROVER_loop_entry(length) - length)"], "length")])

proof("store_record", "record.c", "A record that is read has a key of 1 to 32 bytes, or no body; what was written is read again.",
      "8 bytes, every seed", calls=["store_record_read", "store_record_write"], seconds=5,
      loops=[Unwind("crc32_add", "length > 0", 5), Unwind("memcmp", None, 9)])

# ---- wire/utf8.c, net/http/ws.c ----

SKIP = ["__CPROVER_same_object(bytes, end)", "(unsigned long)bytes <= (unsigned long)end",
        "(unsigned long)bytes >= (unsigned long)__CPROVER_loop_entry(bytes)"]
SKIPS = [Loop("ascii_skip", "end - bytes >= 8", "bytes, first, second", SKIP, "(unsigned long)end - (unsigned long)bytes"),
         Loop("ascii_skip", "while (bytes < end", "bytes", SKIP, "(unsigned long)end - (unsigned long)bytes")]
CHECKS = [Loop("utf8_check", "while (at < end)", "at, now",
               ["__CPROVER_same_object(at, end)", "(unsigned long)at <= (unsigned long)end"],
               "(unsigned long)end - (unsigned long)at")]

proof("ascii_skip", "ws.c", "It goes on, and no further than the end.", "65,535 bytes", calls=["ascii_skip"], seconds=5, loops=SKIPS)

proof("utf8_check", "ws.c", "It ends, and reads what it is given; a state that goes on is one of its own.", "65,535 bytes, every state", calls=["utf8_check", "lead"],
      replaces=["ascii_skip"], seconds=2, loops=CHECKS)

proof("unmask", "ws.c", "It writes what it is given.", "12 bytes at any alignment", calls=["unmask"], seconds=12,
      loops=[Unwind("unmask", "while (at < end)", 13), Unwind("unmask", "end - at >= 8", 3)])

REASON = Unwind("strlen", None, 28)

proof("payload_take", "ws.c", "A control frame fits where it is collected; an event's bytes can be read.",
      "65,535 bytes, every state", calls=["payload_take", "control_take", "data_take", "close_read"],
      replaces=["unmask", "utf8_check"], seconds=36, loops=[REASON])

proof("head_take", "ws.c", "A header fits where it is collected; only a checked one begins a frame.", "65,535 bytes, every state",
      calls=["head_take", "head_check", "head_read", "frame_begin", "data_begin"], replaces=["payload_take"], seconds=24,
      loops=[REASON])

proof("ws_receive", "ws.c", "All bytes are consumed, up to an event.", "8 bytes, every state", calls=["ws_receive"],
      replaces=["payload_take", "head_take"], seconds=9, loops=[Unwind("ws_receive", "while (used < length", 10)])

proof("ws_output", "ws.c", "A Pong fits its room.", "every state", calls=["ws_output", "ws_header", "ws_output_taken"], seconds=4,
      loops=[REASON])
