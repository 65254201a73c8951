// Clicks inside a panel become the event "act"; nothing here ever writes markup.
element.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard?.writeText(copy.dataset.copy);
    copy.classList.add("copied");
    setTimeout(() => copy.classList.remove("copied"), 1400);
    return;
  }
  const hit = event.target.closest("[data-act]");
  if (!hit || hit.disabled) return;
  event.preventDefault();
  trigger("act", { act: hit.dataset.act, arg: hit.dataset.arg ?? "" });
});
