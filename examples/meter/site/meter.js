/*
 * The meter's page: samples come by Server-Sent Events or by the WebSocket, are kept for a minute, and are drawn on a canvas.
 * No libraries. What is said to the board: PUT /settings, PUT /upload, GET /log.csv, and a few words on the WebSocket, which
 * come back and tell the time of the way.
 */
"use strict";

const $ = (selector) => document.querySelector(selector);
const KEEP_MS = 61000;
const SILENT_MS = 2500; // so long without a sample: the board is gone

// ---- Samples ----

let samples = []; // { n, ms, volts, load_permille, button }, the oldest first
let arrived = []; // when the last ones came, by this computer's clock
let lost = 0;
let lastHeard = 0; // performance.now()
let offset = 0; // the board's clock and 0.0 s behind it, so that the plot moves smoothly between samples

function sampleTake(sample) {
  const last = samples[samples.length - 1];
  const now = performance.now();
  if (last && sample.n <= last.n && sample.ms >= last.ms) {
    return; // the same by the other way
  }
  if (last && sample.ms < last.ms) {
    samples = []; // the board has been reset
  } else if (last) {
    lost += sample.n - last.n - 1;
  }
  samples.push(sample);
  while (samples[0].ms < sample.ms - KEEP_MS) {
    samples.shift();
  }
  arrived.push(now);
  arrived = arrived.filter((when) => when > now - 3000);
  const ahead = sample.ms - now;
  offset = samples.length === 1 || Math.abs(ahead - offset) > 500 ? ahead : offset + (ahead - offset) * 0.1;
  lastHeard = now;
}

// ---- The two ways that samples come ----

let source = "events";
let events = null;
let socket = null;
let socketWait = 500;

function eventsOpen() {
  events = new EventSource("/events");
  events.onmessage = (event) => {
    if (source === "events") {
      sampleTake(JSON.parse(event.data));
    }
  };
  events.addEventListener("lost", (event) => {
    lost += Number(event.data) || 0;
  });
  events.onerror = () => {
    // The browser connects again by itself, unless the board has answered with an error.
    if (events && events.readyState === EventSource.CLOSED) {
      events = null;
      setTimeout(() => source === "events" && !events && eventsOpen(), 2000);
    }
  };
}

function socketOpen() {
  const mine = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
  socket = mine;
  mine.onopen = () => {
    socketWait = 500;
  };
  mine.onmessage = (event) => {
    if (event.data.startsWith("{")) {
      if (source === "socket") {
        sampleTake(JSON.parse(event.data));
      }
    } else {
      echoTake(event.data);
    }
  };
  mine.onclose = () => {
    echoText("–");
    setTimeout(socketOpen, socketWait);
    socketWait = Math.min(socketWait * 2, 8000);
  };
}

function sourceChoose(which) {
  source = which;
  if (which === "events" && !events) {
    eventsOpen();
  } else if (which === "socket" && events) {
    events.close();
    events = null;
  }
}

// ---- There and back: what the WebSocket gets it sends back ----

let echoes = [];

function echoAsk() {
  if (socket && socket.readyState === WebSocket.OPEN && !document.hidden) {
    socket.send("echo " + performance.now());
  }
}

function echoTake(text) {
  const took = performance.now() - Number(text.split(" ")[1]);
  if (took >= 0) {
    echoes = [...echoes.slice(-8), took];
    const middle = [...echoes].sort((a, b) => a - b)[echoes.length >> 1];
    echoText(middle.toFixed(1) + " ms");
  }
}

function echoText(text) {
  $("#echo").textContent = text;
}

// ---- The plot ----

const plot = $("#plot");
let span = 15; // seconds shown
let held = null; // samples while the picture stands still
let pointer = null; // where the mouse is, in pixels; null: nowhere
let colours = {};
let scale = 1; // volts at the upper edge

function coloursRead() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["grid", "axis", "trace", "glow"]) {
    colours[name] = style.getPropertyValue("--" + name).trim();
  }
}

/* The next larger one of 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5 and so on. */
function scaleFor(most) {
  for (let decade = 0.01; ; decade *= 10) {
    for (const step of [1, 1.5, 2, 3, 5, 7.5]) {
      if (most <= step * decade * 1.0001 && step * decade >= 0.05) {
        return step * decade;
      }
    }
  }
}

function plotSize() {
  const ratio = window.devicePixelRatio || 1;
  const box = plot.getBoundingClientRect();
  const width = Math.round(box.width * ratio);
  const height = Math.round(box.height * ratio);
  if (plot.width !== width || plot.height !== height) {
    plot.width = width;
    plot.height = height;
  }
  return { width: box.width, height: box.height, ratio };
}

