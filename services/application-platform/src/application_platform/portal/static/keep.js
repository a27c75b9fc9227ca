/* Forms with somebody's words (data-keep): sent in the background, so that a refusal, a lost contact or an ended sign-in never takes the words. */
"use strict";

(() => {
  for (const form of document.querySelectorAll("form[data-keep]")) keep(form);

  function keep(form) {
    const wrong = form.querySelector("[data-keep-wrong]");
    const why = form.querySelector("[data-keep-why]");
    const door = form.querySelector("[data-keep-door]");
    const field = (name) => form.elements.namedItem(name);
    let busy = false;
    let leaving = false;
    let torn = false; // another window saved meanwhile: the writer says when to go on
    let proven = true; // false after a refusal that says that the sign-in is over

    const state = form.querySelector("[data-keep-state]");
    const CALM = 1500; // milliseconds without a key before a form that saves itself does so
    const AGAIN = 4000; // milliseconds between two tries when the contact or the sign-in is lost
    let timer = 0;
    let stored = words(); // what the server has, or what the page began with

    function words() {
      const data = new FormData(form);
      for (const name of ["csrf", "id", "version"]) data.delete(name);
      return JSON.stringify([...data]);
    }
    const areas = [...form.querySelectorAll("textarea")];
    const written = () => areas.some((one) => one.value !== one.defaultValue && one.value.trim());
    const dirty = () => ("keepAuto" in form.dataset ? words() !== stored : written());

    if ("keepAuto" in form.dataset) {
      form.addEventListener("input", () => {
        if (wrong.hidden) state.textContent = "Ändrat, sparas strax";
        soon();
      });
    }

    function soon(wait = CALM) {
      window.clearTimeout(timer);
      if (!torn) timer = window.setTimeout(saveItself, wait);
    }

    async function saveItself() {
      if (busy || leaving || words() === stored) return;
      busy = true;
      let passing = true;
      if (proven || (await sameWriter())) {
        state.textContent = "Sparar…";
        passing = await send({ name: "act", value: "save" });
      }
      busy = false;
      if (wrong.hidden ? words() !== stored : passing) soon(wrong.hidden ? CALM : AGAIN); // more was written, or it passes
    }

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      window.clearTimeout(timer);
      for (let tries = 0; busy && tries < 100; tries += 1) await new Promise((done) => { setTimeout(done, 100); });
      if (busy || leaving) return;
      busy = true;
      const pressed = event.submitter;
      pressed?.setAttribute("aria-busy", "true");
      if (!proven && !(await sameWriter())) failed(401, {});
      else await send(pressed);
      pressed?.removeAttribute("aria-busy");
      busy = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (!leaving && dirty()) event.preventDefault();
    });

    async function send(pressed) {
      const sent = words();
      torn = false;
      const data = new URLSearchParams(new FormData(form));
      if (pressed?.name) data.set(pressed.name, pressed.value);
      let answer;
      let told = {};
      try {
        answer = await fetch(form.action, { method: "POST", body: data, headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000) });
        told = await answer.json().catch(() => ({}));
      } catch {
        return failed(0, {}); // no contact at all
      }
      if (answer.ok && told.go) {
        leaving = true;
        window.location.assign(told.go);
      } else if (answer.ok && told.clock) {
        stored = sent;
        wrong.hidden = true;
        field("version").value = told.version;
        state.textContent = `Sparat ${told.clock}. ${told.done} av ${told.of} klara.`;
      } else if (answer.status === 422 && "keepFields" in form.dataset) {
        inFull(pressed);
      } else {
        return failed(answer.status, told);
      }
      return false;
    }

    // What is wrong stands at its field on the page that the server makes; the session has just answered, so nothing is lost.
    function inFull(pressed) {
      if (pressed?.name) {
        const act = document.createElement("input");
        Object.assign(act, { type: "hidden", name: pressed.name, value: pressed.value });
        form.append(act);
      }
      leaving = true;
      form.submit();
    }

    // Says so; whether it may pass by itself.
    function failed(status, told) {
      const signedOut = status === 401 || (status === 403 && !told.words);
      proven = !signedOut;
      wrong.hidden = false;
      if (state) state.textContent = "INTE SPARAT";
      why.textContent = told.words || (signedOut ? "Du är utloggad. Logga in igen och skicka sedan härifrån."
        : status === 0 || status >= 500 ? "Ingen kontakt med servern. Försök igen om en stund."
          : "Servern tog inte emot texten. Kontrollera hur lång den är.");
      door.hidden = !signedOut;
      if (told.id) field("id").value = told.id;
      torn = told.version !== undefined;
      if (torn) field("version").value = told.version; // what the writer is told of is what the next save replaces
      if (!state) wrong.scrollIntoView({ block: "nearest" });
      if (told.words && status === 409) form.dispatchEvent(new CustomEvent("fvm:stale", { bubbles: true }));
      return signedOut || status === 0 || status >= 500;
    }

    // After a new sign-in in another tab: only the same person goes on here.
    async function sameWriter() {
      try {
        const answer = await fetch(form.dataset.proof, { headers: { "HX-Request": "true" } });
        if (!answer.ok) return false;
        const now = await answer.json();
        if (now.who !== form.dataset.who) return false;
        field("csrf").value = now.csrf;
        proven = true;
        return true;
      } catch {
        return false;
      }
    }
  }
})();
