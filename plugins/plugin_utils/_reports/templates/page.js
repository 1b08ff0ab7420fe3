// Copyright (c) 2026 the shimops.containerd authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The page filters with this; without it everything is there and can be read.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll("#hosts .host")];
  const cells = new Map([...document.querySelectorAll(".map a")].map((cell) => [cell.hash.slice(1), cell]));
  const output = document.getElementById("shown");
  const texts = new Map();
  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const fits = (card, words, wanted) =>
    (!wanted.state || card.dataset.state === wanted.state) &&
    (!wanted.rule || card.dataset.rules.split(" ").includes(wanted.rule)) &&
    (!wanted.drift || card.dataset.drift.split(" ").includes(wanted.drift)) &&
    words.every((word) => textOf(card).includes(word));
  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const words = (wanted.words || "").toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const fit = fits(card, words, wanted);
      if (card.hidden === fit) card.hidden = !fit;
      const cell = cells.get(card.id);
      if (cell) cell.classList.toggle("out", !fit);
      if (fit) shown += 1;
    }
    output.textContent = `${shown} of ${cards.length} hosts shown`;
  };
  let later = 0;
  // Some browsers report the choice of a list by "change" alone.
  for (const event of ["input", "change"]) {
    form.addEventListener(event, () => { clearTimeout(later); later = setTimeout(filter, 80); });
  }
  form.addEventListener("reset", () => setTimeout(filter, 0));
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  // A link to a host that the filter hides must still lead to it.
  const reveal = () => {
    const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!card) return;
    if (card.hidden) form.reset();
    const fold = card.closest("details") || card.querySelector(":scope > details");
    if (fold) fold.open = true;
    requestAnimationFrame(() => card.scrollIntoView());
  };
  addEventListener("hashchange", reveal);
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      form.elements.words.focus();
    }
  });
  form.hidden = false;
  filter();
})();
