// examples/usblog/webusb/usblog.js with a mock of WebUSB: node page_test.mjs PATH-OF-A-COPY.mjs
// Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
// SPDX-License-Identifier: MIT
import assert from "node:assert";

const { decode, follow } = await import(process.argv[2]);

function record(ms, lost, level, text) {
  const bytes = new Uint8Array(8 + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ms, true);
  view.setUint16(4, lost, true);
  view.setUint8(6, level);
  bytes.set(new TextEncoder().encode(text), 8);
  return view;
}

class Device {
  constructor(names, results) {
    this.calls = [];
    this.results = results;
    this.configuration = null;
    this.described = {
      interfaces: names.map((interfaceName, interfaceNumber) => ({
        interfaceNumber,
        alternate: {
          interfaceClass: interfaceName === "cdc" ? 2 : 0xff,
          interfaceName,
          endpoints: [{ direction: "in", endpointNumber: 3 }, { direction: "out", endpointNumber: 2 }],
        },
      })),
    };
  }

  async open() { this.calls.push("open"); }

  async selectConfiguration(number) {
    this.calls.push(`configuration ${number}`);
    this.configuration = this.described;
  }

  async claimInterface(number) { this.calls.push(`claim ${number}`); }

  async transferOut(end, data) { this.calls.push(`out ${end} ${[...data]}`); }

  async clearHalt(direction, end) { this.calls.push(`clear ${direction} ${end}`); }

  async transferIn(end, length) {
    assert(length >= 64);
    this.calls.push(`in ${end}`);
    if (this.results.length === 0) {
      throw new Error("gone");
    }
    return this.results.shift();
  }
}

const tests = {
  "a record is decoded": () => {
    const padded = new DataView(Uint8Array.of(9, 9, ...new Uint8Array(record(70000, 5, 2, "a 7").buffer)).buffer, 2);
    assert.deepStrictEqual(decode(padded), { seconds: 70, lost: 5, level: "warning", text: "a 7" });
    assert.strictEqual(decode(record(1, 0, 9, "")).level, "9");
  },
  "records come until the device is gone": async () => {
    const good = (view) => ({ status: "ok", data: view });
    const device = new Device(["cdc", "other", "usblog"], [good(record(1, 0, 0, "one")), { status: "stall" },
      good(new DataView(new ArrayBuffer(0))), good(record(2, 0, 1, "two"))]);
    const seen = [];
    await assert.rejects(follow(device, (r) => seen.push(r.text), 1), /gone/);
    assert.deepStrictEqual(seen, ["one", "two"]);
    assert.deepStrictEqual(device.calls, ["open", "configuration 1", "claim 2", "out 2 1", "in 3", "in 3", "clear in 3", "in 3",
      "in 3", "in 3"]);
  },
  "a device without a log is refused": async () => {
    await assert.rejects(follow(new Device(["cdc", "other"], []), () => {}), /no log/);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok usblog page: ${name}`);
  } catch (error) {
    failed = 1;
    console.log(`not ok usblog page: ${name}: ${error.message.split("\n").join(" ")}`);
  }
}
process.exit(failed);
