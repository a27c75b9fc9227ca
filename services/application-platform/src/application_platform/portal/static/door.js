/* Sign-in: the list follows what is typed. Without script the field offers the same people, and the server finds them. */
"use strict";

(() => {
  const field = document.getElementById("named");
  const found = document.getElementById("found");
  if (!field || !found) return;
  field.removeAttribute("list"); // the list below is the better one
  const sections = [...document.querySelectorAll("[data-people]")];
  const units = [...document.querySelectorAll("[data-unit]")].map((unit) => ({ unit, open: unit.open }));
  const rows = [...document.querySelectorAll("[data-words]")];
  const some = (part) => part.querySelector("[data-words]:not([hidden])") !== null;
  const shown = () => rows.filter((row) => !row.hidden).map((row) => row.querySelector("button"));

  function follow() {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
    for (const { unit, open } of units) {
      unit.hidden = !some(unit);
      unit.open = words.length > 0 || open;
    }
    for (const section of sections) section.hidden = !some(section);
    const count = shown().length;
    found.textContent = words.length === 0 ? "" : count === 0 ? "Ingen heter så" : count === 1 ? "1 person" : `${count} personer`;
  }

  field.addEventListener("input", follow);
  field.addEventListener("keydown", (event) => {
    const [first, ...others] = shown();
    if (!first || field.value.trim() === "") return;
    if (event.key === "ArrowDown" || (event.key === "Enter" && others.length > 0)) {
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      first.click();
    }
  });
})();
