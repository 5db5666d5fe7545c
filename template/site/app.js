// Ask for the state twice a second; say so when the board is away.
const show = (id, text) => { document.getElementById(id).textContent = text; };

async function state() {
    try {
        const s = await (await fetch("/api/state")).json();
        show("board", s.board);
        show("uptime", `${Math.floor(s.uptime_ms / 1000)} s`);
        show("button", s.button ? "pressed" : "released");
    } catch {
        show("uptime", "no answer");
    }
    setTimeout(state, 500);
}

const form = document.getElementById("settings");

function fill(settings) {
    form.elements.name.value = settings.name;
    form.elements.led.checked = settings.led;
}

form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = { name: form.elements.name.value, led: form.elements.led.checked };
    const answer = await fetch("/api/settings", { method: "PUT", body: JSON.stringify(wanted) });
    const said = await answer.json();
    show("said", answer.ok ? `saved; next time http://${said.name}.local/` : `${said.member}: ${said.error}`);
});

fetch("/api/settings").then((answer) => answer.json()).then(fill);
state();
