// Shows what the board says, twice a second. SPDX-License-Identifier: MIT
"use strict";

const list = document.getElementById("state");
let state = {};

async function update() {
    state = await (await fetch("/api/state")).json();
    list.replaceChildren(...Object.entries(state).flatMap(([name, value]) => {
        const term = document.createElement("dt"), said = document.createElement("dd");
        term.textContent = name;
        said.textContent = value;
        return [term, said];
    }));
}

document.getElementById("led").onclick = () => fetch(`/api/led?on=${!state.led}`, {method: "PUT"}).then(update);
setInterval(() => update().catch(() => {}), 500);
