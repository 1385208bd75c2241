"use strict";
// Draws every chart of the page, and shows what is under the pointer.
const hint = document.getElementById("hint");

function show(handler, event, item, value) {
  if (value === null || value === undefined || value === "") {
    hint.style.display = "none";
    return;
  }
  const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
  hint.replaceChildren(...rows.map(([name, inner]) => {
    const row = document.createElement("div");
    const label = document.createElement("span");
    const words = document.createElement("bdi");
    label.textContent = name;
    words.textContent = typeof inner === "number" ? inner.toLocaleString("en", { maximumSignificantDigits: 6 }) : String(inner);
    row.append(label, words);
    return row;
  }));
  hint.style.display = "block";
  const room = 12;
  hint.style.left = Math.max(0, Math.min(event.clientX + room, innerWidth - hint.offsetWidth - room)) + "px";
  hint.style.top = Math.max(0, Math.min(event.clientY + room, innerHeight - hint.offsetHeight - room)) + "px";
}

for (const place of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
  vegaEmbed(place, spec, { mode: "vega", renderer: "svg", actions: false, hover: true, tooltip: show, ast: false });
}

for (const token of document.querySelectorAll(".heat bdi[title]")) {
  token.dataset.note = token.title;
  token.removeAttribute("title"); // the browser's own hint is slow, and touch has none
}
for (const kind of ["pointerover", "click"]) {
  document.addEventListener(kind, (event) => {
    const token = event.target.closest(".heat bdi");
    if (!token) {
      if (!event.target.closest(".chart")) hint.style.display = "none";
      return;
    }
    const [word, ...figures] = token.dataset.note.split("\n");
    show(null, event, null, Object.fromEntries([["", word], ...figures.map((line) => {
      const space = line.indexOf(" ");
      return [line.slice(0, space), line.slice(space + 1)];
    })]));
  });
}
