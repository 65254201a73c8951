// What is pointed at, or has the focus, lights up wherever else the same item is shown.
let twins = [];
const light = (id) => {
  for (const node of twins) node.classList.remove("twin");
  twins = id ? [...element.querySelectorAll(`[data-twin="${CSS.escape(id)}"]`)] : [];
  if (twins.length < 2) twins = [];
  for (const node of twins) node.classList.add("twin");
};
const twinOf = (event) => event.target.closest?.("[data-twin]")?.dataset.twin ?? "";
for (const kind of ["pointerover", "focusin"]) element.addEventListener(kind, (event) => light(twinOf(event)));
for (const kind of ["pointerleave", "focusout"]) element.addEventListener(kind, () => light(""));
