// The page: a button that asks for a device, and a table of its records.
// SPDX-License-Identifier: MIT
import { FILTERS, follow } from "./usblog.js";

const ROWS_MAX = 500;
const state = document.getElementById("state");
const records = document.getElementById("records");

function rowAdd(seconds, level, text) {
  const row = records.insertRow();
  row.className = level;
  for (const cell of [seconds, level, text]) {
    row.insertCell().textContent = cell;
  }
  if (records.rows.length > ROWS_MAX) {
    records.deleteRow(0);
  }
  row.scrollIntoView();
}

document.getElementById("open").addEventListener("click", async () => {
  try {
    const device = await navigator.usb.requestDevice({ filters: FILTERS });
    state.textContent = `${device.productName} ${device.serialNumber}`;
    await follow(device, (record) => {
      if (record.lost > 0) {
        rowAdd("", "", `${record.lost} lost`);
      }
      rowAdd(record.seconds.toFixed(3), record.level, record.text);
    });
  } catch (error) {
    state.textContent = error.message;
  }
});

if (!navigator.usb) {
  state.textContent = "This browser has no WebUSB here: it needs Chrome, Edge or Opera, and https or localhost.";
}
