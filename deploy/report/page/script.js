"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const keys = JSON.parse(byId("keys").textContent);
  const list = byId("rows");
  const rows = Array.from(list.children, (element, place) => ({ element, place, ...keys[place] }));
  const actions = Array.from(document.querySelectorAll("input[name=action]"));
  // a parent without a score comes last, whichever way round
  const known = (row, other) => (row.score ?? null) === null ? other : row.score;
  const orders = {
    name: (a, b) => a.place - b.place,
    low: (a, b) => known(a, 2) - known(b, 2) || a.place - b.place,
    high: (a, b) => known(b, -1) - known(a, -1) || a.place - b.place,
  };

  function apply() {
    const words = byId("search").value.toLowerCase().split(/[\s_]+/).filter(Boolean);
    const kind = byId("kind").value;
    const wanted = new Set(actions.filter((box) => box.checked).map((box) => box.value));
    let found = 0;
    for (const row of rows) {
      const fits = (!kind || row.kind === kind) && wanted.has(row.action) && words.every((word) => row.text.includes(word));
      row.element.hidden = !fits;
      found += fits;
    }
    byId("found").textContent = found === rows.length ? `${found} parents` : `${found} of ${rows.length} parents`;
    byId("nothing").hidden = found > 0;
  }

  function sort() {
    const order = orders[byId("order").value] ?? orders.name;
    list.append(...rows.slice().sort(order).map((row) => row.element));
  }

  byId("tools").hidden = false;
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("tools").addEventListener("input", apply);
  byId("order").addEventListener("change", sort);
  sort(); // a browser may have kept the fields of an earlier visit
  apply();
})();
