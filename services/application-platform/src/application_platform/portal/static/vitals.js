/* A set of vital signs is sent only while somebody is there to take it: an ended sign-in or a lost contact keeps every value. */
"use strict";

(() => {
  const form = document.getElementById("v-form");
  if (!form) return;
  const wrong = document.getElementById("v-wrong");
  const why = document.getElementById("v-why");
  const door = document.getElementById("v-door");
  let leaving = false;

  const first = JSON.stringify([...new FormData(form)]);
  const dirty = () => JSON.stringify([...new FormData(form)]) !== first;
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && dirty()) event.preventDefault();
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (leaving) return;
    leaving = true;
    const button = event.submitter || form.querySelector("button");
    button.setAttribute("aria-busy", "true");
    const lacking = await proven();
    button.removeAttribute("aria-busy");
    if (!lacking) {
      form.submit();
      return;
    }
    leaving = false;
    why.textContent = lacking.words;
    door.hidden = !lacking.out;
    wrong.hidden = false;
    wrong.scrollIntoView({ block: "nearest" });
  });

  // What stands in the way, null where nothing does. Only who typed the values sends them.
  async function proven() {
    let answer;
    try {
      answer = await fetch(form.dataset.proof, { headers: { "HX-Request": "true" }, redirect: "manual", signal: AbortSignal.timeout(8000) });
    } catch {
      return { words: "Ingen kontakt med servern. Försök igen om en stund." };
    }
    if (answer.status >= 500) return { words: "Servern svarar inte som den ska. Försök igen om en stund." };
    const out = { words: "Du är utloggad. Logga in igen i en ny flik och spara sedan härifrån.", out: true };
    if (!answer.ok) return out;
    const now = await answer.json().catch(() => ({}));
    if (now.who !== form.dataset.who) return { ...out, words: "Någon annan är inloggad. Den som mätte loggar in igen och sparar härifrån." };
    form.elements.namedItem("csrf").value = now.csrf;
    return null;
  }
})();
