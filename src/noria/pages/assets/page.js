(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const key = "noria-theme";  // other pages of the same origin have settings of their own
  const stored = () => {
    try { return ["light", "dark"].find((theme) => theme === localStorage.getItem(key)); } catch { return null; }
  };
  const show = (theme) => {
    root.dataset.theme = theme;
    root.dispatchEvent(new CustomEvent("theme", { detail: theme }));
  };
  show(stored() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!stored()) show(dark.matches ? "dark" : "light"); });
  document.getElementById("theme")?.addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(key, next); } catch { /* a page from a file may have no storage */ }
    show(next);
  });
})();
