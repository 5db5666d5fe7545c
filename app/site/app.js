/* The panel: asks the board for its state a few times a second, draws it, and switches LEDs. API: app/API.md. */
'use strict';

const POLL_MS = 350;      // pause between an answer and the next question
const RETRY_MS = 1000;    // the same after a failure
const TIMEOUT_MS = 4000;  // an answer later than this is none
const HISTORY_MS = 60000; // width of the screen

/* What counters are called on the page; others go by their own names. */
const NAMES = {
  out_header: 'no block header', out_length: 'wrong block length', out_table: 'broken table', out_chain: 'endless tables',
  out_bounds: 'datagram out of bounds', out_overlap: 'datagrams overlap', out_oversize: 'datagram too long',
  out_count: 'too many datagrams', out_crc: 'checksum mode', in_full: 'PC reads too slowly', in_down: 'sent while link down',
  in_abort: 'lost to a halt', in_unread: 'not read before a reset', arp_forged: 'forged ARP', no_memory: 'no memory to receive', waited_too_long: 'no memory for too long',
  send_no_memory: 'no memory to send', out_sequence_jumps: 'blocks missed', out_starved: 'waited for a free block',
  in_place: 'received without a copy', copied: 'received by copy', sent: 'sent', sent_copied: 'sent by copy',
  waited: 'waited for memory', host_address: 'this PC', resets: 'bus resets', setups: 'control requests', stalls: 'requests refused',
};
const TWICE = ['send_full']; // counted as in_full and in_down already

const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString('en');
const words = (key) => NAMES[key] || key.replace(/_/g, ' ');

let last = null;    // the status before, to compute rates
let history = [];   // { t, up, down } in ms and bytes/s; null where the line breaks
let chosen = null;  // the LEDs as last drawn
let switches = 0;   // LEDs switched: a status asked for before that shows them as they were

function text(node, value) {
  value = String(value);
  if (node.textContent !== value) node.textContent = value;
}

function make(tag, parent, name) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  return parent.appendChild(node);
}

const number = (list, key, n) => line(list, key, count(n), n ? '' : 'zero');

/* The child of `box` for `key`, made when first asked for. */
function child(box, key, create) {
  box.parts = box.parts || new Map();
  if (!box.parts.has(key)) box.parts.set(key, create());
  return box.parts.get(key);
}

/* A line of a description list. */
function line(list, label, value, name = '') {
  const row = child(list, label, () => {
    const div = make('div', list);
    make('dt', div).textContent = words(label);
    make('dd', div);
    return div;
  });
  text(row.lastChild, value);
  if (row.className !== name) row.className = name;
}

function state(name, message) {
  $('state').dataset.state = name;
  text($('state'), message);
  document.body.classList.toggle('lost', name === 'lost');
}

/* ---- Drawing ---- */

function drawBoard(now) {
  text($('board'), now.board);
  text($('flavour'), `${now.flavour}, up ${duration(now.uptime_ms)}`);
  text($('chip'), now.chip);
  text($('version'), now.version);
  document.title = `${now.board} · plugnet`;
  const facts = $('facts');
  for (const key of ['address', 'host_address', 'serial']) line(facts, key, now[key]);
  line(facts, 'names', now.names.join('\n'));
  const stop = now.report;
  if (stop) line(facts, 'last stop', `${stop.reason} at ${stop.pc}\n${stop.thread}, ${duration(stop.uptime_ms)} ${stop.text}`);
  $('update').hidden = !now.dfu;
}

function drawLights({ leds, button }) {
  chosen = leds;
  leds.forEach((led, i) => {
    const node = child($('leds'), i, () => {
      const made = make('button', $('leds'));
      made.setAttribute('role', 'switch');
      made.dataset.led = led.name;
      make('i', made);
      made.append(led.name);
      make('b', made).setAttribute('aria-hidden', 'true');
      made.onclick = () => switchLed(i);
      return made;
    });
    node.setAttribute('aria-checked', led.on);
    text(node.lastChild, led.on ? 'on' : 'off');
  });
  document.querySelector('.push').hidden = button === undefined;
  text($('button'), button ? 'pressed' : 'released');
  $('cap').className = button ? 'down' : '';
}

