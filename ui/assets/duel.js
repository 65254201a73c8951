// A duel by the keyboard: arrows judge, N goes on. One key is one verdict, however long the answer takes.
const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "tie", ArrowDown: "neither" };
let sent = "";
const shown = () => element.offsetParent && element.querySelector("[data-duel]");
const press = (event) => {
  const duel = shown();
  if (!duel || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest("input, textarea, select, dialog, [contenteditable=true], [role=tablist], [role=radiogroup]")) return;
  const verdict = KEYS[event.key], judged = Boolean(duel.dataset.judged);
  if (judged ? event.key.toLowerCase() !== "n" : !verdict) return;
  event.preventDefault();
  const once = duel.dataset.duel + judged;
  if (event.repeat || sent === once) return;
  sent = once;
  trigger("act", judged ? { act: "next", arg: "" } : { act: "judge", arg: verdict });
};
document.addEventListener("keydown", press);
// a verdict that was clicked is not to be given once more by a key
element.addEventListener("click", (event) => {
  const duel = shown();
  if (duel && event.target.closest("[data-act]")) sent = duel.dataset.duel + Boolean(duel.dataset.judged);
}, true);
