/* What pages do with script: the search key, the live line, and putting new rows in their places. */
"use strict";

(() => {
  // Ctrl/⌘ K goes to the patient search.
  const search = document.getElementById("top-search");
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (search && search.offsetParent) search.focus();
      else if (search) window.location.assign("/portal/search");
    }
  });
  // Escape closes the open menu, a press outside too.
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector("details.person[open]");
    if (event.key === "Escape" && open) {
      open.removeAttribute("open");
      open.querySelector("summary").focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    const open = document.querySelector("details.person[open]");
    if (open && !open.contains(event.target)) open.removeAttribute("open");
  });

  // After "Visa fler" the reader goes on at the first new row's heading.
  document.body.addEventListener("htmx:responseError", () => note("lost", "Det gick inte att hämta mer. Försök igen om en stund."));
  document.body.addEventListener("htmx:sendError", () => note("lost", "Ingen kontakt. Försök igen om en stund."));

  // On a phone the name row stays on top and the live line below it, however many lines the name takes.
  const nameRow = document.querySelector(".chart-head .banner__line");
  if (nameRow) {
    new ResizeObserver(() => {
      document.documentElement.style.setProperty("--name-row", `${nameRow.offsetHeight}px`);
    }).observe(nameRow);
  }

  const live = document.getElementById("live");
  if (!live) return;
  const line = document.getElementById("live-line");
  const connection = document.getElementById("connection");
  const connectionWord = document.getElementById("connection-word");
  const { patient, ticket, since, news } = live.dataset;
  const PACE = 5000; // milliseconds between two messages that are read aloud

  const pending = new Set(); // "Type/id" that notices have named and the reader has not let in
  let missed = ""; // an instant: ask by time from there, because notices were lost
  let rows = null; // what "Visa" puts in
  let shown = []; // the "Type/id" behind those rows
  let asked = 0;
  let timer = 0;
  let touched = false;
  let lostAt = "";
  let over = false; // signed out: nothing more is shown on this page

  const clock = () => new Date().toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Stockholm" });

  function note(state, text) {
    if (!live || !line) return;
    live.className = state ? `live live--${state}` : "live";
    const mark = document.createElement("span");
    mark.className = "dot";
    mark.setAttribute("aria-hidden", "true");
    const words = document.createElement("span");
    words.className = "live__text";
    words.textContent = text;
    line.replaceChildren(...(state ? [] : [mark]), words);
    live.querySelector("button")?.remove();
  }

  const idle = () => note("", `Uppdaterad ${clock()}`);

  // A page is untouched while nobody has scrolled, pressed or moved the focus into it.
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart", "focusin"]) {
    document.getElementById("main").addEventListener(kind, () => { touched = true; }, { passive: true });
  }
  const atRest = () => !touched && window.scrollY < 8 && String(window.getSelection()) === "";

  function look() {
    if (timer || over) return;
    const wait = Math.max(0, asked + PACE - Date.now());
    timer = window.setTimeout(fetchNews, wait);
  }

  async function fetchNews() {
    asked = Date.now();
    const keys = [...pending];
    const form = new URLSearchParams();
    for (const key of keys) form.append("what", key);
    if (missed) form.append("since", missed);
    form.append("visa", document.getElementById("rows")?.dataset.kind || "allt");
    let answer;
    try {
      answer = await fetch(news || `/portal/patients/${encodeURIComponent(patient)}/news`, {
        method: "POST", body: form, headers: { "HX-Request": "true" },
      });
    } catch {
      timer = 0;
      return; // the stream tells about the lost contact, and asks again when it is back
    }
    timer = 0;
    if (over) return;
    if (answer.status === 204) {
      settle(keys);
    } else if (answer.status === 401) {
      note("lost", "Du är utloggad. Läs in sidan igen för att logga in.");
    } else if (!answer.ok) {
      note("lost", "Det finns något nytt som inte gick att hämta. Läs in sidan igen.");
    } else {
      show(await answer.text(), keys);
    }
    if ([...pending].some((key) => !keys.includes(key))) look(); // more came meanwhile
  }

  function settle(keys) {
    for (const key of keys) pending.delete(key);
    missed = "";
  }

  function show(html, keys) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    line.replaceChildren(...parsed.querySelector("[data-part=line]").childNodes);
    rows = parsed.querySelector("[data-part=rows]");
    shown = keys;
    live.className = "live live--new";
    const timeline = document.getElementById("rows"); // other pages of the chart are read anew when the reader says so
    if (timeline && atRest()) {
      insert(false);
    } else if (!live.querySelector("button")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button--small";
      button.textContent = timeline ? "Visa" : "Läs in sidan igen";
      button.addEventListener("click", () => {
        if (!timeline) return window.location.reload();
        insert(true);
        idle();
      });
      live.append(button);
    }
  }

  // Every row goes where its time says; a row that is there already is replaced.
  function insert(asWished) {
    const place = document.getElementById("rows");
    if (!rows || !place) return;
    let first = null;
    for (const day of rows.querySelectorAll("section.day")) {
      for (const row of [...day.querySelectorAll(".event")]) {
        document.getElementById(row.id)?.remove();
        const home = dayOf(place, day);
        const older = [...home.querySelectorAll(".event")].find((other) => other.dataset.at <= row.dataset.at);
        home.querySelector(".events").insertBefore(row, older || null);
        row.classList.add("event--fresh");
        if (!first || first.dataset.at < row.dataset.at) first = row;
      }
    }
    for (const day of place.querySelectorAll("section.day")) if (!day.querySelector(".event")) day.remove();
    place.querySelector(":scope > .empty")?.remove();
    rows = null;
    settle(shown);
    live.querySelector("button")?.remove();
    if (asWished && first) {
      const title = first.querySelector(".event__title");
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
      first.scrollIntoView({ block: "nearest" });
    }
  }

  function dayOf(place, day) {
    const days = [...place.querySelectorAll("section.day")];
    const same = days.find((other) => other.dataset.day === day.dataset.day);
    if (same) return same;
    const made = day.cloneNode(true);
    made.querySelector(".events").replaceChildren();
    const heading = made.querySelector(".day__heading");
    heading.id = heading.id.replace(/-ny$/, "");
    made.setAttribute("aria-labelledby", heading.id);
    const older = days.find((other) => other.dataset.day < day.dataset.day || other.dataset.day === "utan-datum");
    place.insertBefore(made, older || place.querySelector(":scope > .more") || null);
    return made;
  }

  function hear(message) {
    if (message.kind === "changed" && message.patient === patient) {
      for (const key of message.what) pending.add(key);
      look();
    } else if (message.kind === "missed") {
      missed = missed || since;
      look();
    } else if (message.kind === "open") {
      state(true);
      if (lostAt) {
        lostAt = "";
        if (pending.size || missed) look();
        else if (live.classList.contains("live--lost")) idle();
      }
    } else if (message.kind === "lost") {
      lostAt = lostAt || message.since || clock();
      state(false);
      note("lost", `Ingen kontakt sedan ${lostAt}. Det du ser kan vara gammalt.`);
    } else if (message.kind === "signed-out") {
      over = true;
      state(false);
      note("lost", "Du är utloggad. Läs in sidan igen för att logga in.");
    }
  }

  function state(connected) {
    if (!connection) return;
    connection.hidden = false;
    connection.classList.toggle("top__state--lost", !connected);
    connectionWord.textContent = connected ? "Ansluten" : "Ingen kontakt";
  }

  if (live.dataset.after) {
    window.FVM.stream({ patient, ticket, after: live.dataset.after }, hear);
  }
})();
