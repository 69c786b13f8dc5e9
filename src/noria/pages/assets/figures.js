(() => {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themes = read("figure-themes");
  const places = [...document.querySelectorAll("[data-figure]")];
  const views = new Map();

  /* A figure fills its place. Small multiples know no container: their columns are made to fit. */
  const fitted = (spec, room) => {
    if (spec.mark || spec.layer) return { width: "container", ...spec };
    if (!spec.columns || !spec.spec) return spec;
    const columns = room < 640 ? 1 : spec.columns;
    return { ...spec, columns, spec: { ...spec.spec, width: Math.max(140, Math.floor(room / columns) - 80) } };
  };

  /* Titles of axes and legends that are too long for the room go over several lines. */
  const lines = (text, most) =>
    text.length > most ? text.match(new RegExp(`\\S.{0,${most - 1}}(?=\\s|$)|\\S+`, "g")) : text;
  const folded = (part, most) => {
    if (Array.isArray(part)) return part.map((one) => folded(one, most));
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => {
      if (key === "data" || key === "tooltip") return [key, value];
      if (key === "legend" && value && most < 34) return [key, { ...folded(value, most), columns: 1 }];
      return [key, key === "title" && typeof value === "string" ? lines(value, most) : folded(value, most)];
    }));
  };

  const draw = async (place) => {
    const { title, $schema, ...given } = read(place.dataset.figure);
    const theme = root.dataset.theme, room = place.clientWidth, config = structuredClone(themes[theme]);
    const spec = folded(given, Math.max(20, Math.floor(room / 14)));
    config.legend.columns = room < 480 ? 1 : Math.floor(room / 150);
    const about = place.closest("figure");
    try {
      const made = await vegaEmbed(place, fitted(spec, room), {
        mode: "vega-lite", renderer: "svg", actions: false, config, tooltip: { theme },
      });
      views.get(place)?.finalize();
      views.set(place, made.view);
      place.dataset.drawn = theme;
      about.classList.add("drawn");
      if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    } catch (error) {
      place.textContent = `This figure cannot be drawn (${error.message}). Its numbers are below.`;
      about.querySelector("details").open = true;
    }
  };

  const save = async (button) => {
    const view = views.get(button.closest("figure").querySelector("[data-figure]"));
    const kind = button.dataset.save, before = view.background();
    view.background(getComputedStyle(document.body).backgroundColor);
    const link = document.createElement("a");
    link.href = await view.toImageURL(kind, 2);
    link.download = `${button.dataset.name}.${kind}`;
    link.click();
    view.background(before).run();
  };

  const all = async () => { for (const place of places) await draw(place); };
  document.querySelectorAll("details.numbers").forEach((numbers) => { numbers.open = false; });
  document.querySelectorAll("[data-save]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => save(button));
  });
  root.addEventListener("theme", all);
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(all, 150);
  });
  all();
})();
