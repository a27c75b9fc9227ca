/* Puts a value into the note where the writer last was, with a space where there is none. */
"use strict";

(() => {
  const form = document.getElementById("note");
  if (!form) return;
  let last = null;
  form.addEventListener("focusin", (event) => { if (event.target.matches("textarea")) last = event.target; });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    const area = last || [...form.querySelectorAll("textarea")].find((one) => !one.value) || form.querySelector("textarea");
    const from = area.selectionEnd;
    const before = area.value.slice(0, from);
    const text = (before && !/\s$/.test(before) ? " " : "") + button.dataset.insert;
    area.setRangeText(text, from, from, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  });
})();