function duration(ms) {
  const s = Math.floor(ms / 1000);
  const two = (n) => String(n % 60).padStart(2, '0');
  const days = Math.floor(s / 86400);
  return `${days ? days + ' d ' : ''}${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60))}:${two(s)}`;
}

/* A rate that keeps about three digits. */
const digits = (n) => n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0);

const size = (n) => n < 1e6 ? `${digits(n / 1e3)} kB` : `${digits(n / 1e6)} MB`;

/* What moved since the last status, each second; counters are 32 bits wide and wrap. */
function rates(now) {
  const seconds = last ? (now.uptime_ms - last.uptime_ms) / 1000 : 0;
  if (seconds <= 0) return null;
  const rate = {};
  for (const key in now.usb) {
    if (typeof now.usb[key] === 'number') rate[key] = ((now.usb[key] - last.usb[key]) >>> 0) / seconds;
  }
  return rate;
}

function drawTraffic(now, rate) {
  const t = performance.now();
  history.push(rate ? { t, up: rate.in_bytes, down: rate.out_bytes } : { t });
  history = history.filter((item) => item.t > t - HISTORY_MS - POLL_MS * 4);
  const top = Math.max(4000, ...history.map((item) => Math.max(item.up || 0, item.down || 0)));
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = power * [1, 2, 5, 10].find((n) => n * power * 4 >= top);
  text($('scale'), `${step / 1000} kB/s a division`);
  for (const way of ['up', 'down']) {
    let path = '', pen = 'M';
    for (const item of history) {
      if (item[way] === undefined) {
        pen = 'M';
      } else {
        path += `${pen}${(600 - (t - item.t) / 100).toFixed(1)} ${(199 - item[way] / step * 49.5).toFixed(1)}`;
        pen = 'L';
      }
    }
    $('trace').querySelector('.' + way).setAttribute('d', path);
  }
  if (rate) {
    text($('up'), digits(rate.in_bytes / 1000));
    text($('down'), digits(rate.out_bytes / 1000));
    text($('frames'), digits(rate.in_datagrams + rate.out_datagrams));
  }
  text($('cpu'), (now.cpu_permille / 10).toFixed(1));
  $('cpubar').style.width = `${now.cpu_permille / 10}%`;
}

function drawCable({ usb, netif }, rate) {
  for (const key of ['blocks', 'datagrams', 'bytes']) {
    const cells = child($('cable'), key, () => {
      const row = make('tr', $('cable'));
      const head = make('th', row);
      head.scope = 'row';
      head.textContent = key;
      return [make('td', row), make('td', row)].map((cell) => [make('span', cell), make('small', cell)]);
    });
    ['out_', 'in_'].forEach((way, i) => {
      const show = key === 'bytes' ? size : (n) => count(Math.round(n));
      text(cells[i][0], show(usb[way + key]));
      text(cells[i][1], rate ? `${show(rate[way + key])}/s` : '–');
    });
  }
  const ratio = child($('cable'), 'ratio', () => {
    const row = make('tr', $('cable'));
    row.innerHTML = '<th scope="row">in a block</th>';
    return [make('td', row), make('td', row)];
  });
  ['out_', 'in_'].forEach((way, i) => {
    text(ratio[i], usb[way + 'blocks'] ? (usb[way + 'datagrams'] / usb[way + 'blocks']).toFixed(2) : '–');
  });
  line($('ways'), 'link', usb.link ? 'up' : 'down');
  for (const group of [usb, netif]) {
    for (const key in group) {
      const shown = /^(out|in)_(blocks|datagrams|bytes)$/.test(key);
      if (typeof group[key] === 'number' && !shown) number($('ways'), key, group[key]);
    }
  }
}

function drawDrops({ usb, netif }) {
  const drops = { ...usb.drops, ...netif.drops };
  let sum = 0;
  for (const key in drops) {
    if (TWICE.includes(key)) continue;
    sum += drops[key];
    line($('drops'), key, count(drops[key]), drops[key] ? 'bad' : 'zero');
  }
  text($('sum'), sum ? `${count(sum)} in all` : 'nothing so far');
  $('sum').className = sum ? 'bad' : '';
}