function gridDraw(pen, area) {
  pen.lineWidth = 1;
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (let line = -2; line <= 2; line++) {
    const y = area.y(line * scale / 2);
    pen.strokeStyle = colours.grid;
    pen.beginPath();
    pen.moveTo(area.left, Math.round(y) + 0.5);
    pen.lineTo(area.right, Math.round(y) + 0.5);
    pen.stroke();
    pen.fillStyle = colours.axis;
    pen.textAlign = "right";
    pen.fillText((line * scale / 2).toFixed(scale < 0.2 ? 3 : 2), area.left - 8, y);
  }
  const step = span / 5;
  pen.textAlign = "center";
  for (let back = 0; back <= 5; back++) {
    const x = area.right - (area.right - area.left) * back / 5;
    pen.strokeStyle = colours.grid;
    pen.beginPath();
    pen.moveTo(Math.round(x) + 0.5, area.top);
    pen.lineTo(Math.round(x) + 0.5, area.bottom);
    pen.stroke();
    pen.fillStyle = colours.axis;
    pen.textAlign = back === 0 ? "right" : "center";
    pen.fillText(back === 0 ? "now" : "−" + back * step + " s", x, area.bottom + 14);
  }
}

function traceDraw(pen, area, shown, now) {
  pen.beginPath();
  let before = null;
  for (const sample of shown) {
    const x = area.x(sample.ms, now);
    if (!before || sample.n - before.n > 1) {
      pen.moveTo(x, area.y(sample.volts)); // a gap stays a gap
    } else {
      pen.lineTo(x, area.y(sample.volts));
    }
    before = sample;
  }
  pen.lineJoin = "round";
  pen.lineWidth = 7;
  pen.strokeStyle = colours.glow;
  pen.stroke();
  pen.lineWidth = 2;
  pen.strokeStyle = colours.trace;
  pen.stroke();
  if (before && !held) {
    pen.beginPath();
    pen.arc(area.x(before.ms, now), area.y(before.volts), 4, 0, 2 * Math.PI);
    pen.fillStyle = colours.trace;
    pen.fill();
  }
}

function cursorDraw(pen, area, shown, now) {
  const label = $("#cursor");
  let nearest = null;
  if (pointer !== null) {
    for (const sample of shown) {
      if (!nearest || Math.abs(area.x(sample.ms, now) - pointer) < Math.abs(area.x(nearest.ms, now) - pointer)) {
        nearest = sample;
      }
    }
  }
  label.hidden = !nearest;
  if (nearest) {
    const x = area.x(nearest.ms, now);
    pen.strokeStyle = colours.axis;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, area.top);
    pen.lineTo(x, area.bottom);
    pen.stroke();
    pen.beginPath();
    pen.arc(x, area.y(nearest.volts), 5, 0, 2 * Math.PI);
    pen.stroke();
    label.textContent = "sample " + nearest.n + ": " + nearest.volts.toFixed(3) + " V";
  }
}

function plotDraw() {
  const { width, height, ratio } = plotSize();
  const pen = plot.getContext("2d");
  const all = held || samples;
  const newest = all.length ? all[all.length - 1].ms : 0;
  const live = !held && performance.now() - lastHeard < SILENT_MS;
  const now = live ? Math.min(newest + 60, performance.now() + offset) : newest;
  const shown = all.filter((sample) => sample.ms > now - span * 1000 - 200);
  const area = {
    left: 52, right: width - 12, top: 12, bottom: height - 28,
    x: (ms, at) => area.right - (at - ms) / (span * 1000) * (area.right - area.left),
    y: (volts) => (area.top + area.bottom) / 2 - volts / scale * (area.bottom - area.top) / 2,
  };
  scale = scaleFor(Math.max(0.04, ...shown.map((sample) => Math.abs(sample.volts))) * 1.05);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  gridDraw(pen, area);
  pen.save();
  pen.beginPath();
  pen.rect(area.left, 0, area.right - area.left + 6, height);
  pen.clip();
  traceDraw(pen, area, shown, now);
  cursorDraw(pen, area, shown, now);
  pen.restore();
  plot.dataset.newest = newest; // for tests: what is drawn
  requestAnimationFrame(plotDraw);
}

// ---- Figures ----

function text(selector, value) {
  const element = $(selector);
  if (element.textContent !== value) {
    element.textContent = value;
  }
}

/* By the ways through the middle, upwards, with the noise kept out by a band around it. */
function frequencyOf(shown, amplitude) {
  const band = amplitude * 0.3;
  let below = false;
  let first = null;
  let last = null;
  let count = 0;
  for (const sample of shown) {
    if (sample.volts < -band) {
      below = true;
    } else if (sample.volts > band && below) {
      below = false;
      first = first ?? sample.ms;
      last = sample.ms;
      count++;
    }
  }
  return count > 1 ? (count - 1) * 1000 / (last - first) : null;
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  return Math.floor(seconds / 3600) + ":" + two(Math.floor(seconds / 60) % 60) + ":" + two(seconds % 60);
}

