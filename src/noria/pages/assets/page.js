(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const show = (theme) => {
    root.dataset.theme = theme;
    root.dispatchEvent(new CustomEvent("theme", { detail: theme }));
  };
  show(stored() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!stored()) show(dark.matches ? "dark" : "light"); });
  document.getElementById("theme")?.addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", next); } catch { /* a page from a file may have no storage */ }
    show(next);
  });
})();
