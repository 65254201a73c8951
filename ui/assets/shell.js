() => {
  const KEY = "isthmus-theme";
  const forced = new URLSearchParams(location.search).get("__theme");
  const kept = localStorage.getItem(KEY);
  if (!forced && kept) document.body.classList.toggle("dark", kept === "dark");
  document.documentElement.lang = "en";

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem(KEY, dark ? "dark" : "light");
    }
  });

  // the address always leads back to the page that is shown
  const remember = () => {
    const open = document.querySelector("#i-tabs [role=tab][aria-selected=true]");
    const id = open?.dataset.tabId;
    const query = new URLSearchParams(location.search);
    const inner = document.querySelector(`#i-${id}-tabs [role=tab][aria-selected=true]`);
    // a page that is just being opened has no parts yet: the address is right as it is
    const parted = id === "data" || id === "evaluate";
    const part = parted ? inner?.dataset.tabId ?? query.get("part") : null;
    if (!id || (query.get("tab") === id && query.get("part") === part)) return;
    if (query.get("tab") !== id) scrollTo({ top: 0 });  // another page begins at its top
    query.set("tab", id);
    part ? query.set("part", part) : query.delete("part");
    if (id !== "sweeps") query.delete("sweep");
    history.replaceState(history.state, "", "?" + query);
  };
  const bar = document.querySelector("#i-tabs");
  if (bar) new MutationObserver(remember).observe(bar, {
    subtree: true, attributes: true, attributeFilter: ["aria-selected"] });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable=true]")) return;
    if (event.key === "/") {
      const box = [...document.querySelectorAll(".i-search textarea, .i-search input")]
        .find((node) => node.offsetParent);
      if (box) { event.preventDefault(); box.focus(); }
    } else if (event.key >= "1" && event.key <= "8") {
      document.querySelectorAll("#i-tabs [role=tab]")[Number(event.key) - 1]?.click();
    }
  });
}