function stateShow() {
  const silent = performance.now() - lastHeard;
  const state = lastHeard === 0 ? "wait" : silent > SILENT_MS ? "lost" : "live";
  const names = { wait: "connecting", lost: "no samples", live: held ? "live, held" : "live" };
  $("#state").dataset.state = state;
  text("#state", names[state]);
}

function figuresShow() {
  stateShow();
  const last = samples[samples.length - 1];
  if (!last) {
    return;
  }
  const shown = samples.filter((sample) => sample.ms > last.ms - span * 1000);
  const volts = shown.map((sample) => sample.volts);
  const lowest = Math.min(...volts);
  const highest = Math.max(...volts);
  const hertz = frequencyOf(shown, (highest - lowest) / 2);
  text("#volts", last.volts.toFixed(3));
  text("#lowest", lowest.toFixed(3) + " V");
  text("#highest", highest.toFixed(3) + " V");
  text("#rms", Math.sqrt(volts.reduce((sum, one) => sum + one * one, 0) / volts.length).toFixed(3) + " V");
  text("#hertz", hertz === null ? "–" : hertz.toFixed(2) + " Hz");
  text("#rate", (arrived.length / 3).toFixed(0));
  text("#lost", String(lost));
  text("#number", last.n.toLocaleString("en"));
  text("#uptime", duration(last.ms));
  text("#load", (last.load_permille / 10).toFixed(1) + " %");
  $("#loadbar").value = last.load_permille / 10;
  text("#button", last.button ? "pressed" : "released");
}

// ---- Talking to the board ----

function say(selector, kind, words) {
  const place = $(selector);
  place.dataset.kind = kind;
  place.textContent = words;
}

/* What an answer says of an error: our JSON, or whatever text it has. */
async function reasonOf(answer) {
  const body = (await answer.text()).trim();
  try {
    const said = JSON.parse(body);
    return { member: said.member, words: (said.member ? said.member + ": " : "") + said.error };
  } catch {
    return { words: body || "status " + answer.status };
  }
}

// ---- Settings ----

const form = $("#settings");
const FOLLOW_MS = 3000; // mDNS has asked for the name by then
const NUMBERS = ["amplitude_v", "frequency_hz", "noise_v"];

function settingsShow(settings) {
  form.elements.name.value = settings.name;
  form.elements.host.value = settings.host;
  form.elements.telemetry.checked = settings.telemetry;
  for (const name of NUMBERS) {
    form.elements[name].value = settings[name];
  }
  text("#name", settings.name);
  document.title = settings.name;
}

async function settingsRead() {
  try {
    const answer = await fetch("/settings");
    if (!answer.ok) {
      throw new Error("status " + answer.status);
    }
    settingsShow(await answer.json());
    say("#settings-say", "", "");
  } catch (error) {
    say("#settings-say", "bad", "Not read: " + error.message);
  }
}

// The board answers to its new name alone; whoever came by its address stays.
function settingsFollow(host) {
  const [label, ...domain] = location.hostname.split(".");
  const named = ["local", "internal", "home.arpa"].includes(domain.join("."));
  if (!named || label === host) {
    say("#settings-say", "good", "Saved.");
    return;
  }
  const there = "http://" + [host, ...domain].join(".") + (location.port ? ":" + location.port : "") + "/";
  say("#settings-say", "good", "Saved. The board is at " + there + " now; the page follows.");
  setTimeout(() => location.assign(there), FOLLOW_MS);
}

async function settingsSave(event) {
  event.preventDefault();
  const wanted = { name: form.elements.name.value, host: form.elements.host.value, telemetry: form.elements.telemetry.checked };
  for (const name of NUMBERS) {
    wanted[name] = Number(form.elements[name].value);
  }
  for (const element of form.elements) {
    element.classList.remove("wrong");
  }
  try {
    const answer = await fetch("/settings", {
      method: "PUT",
      headers: { "Content-Type": "application/json", Authorization: "Bearer " + form.elements.password.value },
      body: JSON.stringify(wanted),
    });
    if (answer.ok) {
      const now = await answer.json();
      settingsShow(now);
      settingsFollow(now.host);
      return;
    }
    const reason = await reasonOf(answer);
    form.elements[reason.member]?.classList.add("wrong");
    say("#settings-say", "bad", "Nothing changed. " + reason.words);
  } catch (error) {
    say("#settings-say", "bad", "Not saved: " + error.message);
  }
}

// ---- Upload ----

let table = null;

