/* The card "Firmware": choose a file, watch it go, install it. API: docs/update.md. It needs nothing of the other scripts. */
'use strict';

{
  const POLL_MS = 300;       // between two looks at how far it is
  const RETURN_S = 300;      // so long the board may take to come back: a version that hangs has its trial first, 107 s
  const get = (id) => document.getElementById(id);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const title = ({ product, version, git }) => `${product} ${version}${git ? ` (${git})` : ''}`;
  const RESULTS = { restored: 'The new version failed, and the one before runs again', refused: 'The boot loader refused the new version' };

  let busy = false; // an upload or an installation is under way
  let ready = {};   // what the card shows as ready to install

  async function ask(method, body) {
    const stop = new AbortController();
    const timer = method !== 'PUT' && setTimeout(() => stop.abort(), 5000);
    try {
      const answer = await fetch('/api/update', { method, body, cache: 'no-store', signal: stop.signal });
      const now = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(now.error ? now.error.reason : `The board answered ${answer.status}.`);
      return now;
    } catch (error) {
      throw error instanceof TypeError || error.name === 'AbortError' ? new Error('The board does not answer.') : error;
    } finally {
      clearTimeout(timer);
    }
  }

  function say(message, bad = false) {
    get('fw-note').textContent = message;
    get('fw-note').className = bad ? 'bad' : '';
  }

  /* What can be done now. */
  function draw(now) {
    get('firmware').hidden = !now.product; // an image that can't be updated has no name
    get('fw-installed').textContent = title(now);
    get('fw-trust').textContent = now.signed ? 'signed files only' : 'takes files without a signature';
    ready = now.state === 'ready' ? now.staged : {};
    get('fw-staged').textContent = ready.build ? title(ready) : '–';
    get('fw-install').hidden = !ready.build || busy;
    get('fw-discard').hidden = busy || !['erasing', 'receiving', 'verifying', 'ready'].includes(now.state);
    get('fw-file').disabled = busy || !now.loader || now.state === 'trial';
    if (!now.loader) say('This board has an older boot loader: install all of the firmware once by make dfu-all.', true);
  }

  function progress(now, begun) {
    const seconds = (performance.now() - begun) / 1000;
    const share = now.length ? now.received / now.length : 0;
    get('fw-bar').hidden = false;
    get('fw-bar').value = now.state === 'verifying' ? 1 : share;
    say({
      erasing: 'Erasing flash. The board may be silent for seconds.',
      receiving: `${Math.round(100 * share)} %, ${(now.received / 1000 / seconds).toFixed(0)} kB/s`,
      verifying: 'Checking what is in flash.',
    }[now.state] || '');
  }

  /* Ask how far it is until the upload has its answer. */
  async function watch(done) {
    let begun = 0;
    while (!done.is) {
      await wait(POLL_MS);
      try {
        const now = await ask('GET');
        if (now.state !== 'erasing') begun = begun || performance.now() - POLL_MS;
        if (!done.is) progress(now, begun || performance.now());
      } catch { /* it erases; the upload itself tells what goes wrong */ }
    }
    get('fw-bar').hidden = true;
  }

  /* All is over: what can be done now. The board may just be away. */
  async function settle() {
    busy = false;
    for (let tries = 0; tries < 10; tries++) {
      try {
        return draw(await ask('GET'));
      } catch {
        await wait(1000);
      }
    }
  }

  async function upload(file) {
    const done = { is: false };
    busy = true;
    get('fw-file').disabled = true;
    say('Sending.');
    const watching = watch(done);
    try {
      const now = await ask('PUT', file);
      done.is = true;
      await watching;
      say(`${title(now.staged)} is ready.`);
    } catch (error) {
      done.is = true;
      await watching;
      say(error.message, true);
    }
    get('fw-file').value = '';
    await settle();
  }

  /* A page that is served confirms most products at once; others say themselves when. */
  async function trial() {
    await wait(1000);
    const now = await ask('GET');
    draw(now);
    return now.state === 'trial' ? ', on trial until the product confirms it. If it never does, the version before returns' : '';
  }

  /* Until the board is back, the new version or the old one. */
  async function comeBack(wanted) {
    for (let s = 0; s < RETURN_S; s++) {
      await wait(1000);
      say(`The board swaps the two versions and starts again: ${s + 1} s.`);
      try {
        const now = await ask('GET');
        if (now.state === 'installing') continue;
        if (now.build === wanted.build) return say(`${title(now)} runs${await trial()}.`);
        const last = now.last || {};
        return say(`${RESULTS[last.result] || 'The new version does not run'}: ${last.reason || 'no reason is known'}.`, true);
      } catch { /* not yet */ }
    }
    say('The board has not come back. Plug it in again.', true);
  }

  async function install() {
    try {
      const { staged } = await ask('POST', ready.build);
      busy = true;
      draw({ ...await ask('GET'), staged: null });
      await comeBack(staged);
    } catch (error) {
      say(error.message, true);
    }
    await settle();
  }

  async function begin() {
    const now = await ask('GET');
    draw(now);
    const still = now.state === 'trial' ? await trial() : '';
    if (still) say(`${title(now)} runs${still}.`);
    if (now.last && RESULTS[now.last.result]) say(`${RESULTS[now.last.result]}: ${now.last.reason}.`, true);
    get('fw-file').onchange = () => get('fw-file').files[0] && upload(get('fw-file').files[0]);
    get('fw-install').onclick = () => {
      get('fw-what').textContent = get('fw-staged').textContent;
      get('fw-ask').showModal();
    };
    get('fw-ask').onclose = () => {
      if (get('fw-ask').returnValue === 'go') install();
      get('fw-ask').returnValue = '';
    };
    get('fw-discard').onclick = async () => {
      await ask('DELETE');
      say('');
      draw(await ask('GET'));
    };
  }

  begin().catch(() => { get('firmware').hidden = true; });
}
