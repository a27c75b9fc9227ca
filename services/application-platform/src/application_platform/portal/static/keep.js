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
    let proven = true; // false after a refusal that says that the sign-in is over

    const areas = [...form.querySelectorAll("textarea")];
    const dirty = () => areas.some((one) => one.value !== one.defaultValue && one.value.trim());

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (busy) return;
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
      } else {
        failed(answer.status, told);
      }
    }

    function failed(status, told) {
      const signedOut = status === 401 || (status === 403 && !told.words);
      proven = !signedOut;
      wrong.hidden = false;
      why.textContent = told.words || (signedOut ? "Du är utloggad. Logga in igen och skicka sedan härifrån."
        : status === 0 || status >= 500 ? "Ingen kontakt med servern. Försök igen om en stund."
          : "Servern tog inte emot texten. Kontrollera hur lång den är.");
      door.hidden = !signedOut;
      if (told.id) field("id").value = told.id;
      wrong.scrollIntoView({ block: "nearest" });
      if (told.words && status === 409) form.dispatchEvent(new CustomEvent("fvm:stale", { bubbles: true }));
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
  }
})();