function crc32(bytes) {
  if (!table) {
    table = Uint32Array.from({ length: 256 }, (_, byte) => {
      for (let bit = 0; bit < 8; bit++) {
        byte = byte & 1 ? byte >>> 1 ^ 0xEDB88320 : byte >>> 1;
      }
      return byte;
    });
  }
  let crc = -1;
  for (const byte of bytes) {
    crc = crc >>> 8 ^ table[(crc ^ byte) & 255];
  }
  return ((crc ^ -1) >>> 0).toString(16).padStart(8, "0");
}

function size(bytes) {
  return bytes < 10000 ? bytes + " bytes" : (bytes / 1000).toLocaleString("en", { maximumFractionDigits: 0 }) + " kB";
}

/* By XMLHttpRequest, which tells how far it is. */
function uploadSend(blob) {
  const request = new XMLHttpRequest();
  const begin = performance.now();
  $("#random").disabled = $("#file").disabled = true;
  say("#upload-say", "", "Sending " + size(blob.size) + " …");
  request.open("PUT", "/upload");
  request.upload.onprogress = (event) => {
    $("#sent").value = event.loaded / Math.max(1, event.total);
  };
  request.onloadend = async () => {
    $("#random").disabled = $("#file").disabled = false;
    if (request.status !== 200) {
      say("#upload-say", "bad", request.status ? "Refused: " + request.responseText.trim() : "The connection broke.");
      return;
    }
    const seconds = (performance.now() - begin) / 1000;
    const said = JSON.parse(request.responseText);
    const ours = crc32(new Uint8Array(await blob.arrayBuffer()));
    const same = said.length === blob.size && said.crc32 === ours;
    $("#sent").value = 1;
    say("#upload-say", same ? "good" : "bad", same
      ? size(said.length) + " in " + seconds.toFixed(1) + " s; CRC-32 " + said.crc32 + ", as counted here."
      : "The board counted " + said.length + " bytes, CRC-32 " + said.crc32 + "; here it is " + ours + ".");
  };
  request.send(blob);
}

function uploadRandom() {
  const bytes = new Uint8Array(256 * 1024);
  for (let at = 0; at < bytes.length; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65536));
  }
  uploadSend(new Blob([bytes]));
}

function dropWatch(drop) {
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) {
      uploadSend(event.dataTransfer.files[0]);
    }
  });
}

// ---- Log ----

async function logMeasure(event) {
  event.preventDefault();
  const button = event.submitter || $("#log button");
  button.disabled = true;
  const begin = performance.now();
  try {
    const answer = await fetch("/log.csv?rows=" + encodeURIComponent($("#log").elements.rows.value));
    if (!answer.ok) {
      throw new Error((await reasonOf(answer)).words);
    }
    const reader = answer.body.getReader();
    let bytes = 0;
    let rows = -1; // the first line has the names
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      bytes += piece.value.length;
      rows += piece.value.reduce((count, byte) => count + (byte === 10), 0);
      say("#log-say", "", rows.toLocaleString("en") + " rows …");
    }
    const seconds = (performance.now() - begin) / 1000;
    say("#log-say", "good", rows.toLocaleString("en") + " rows, " + size(bytes) + " in " + seconds.toFixed(1) + " s, "
      + (bytes / 1000 / seconds).toFixed(0) + " kB/s.");
  } catch (error) {
    say("#log-say", "bad", error.message);
  }
  button.disabled = false;
}

// ---- Begin ----

$("#spans").addEventListener("change", (event) => {
  span = Number(event.target.value);
});
$("#sources").addEventListener("change", (event) => sourceChoose(event.target.value));
$("#hold").addEventListener("click", () => {
  held = held ? null : [...samples];
  $("#hold").setAttribute("aria-pressed", String(held !== null));
});
plot.addEventListener("pointermove", (event) => {
  pointer = event.offsetX;
});
plot.addEventListener("pointerleave", () => {
  pointer = null;
});
plot.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
  if (step) {
    event.preventDefault();
    const width = plot.getBoundingClientRect().width;
    pointer = Math.min(width, Math.max(0, (pointer ?? width) + step));
  } else if (event.key === "Escape") {
    pointer = null;
  }
});
form.addEventListener("submit", settingsSave);
form.addEventListener("reset", (event) => {
  event.preventDefault();
  settingsRead();
});
$("#file").addEventListener("change", (event) => {
  if (event.target.files.length) {
    uploadSend(event.target.files[0]);
    event.target.value = "";
  }
});
$("#random").addEventListener("click", uploadRandom);
dropWatch($("#drop"));
$("#log").addEventListener("submit", logMeasure);
$("#log").elements.rows.addEventListener("input", (event) => {
  $("#save").href = "/log.csv?rows=" + encodeURIComponent(event.target.value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", coloursRead);

coloursRead();
settingsRead();
eventsOpen();
socketOpen();
setInterval(echoAsk, 1000);
setInterval(figuresShow, 200);
plotDraw();
