/* Keeps the ward's board alive: cards change in their places, and none while the pointer or the focus is in it. */
"use strict";

(() => {
  const board = document.getElementById("ward");
  if (!board) return;
  const line = document.getElementById("ward-live");
  const connection = document.getElementById("connection");
  const PACE = 2000; // milliseconds between two looks
  const AGAIN = 30000; // a look without news: what was done through another door than this portal
  let timer = 0;
  let asked = 0;
  let over = false;

  function say(words, lost = false) {
    const mark = document.createElement("span");
    mark.className = "dot";
    mark.setAttribute("aria-hidden", "true");
    line.className = lost ? "ward__live ward__live--lost support" : "ward__live support";
    if (lost) line.setAttribute("role", "status"); // that all is well is not read aloud every minute
    else line.removeAttribute("role");
    if (line.textContent.trim() === words) return;
    line.replaceChildren(...(lost ? [words] : [mark, ` ${words}`]));
  }

  const busy = (part) => part.matches(":hover") || part.contains(document.activeElement);

  // A card that somebody is at waits until the next look.
  function swap(old, made) {
    if (old.isEqualNode(made)) return true;
    if (busy(old)) return false;
    old.replaceWith(document.importNode(made, true));
    return true;
  }

  function show(html) {
    const made = new DOMParser().parseFromString(html, "text/html").getElementById("ward");
    if (!made) return;
    listen(made.dataset);
    const now = document.getElementById("ward");
    const names = (part) => [...part.querySelectorAll(".bed")].map((bed) => bed.id).join();
    let whole = true;
    if (names(now) === names(made) && now.children.length === made.children.length) {
      for (const bed of made.querySelectorAll(".bed")) whole = swap(document.getElementById(bed.id), bed) && whole;
      for (const [place, part] of [...now.children].entries()) {
        if (part.id !== "ward-beds") whole = swap(part, made.children[place]) && whole;
      }
    } else if (!busy(now)) {
      now.replaceWith(document.importNode(made, true));
    } else {
      whole = false;
    }
    say(whole ? `Uppdaterad ${made.dataset.clock}` : "Något är ändrat. Tavlan visar det när du lämnar kortet.");
    if (!whole) look(PACE);
  }

  function look(wait = 0) {
    if (over || timer) return;
    timer = window.setTimeout(ask, Math.max(wait, asked + PACE - Date.now()));
  }

  async function ask() {
    asked = Date.now();
    try {
      const answer = await fetch(window.location.pathname + window.location.search.replace(/[?&](klar|akt)=[^&]*/g, ""), {
        headers: { "HX-Request": "true" },
      });
      timer = 0;
      if (over) return;
      if (answer.status === 401) say("Du är utloggad. Läs in sidan igen för att logga in.", true);
      else if (!answer.ok) say("Tavlan gick inte att hämta. Det du ser kan vara gammalt.", true);
      else show(await answer.text());
    } catch {
      timer = 0;
      say("Ingen kontakt. Det du ser kan vara gammalt.", true);
    }
  }

  const clock = () => new Date().toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Stockholm" });
  let lostAt = "";

  function hear(message) {
    if (message.kind === "missed" || (message.kind === "changed" && mine.has(message.patient))) look();
    else if (message.kind === "open") {
      connected(true);
      if (lostAt) { lostAt = ""; look(); }
    } else if (message.kind === "lost") {
      lostAt = lostAt || message.since || clock();
      connected(false);
      say(`Ingen kontakt sedan ${lostAt}. Det du ser kan vara gammalt.`, true);
    } else if (message.kind === "signed-out") {
      over = true;
      connected(false);
      say("Du är utloggad. Läs in sidan igen för att logga in.", true);
    }
  }

  function connected(yes) {
    if (!connection) return;
    connection.hidden = false;
    connection.classList.toggle("top__state--lost", !yes);
    document.getElementById("connection-word").textContent = yes ? "Ansluten" : "Ingen kontakt";
  }

  // Who has come to the ward since the page was opened is listened for from then on.
  const mine = new Set();
  function listen({ watch, after }) {
    const wanted = watch.split(" ").filter(Boolean).map((pair) => {
      const [patient, ticket] = pair.split("~");
      return { patient, ticket };
    }).filter(({ patient }) => !mine.has(patient));
    if (!wanted.length) return;
    for (const { patient } of wanted) mine.add(patient);
    window.FVM.stream({ watch: wanted, after }, hear);
  }
  listen(board.dataset);
  window.setInterval(() => { if (!document.hidden) look(); }, AGAIN);
})();
