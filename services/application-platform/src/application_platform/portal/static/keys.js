/* The keys of the staff pages (spec look §10): single keys rest while one types, and can be switched off. */
"use strict";

(() => {
  const OFF = "fvm-keys-off"; // a setting of this browser; never anything about a patient
  const PLACES = { d: "/portal/", i: "/portal/inbox", p: "/portal/search", a: "/portal/ward", b: "/portal/bookings" };
  const dialog = document.getElementById("keys");
  const choice = document.getElementById("keys-on");
  let after = 0; // until when a letter completes "g"

  const off = () => { try { return window.localStorage.getItem(OFF) === "1"; } catch { return false; } };
  if (choice) {
    choice.checked = !off();
    choice.addEventListener("change", () => {
      try { window.localStorage.setItem(OFF, choice.checked ? "0" : "1"); } catch { /* the choice lasts as long as the page */ }
    });
  }

  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  function find() {
    const search = document.getElementById("top-search");
    if (search && search.offsetParent) search.focus();
    else window.location.assign("/portal/search");
  }

  // The rows that J and K, and the arrows in a list of hits, go through.
  const rows = () => [...document.querySelectorAll(".hit__link, [data-row] [data-main], [data-row]:not(:has([data-main])) a, .event__title")].filter((one) => one.offsetParent);

  function step(by) {
    const listed = rows();
    if (!listed.length) return false;
    const at = listed.indexOf(document.activeElement);
    const next = listed[Math.min(listed.length - 1, Math.max(0, at + by))];
    if (!next.matches("a, button")) next.tabIndex = -1;
    next.focus();
    return true;
  }

  const KEYS = {
    "/": find,
    "?": () => dialog?.showModal(),
    j: () => step(1),
    k: () => step(-1),
    g: () => { after = Date.now() + 1500; },
    n: () => {
      const notes = document.querySelector('.tabs .tab[href$="/notes"]');
      if (notes) window.location.assign(`${notes.getAttribute("href")}/new`);
    },
  };

  // The tabs of the chart by their place; Alt with a letter stays the browser's own.
  function tab(event) {
    const place = /^Digit([1-9])$/.exec(event.code)?.[1];
    const found = place && [...document.querySelectorAll(".tabs .tab")][Number(place) - 1];
    if (!found || event.ctrlKey || event.metaKey || event.shiftKey) return false;
    window.location.assign(found.href);
    return true;
  }

  // The one thing on the page that a signature is for; an editor has its own.
  function sign(event) {
    const found = document.querySelectorAll("[data-sign]");
    if (event.key !== "Enter" || !event.ctrlKey || found.length !== 1 || document.querySelector("dialog[open]")) return false;
    found[0].click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.altKey && tab(event)) || sign(event)) event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowDown: 1, ArrowUp: -1 };
    const inHits = document.activeElement?.matches(".hit__link") || (document.activeElement?.id === "q" && document.querySelector(".hit__link"));
    if (arrows[event.key] && inHits) {
      if (step(arrows[event.key])) event.preventDefault();
      return;
    }
    if (off() || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (Date.now() < after && PLACES[event.key]) {
      event.preventDefault();
      window.location.assign(PLACES[event.key]);
    } else if (document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)) {
      event.preventDefault();
      document.querySelector(`[data-key="${CSS.escape(event.key)}"]`).click();
    } else if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
})();
