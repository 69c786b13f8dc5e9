(() => {
  const search = document.getElementById("search"), order = document.getElementById("order"), found = document.getElementById("found");
  if (!search) return;
  const groups = [...document.querySelectorAll("[data-columns]")].map((box) => ({ box, items: [...box.children] }));
  const number = (item, key) => parseFloat(item.dataset[key]);
  const by = {
    at: (a, b) => number(a, "at") - number(b, "at"),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
    worst: (a, b) => number(a, "worst") - number(b, "worst") || by.at(a, b),
    missing: (a, b) => number(b, "missing") - number(a, "missing") || by.at(a, b),
    distinct: (a, b) => number(b, "distinct") - number(a, "distinct") || by.at(a, b),
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { box, items } of groups) {
      let some = 0;
      for (const item of items) {
        const text = item.dataset.name + " " + item.dataset.kind;
        item.hidden = !words.every((word) => text.includes(word));
        some += !item.hidden;
      }
      shown += some;
      const part = box.closest("[data-part]");
      if (part) part.hidden = !some;
    }
    found.textContent = words.length ? `${shown} shown` : "";
  };
  const sort = () => { for (const { box, items } of groups) box.append(...[...items].sort(by[order.value])); };
  search.addEventListener("input", filter);
  order.addEventListener("change", sort);
  search.closest("form").addEventListener("submit", (event) => event.preventDefault());
})();
