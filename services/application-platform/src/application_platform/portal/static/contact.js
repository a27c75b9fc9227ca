/* A conversation that is open: what the other side writes comes in, but nothing moves under somebody who is writing. */
"use strict";

(() => {
  const live = document.querySelector("[data-talk-live]");
  if (!live || !live.dataset.after) return;
  const line = live.querySelector("[data-talk-line]");
  const { patient, ticket, key, rows } = live.dataset;
  const clock = () => new Date().toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Stockholm" });
  let fetched = null;
  let asking = false;
  let again = false;
  let lost = false;

  const writing = () => {
    const area = document.querySelector("form[data-keep] textarea");
    return Boolean(area && (document.activeElement === area || area.value !== area.defaultValue));
  };

  function say(text, state = "") {
    line.textContent = text;
    live.className = state ? `talk-live talk-live--${state}` : "talk-live";
    live.querySelector("button")?.remove();
  }

  async function look(show = false) {
    if (asking) { again = true; return; }
    asking = true;
    again = false;
    try {
      const answer = await fetch(rows, { headers: { "HX-Request": "true" } });
      if (answer.ok) came(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#talk, #talk-list"), show);
      else say(answer.status === 401 ? "Du är utloggad. Läs in sidan igen för att logga in." : "Det finns något nytt som inte gick att hämta. Läs in sidan igen.", "lost");
    } catch {
      say("Det finns något nytt som inte gick att hämta. Läs in sidan igen.", "lost");
    }
    asking = false;
    if (again) look(show);
  }

  function came(found, show) {
    const here = document.getElementById(found?.id);
    if (!found || !here) return;
    const more = Number(found.dataset.count) !== Number(here.dataset.count) || found.dataset.newest !== here.dataset.newest;
    fetched = found;
    if (!more) return put(false);
    if (show || !writing()) return put(true);
    say(`Nytt meddelande ${clock()}`, "new");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button--small";
    button.textContent = "Visa";
    button.addEventListener("click", () => put(true));
    live.append(button);
  }

  function put(told) {
    const here = document.getElementById(fetched.id);
    here.replaceWith(document.adoptNode(fetched));
    for (const seen of document.querySelectorAll("input[name=seen]")) seen.value = fetched.dataset.newest;
    document.querySelectorAll("[data-talk-count]").forEach((one) => { one.textContent = fetched.dataset.count; });
    if (told) say(`Nytt ${clock()}`, "new");
  }

  document.addEventListener("fvm:stale", () => look(true));

  window.FVM.stream({ patient, ticket, after: live.dataset.after }, (message) => {
    if (message.kind === "changed" && message.patient === patient) {
      if (key === "*" ? message.what.some((one) => one.startsWith("Communication/")) : message.what.includes(key)) look();
    } else if (message.kind === "missed") {
      look();
    } else if (message.kind === "lost") {
      lost = true;
      say(`Ingen kontakt sedan ${message.since || clock()}. Det du ser kan vara gammalt.`, "lost");
    } else if (message.kind === "open" && lost) {
      lost = false;
      say(`Ansluten igen ${clock()}`);
      look();
    } else if (message.kind === "signed-out") {
      say("Du är utloggad. Läs in sidan igen för att logga in.", "lost");
    }
  });
})();

/* A usual reply is put where the cursor is, and takes nothing away. */
(() => {
  for (const chip of document.querySelectorAll("[data-reply]")) {
    chip.setAttribute("role", "button");
    chip.addEventListener("click", (event) => {
      event.preventDefault();
      const area = document.getElementById("text");
      area.setRangeText(chip.dataset.reply, area.selectionStart, area.selectionEnd, "end");
      area.focus();
    });
    chip.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); chip.click(); } });
  }
})();