function drawMemory(now) {
  const stack = { name: 'STACK', ...now.stack, max: now.stack.used, errors: 0 };
  for (const pool of [stack, ...now.pools]) {
    const [box, figures, used, most] = child($('pools'), pool.name, () => {
      const row = make('div', $('pools'), 'pool');
      make('span', row).textContent = words(pool.name).toLowerCase();
      const value = make('span', row);
      const bar = make('i', row, 'bar');
      return [row, value, make('u', bar), make('u', bar)];
    });
    const share = (n) => `${Math.min(100, pool.size ? 100 * n / pool.size : 0)}%`;
    used.style.width = share(pool.used);
    most.style.width = share(pool.max);
    const refused = pool.errors ? `, ${count(pool.errors)} refused` : '';
    text(figures, `${count(pool.used)} of ${count(pool.size)}, most ${count(pool.max)}${refused}`);
    box.classList.toggle('bad', pool.errors > 0);
  }
}

function drawTasks({ tasks }) {
  $('tasks').hidden = !tasks;
  for (const task of tasks || []) {
    const [figures, bar] = child($('threads'), task.name, () => {
      const row = make('div', $('threads'), 'pool');
      make('span', row).textContent = task.name;
      return [make('span', row), make('u', make('i', row, 'bar'))];
    });
    const stack = task.stack ? `, ${count(task.stack_left)} of ${count(task.stack)} left` : '';
    text(figures, `${(task.cpu_permille / 10).toFixed(1)} %${stack}`);
    bar.style.width = `${task.cpu_permille / 10}%`;
  }
}

function drawServices({ services }) {
  for (const name in services) {
    const box = child($('services'), name, () => {
      const div = make('div', $('services'));
      make('dt', div).textContent = name;
      return make('dd', div);
    });
    for (const key in services[name]) {
      const value = child(box, key, () => {
        const span = make('span', box);
        span.append(words(key) + ' ');
        return make('em', span);
      });
      text(value, count(services[name][key]));
      value.parentNode.className = services[name][key] ? '' : 'zero';
    }
  }
}

function draw(now) {
  if (last && now.uptime_ms < last.uptime_ms) last = null; // it was reset, or 49 days went by
  const rate = rates(now);
  drawBoard(now);
  drawTraffic(now, rate);
  drawCable(now, rate);
  drawDrops(now);
  drawMemory(now);
  drawServices(now);
  drawTasks(now);
  last = now;
}

/* ---- Talking to the board ---- */

async function ask(path, options = {}) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    const answer = await fetch(path, { cache: 'no-store', signal: stop.signal, ...options });
    if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).trim()}`);
    return answer.status === 204 ? null : await answer.json();
  } finally {
    clearTimeout(timer);
  }
}

async function switchLed(led) {
  const on = !chosen[led].on;
  switches++;
  try {
    drawLights(await ask('/api/leds', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ led, on }),
    }));
    text($('note'), '');
  } catch (error) {
    const why = /^\d/.test(error.message) ? error.message : 'no answer';
    text($('note'), `The ${chosen[led].name} LED was not switched: ${why}`);
  } finally {
    switches++;
  }
}

$('update').onclick = () => $('leave').showModal();
$('leave').onclose = async () => {
  if ($('leave').returnValue !== 'go') return;
  $('leave').returnValue = '';
  try {
    await ask('/api/dfu', { method: 'POST' });
    text($('note'), 'The board has started its boot loader and waits for firmware.');
  } catch (error) {
    text($('note'), `The boot loader was not started: ${/^\d/.test(error.message) ? error.message : 'no answer'}`);
  }
};

async function poll() {
  const before = switches;
  try {
    const now = await ask('/api/status');
    draw(now);
    if (before === switches) drawLights(now);
    if ($('state').dataset.state === 'lost') text($('note'), '');
    state('live', 'live');
    return POLL_MS;
  } catch (error) {
    state('lost', 'no answer, trying again');
    document.title = 'no answer · plugnet';
    history.push({ t: performance.now() });
    last = null;
    return RETRY_MS;
  }
}

/* One question at a time, none while nobody looks. */
async function main() {
  for (;;) {
    const pause = await poll();
    if (document.hidden) {
      state('wait', 'paused');
      last = null;
      await new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
    } else {
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}

main();
