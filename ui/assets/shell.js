() => {
  const KEY = "isthmus-theme";
  const forced = new URLSearchParams(location.search).get("__theme");
  const kept = localStorage.getItem(KEY);
  if (!forced && kept) document.body.classList.toggle("dark", kept === "dark");
  document.documentElement.lang = "en";

  const help = () => document.querySelector("#i-help-dialog");
  const reach = (event) => {
    const page = [...document.querySelectorAll("#i-tabs [role=tabpanel]")].find((node) => node.offsetParent);
    if (!page) return;
    event.preventDefault();
    page.tabIndex = -1;
    page.focus();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem(KEY, dark ? "dark" : "light");
    }
    if (event.target.closest("[data-help]")) help()?.showModal();
    // the close button, or the ground beside the dialog
    if (event.target.closest("[data-help-close]") || event.target === help()) help()?.close();
    if (event.target.closest(".i-skip")) reach(event);
  });

  const bar = document.querySelector("#i-tabs");
  if (bar) new MutationObserver(isthmus.look).observe(bar, {
    subtree: true, attributes: true, attributeFilter: ["aria-selected"] });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help()?.open) return;
    if (event.target.closest("input, textarea, select, [contenteditable=true]")) return;
    if (event.key === "/") {
      const box = [...document.querySelectorAll(".i-search textarea, .i-search input")]
        .find((node) => node.offsetParent);
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "?") {
      event.preventDefault();
      help()?.showModal();
    } else if (event.key >= "1" && event.key <= "9") {
      const tabs = document.querySelectorAll("#i-tabs > .tab-wrapper [role=tab]");
      tabs[Number(event.key) - 1]?.click();
    }
  });
}
