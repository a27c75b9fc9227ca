/* The editor of a note: says at every moment whether the words are stored, tries again by itself, and never drops a word. */
"use strict";

(() => {
  const form = document.getElementById("note");
  if (!form) return;
  const field = (name) => form.elements.namedItem(name);
  const state = document.getElementById("note-state");
  const wrong = document.getElementById("note-wrong");
  const why = document.getElementById("note-why");
  const again = document.getElementById("note-again");
  const retry = document.getElementById("note-retry");
  const door = document.getElementById("note-door");
  const theirs = document.getElementById("note-theirs");
  const CALM = 1500; // milliseconds without a key before what changed is stored
  const RETRY = 4; // seconds between two tries

  let stored = words("defaultValue"); // what the server has, or what the page began with
  let busy = false;
  let leaving = false; // done: the page is left on purpose
  let waiting = ""; // the act that will be tried again
  let torn = false; // another text was stored meanwhile: the writer says when to go on
  let queued = ""; // pressed while a save was under way
  let timer = 0;
  let countdown = 0;

  function words(of = "value") {
    return [...form.querySelectorAll("textarea")].map((one) => one[of]).join("\u0000");
  }
  const dirty = () => words() !== stored;
  const correcting = field("corrects").value === "true"; // nothing is stored before a correction is signed

  function grow(area) {
    area.rows = Math.max(3, Math.min(40, area.value.split("\n").length + Math.ceil(area.value.length / 90)));
  }
  form.querySelectorAll("textarea").forEach(grow);

  form.addEventListener("input", (event) => {
    if (!event.target.matches("textarea")) return;
    grow(event.target);
    changed();
  });

  function changed() {
    if (!words().replaceAll("\u0000", "").trim()) return;
    if (wrong.hidden) state.textContent = correcting ? "Inte sparad: signera rättelsen" : "Ändrad, sparas strax";
    soon();
  }
  if (dirty()) changed(); // somebody was quicker than this script

  function soon() {
    window.clearTimeout(timer);
    if (!correcting && !waiting && !busy && !torn) timer = window.setTimeout(() => save("save"), CALM);
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.value === "compare") {
      leaving = true; // the same words come back with what differs
      return;
    }
    event.preventDefault();
    press(event.submitter?.value || "save");
  });
  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "Enter") {
      event.preventDefault();
      if (form.reportValidity()) press("sign");
    }
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && (dirty() || busy || waiting)) event.preventDefault();
  });
  retry.addEventListener("click", () => press(torn ? "save" : waiting));

  function press(act) {
    if (busy) queued = act;
    else if (act) save(act);
  }

  async function save(act) {
    window.clearTimeout(timer);
    window.clearInterval(countdown);
    busy = true;
    torn = false;
    state.textContent = act === "sign" ? "Signerar…" : "Sparar…";
    for (const button of form.querySelectorAll("button[name=act]")) button.setAttribute("aria-busy", "true");
    const sent = words();
    const data = new URLSearchParams(new FormData(form));
    data.set("act", act);
    let answer = null;
    let told = {};
    try {
      answer = await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000) });
      told = await answer.json().catch(() => ({}));
    } catch {
      answer = null; // no contact at all
    }
    busy = false;
    for (const button of form.querySelectorAll("button[name=act]")) button.removeAttribute("aria-busy");
    if (answer && answer.ok && told.clock) done(told, sent);
    else failed(act, answer ? answer.status : 0, told);
  }

  function done(told, sent) {
    stored = sent;
    waiting = "";
    wrong.hidden = true;
    theirs.hidden = true;
    if (told.act !== "save") {
      leaving = true;
      window.location.assign(`${form.dataset.done}?klar=${told.done}`);
      return;
    }
    field("version").value = told.version;
    // Read in anew, the page goes on with the draft.
    if (!field("doc").value) window.history.replaceState(null, "", `${form.dataset.done}/drafts/${field("id").value}`);
    state.textContent = `Sparat ${told.clock}`;
    if (queued) {
      const act = queued;
      queued = "";
      save(act);
    } else if (dirty()) {
      state.textContent = "Ändrad, sparas strax";
      soon();
    }
  }

  function failed(act, status, told) {
    const passing = status === 0 || status >= 500;
    const signedOut = status === 401 || (status === 403 && !told.words);
    wrong.hidden = false;
    state.textContent = "INTE SPARAT";
    why.textContent = told.words || (signedOut ? "Du är utloggad." : passing ? "Ingen kontakt med servern." : "Servern tog inte emot anteckningen.");
    again.textContent = "";
    door.hidden = !signedOut;
    torn = Boolean(told.theirs);
    retry.hidden = !(passing || signedOut || torn);
    retry.textContent = torn ? "Spara min text i stället" : "Försök nu";
    waiting = passing || signedOut ? queued || act : "";
    queued = "";
    theirs.hidden = !told.theirs;
    if (told.theirs) {
      theirs.querySelector("pre").textContent = told.theirs;
      field("version").value = told.version; // what the writer now sees is what the next save replaces
    }
    if (!waiting) return;
    let left = RETRY;
    const tell = () => { again.textContent = `Nytt försök om ${left} sekunder.`; };
    tell();
    countdown = window.setInterval(async () => {
      left -= 1;
      if (left > 0) return tell();
      window.clearInterval(countdown);
      if (!waiting || busy) return;
      if (!signedOut || (await sameWriter())) save(waiting);
      else failed(act, status, told);
    }, 1000);
  }

  // After a new sign-in in another tab: only the same person goes on here.
  async function sameWriter() {
    try {
      const answer = await fetch(form.dataset.proof, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return false;
      const now = await answer.json();
      if (now.who !== form.dataset.who) return false;
      field("csrf").value = now.csrf;
      return true;
    } catch {
      return false;
    }
  }
})();
