/* The operator's page: tells in words when the picture changes what it says, and when there is no contact. */
"use strict";

(() => {
  const line = document.getElementById("region-line");
  const picture = document.getElementById("region-picture");
  if (!line || !picture) return;
  let lostAt = "";

  const clock = () => new Date().toLocaleTimeString("sv-SE", { hour: "2-digit", minute: "2-digit" });

  function say(text, lost) {
    line.classList.toggle("region__line--lost", lost);
    if (line.textContent !== text) line.textContent = text; // the same words again are not read out again
  }

  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== picture) return;
    lostAt = "";
    const summary = picture.querySelector("[data-summary]");
    if (summary) say(summary.dataset.summary, false);
  });

  function lost(event) {
    if (event.target !== picture) return;
    lostAt = lostAt || clock();
    say(`Ingen kontakt sedan ${lostAt}. Det du ser kan vara gammalt.`, true);
  }
  document.body.addEventListener("htmx:sendError", lost);
  document.body.addEventListener("htmx:responseError", lost);
  document.body.addEventListener("htmx:timeout", lost);
})();
