/* How many wait: the counters of the rail and of the inbox change in place, and nothing else on the page moves. */
"use strict";

(() => {
  const badge = document.getElementById("inbox-badge");
  if (!badge) return;
  const KEPT = "fvm-inbox-count"; // numbers only, for as long as the tab lives
  const live = document.getElementById("inbox-live");
  const pace = live ? 10000 : 30000; // milliseconds between two questions
  const { ticket, after } = badge.dataset;
  let asked = 0;
  let timer = 0;
  let began = null; // how many waited when the page was first looked at

  const kept = () => { try { return JSON.parse(window.sessionStorage.getItem(KEPT)); } catch { return null; } };
  const keep = (told) => { try { window.sessionStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), told })); } catch { /* asked again */ } };

  function show(told) {
    const known = typeof told.count === "number";
    badge.hidden = known && told.count === 0;
    badge.textContent = known ? told.count : "?";
    badge.classList.toggle("rail__badge--unknown", !known);
    badge.setAttribute("aria-label", known ? `${told.count} väntar` : "ej kontrollerad");
    if (!live || !known) return;
    if (began === null) began = told.count;
    const more = told.count - began;
    for (const one of document.querySelectorAll("[data-inbox-count]")) one.textContent = Number(one.dataset.inboxCount) + more;
    live.hidden = more === 0;
    if (live.hidden) return;
    const link = document.createElement("a");
    link.href = window.location.href;
    link.textContent = "Läs in listan igen";
    live.replaceChildren(more > 0 ? "Nytt har kommit. " : "Något är gjort sedan du öppnade listan. ", link);
  }

  async function ask() {
    timer = 0;
    if (document.hidden) return; // asked when the page is looked at again
    asked = Date.now();
    try {
      const answer = await fetch("/portal/inbox/count", { headers: { "HX-Request": "true" } });
      if (!answer.ok) return answer.status >= 500 ? show({ count: null }) : undefined;
      const told = await answer.json();
      keep(told);
      show(told);
    } catch {
      show({ count: null });
    }
  }

  function soon() {
    if (timer) return;
    timer = window.setTimeout(ask, Math.max(300, asked + pace - Date.now()) + (asked ? Math.random() * 2000 : 0));
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - asked > pace) soon(); });
  const before = kept();
  if (before && !live && Date.now() - before.at < 30000) show(before.told);
  else soon();
  window.FVM?.stream({ patient: badge.dataset.watched, ticket, after }, (message) => {
    if (message.kind === "changed" || message.kind === "missed") soon();
  });

  for (const all of document.querySelectorAll("[data-tick-all]")) {
    all.hidden = false;
    all.addEventListener("click", () => {
      for (const one of all.closest("form").querySelectorAll("input[type=checkbox]")) one.checked = true;
    });
  }
})();
