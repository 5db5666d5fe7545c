// A board's log by WebUSB: finds the interface, reads records (log.h says what is in them), and hands them over.
// SPDX-License-Identifier: MIT

export const FILTERS = [{ vendorId: 0x1209, productId: 0x0006 }];
const LEVELS = ["debug", "info", "warning"];
const NAME = "usblog"; // of the interface
const RECORD_MAX = 512; // bytes, more than a record has

export function decode(view) {
  const level = view.getUint8(6);
  const text = new Uint8Array(view.buffer, view.byteOffset + 8, view.byteLength - 8);
  return {
    seconds: view.getUint32(0, true) / 1000,
    lost: view.getUint16(4, true),
    level: LEVELS[level] || String(level),
    text: new TextDecoder().decode(text),
  };
}

function interfaceFind(device) {
  for (const candidate of device.configuration.interfaces) {
    const setting = candidate.alternate;
    if (setting.interfaceClass === 0xff && setting.interfaceName === NAME) {
      return { number: candidate.interfaceNumber, ends: setting.endpoints };
    }
  }
  throw new Error("the device has no log");
}

// Reads until the device is gone, which ends in an exception.
export async function follow(device, onRecord, level = 0) {
  await device.open();
  if (device.configuration === null) {
    await device.selectConfiguration(1);
  }
  const { number, ends } = interfaceFind(device);
  const end = (direction) => ends.find((e) => e.direction === direction).endpointNumber;
  await device.claimInterface(number);
  await device.transferOut(end("out"), Uint8Array.of(level));
  for (;;) {
    const result = await device.transferIn(end("in"), RECORD_MAX);
    if (result.status === "stall") {
      await device.clearHalt("in", end("in"));
    } else if (result.data.byteLength >= 8) {
      onRecord(decode(result.data));
    }
  }
}
