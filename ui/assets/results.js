// Answers as the server made them; nothing here writes markup. An answer that is older than what stands in
// the search bar is not shown, whenever it comes.
const asking = isthmus.asking ??= { made: 0, sent: 0, timer: 0, send: null, cancel: null };
const frame = () => element.closest("#i-results");
const faces = () => [...element.querySelectorAll(".i-hit-face")];

// where sliders of weights were put, until an answer has them there: one that is older must not move them back
const weighed = new Map();
let due = null, resting = 0, unanswered = 0, since = 0;
const sliderOf = (at) => element.querySelector(`[data-weigh="${Number(at)}"]`);
const tellWeight = (slider) => { slider.nextElementSibling.textContent = `× ${(2 ** (slider.value / 4)).toFixed(2)}`; };
const holdWeights = () => {
  if ((!unanswered && !due) || asking.made !== since) weighed.clear();
  for (const [at, steps] of weighed) {
    const slider = sliderOf(at);
    if (slider && slider.value !== steps) { slider.value = steps; tellWeight(slider); }
  }
};

const settle = (fresh, reading) => {
  frame()?.removeAttribute("aria-busy");
  holdWeights();
  if (!fresh) return;
  // another query begins at its first answer
  if (element.getBoundingClientRect().top < 0) element.scrollIntoView({ block: "start" });
  if (reading) (faces()[0] ?? document.querySelector("#i-query input"))?.focus();
};
const show = () => {
  const answer = props.answer;
  unanswered = Math.max(0, unanswered - 1);
  if (!answer || answer.html === props.value) { if (answer) settle(false, false); return; }
  if (answer.ticket !== null && answer.ticket < asking.made) return;
  const held = document.activeElement;
  const reading = element.contains(held) && held.matches(".i-hit-face");
  // an element is used again for another picture, and would show the former until that one is there
  if (answer.fresh) for (const image of element.querySelectorAll(".i-hit img")) image.removeAttribute("src");
  props.value = answer.html;
  queueMicrotask(() => settle(answer.fresh, reading));
};
watch("answer", show);
show();
// where the server could not answer, what is shown stays and is no longer waited for
const status = element.closest(".html-container");
if (status) new MutationObserver(() => {
  if (!status.classList.contains("pending") && !asking.timer && asking.sent === asking.made)
    frame()?.removeAttribute("aria-busy");
}).observe(status, { attributes: true, attributeFilter: ["class"] });

const ANEW = new Set(["pick", "example", "alone", "clear"]);
const act = (name, arg) => {
  if (name === "weigh") unanswered += 1;
  else { weigh(); weighed.clear(); }
  // what has been typed and not been sent yet is part of what is changed, or is replaced
  ANEW.has(name) ? asking.cancel?.() : asking.send?.();
  if (name !== "map" && name !== "new") frame()?.setAttribute("aria-busy", "true");
  trigger("act", { act: name, arg });
};
element.addEventListener("click", (event) => {
  const hit = event.target.closest("[data-act]");
  if (!hit || hit.disabled) return;
  event.preventDefault();
  act(hit.dataset.act, hit.dataset.arg ?? "");
});

// weights: a slider is answered where it comes to rest
const weigh = () => {
  const [at, steps] = due ?? [];
  clearTimeout(resting);
  due = null;
  if (at !== undefined) act("weigh", `${at}:${steps}`);
};
element.addEventListener("input", (event) => {
  const slider = event.target.closest("[data-weigh]");
  if (!slider) return;
  weighed.set(slider.dataset.weigh, slider.value);
  since = asking.made;
  tellWeight(slider);
});
element.addEventListener("change", (event) => {
  const slider = event.target.closest("[data-weigh]");
  if (!slider) return;
  if (due && due[0] !== slider.dataset.weigh) weigh();
  due = [slider.dataset.weigh, slider.value];
  clearTimeout(resting);
  resting = setTimeout(weigh, 150);
});

// arrows lead from answer to answer; one of them is what Tab comes to
element.addEventListener("focusin", (event) => {
  if (!event.target.matches(".i-hit-face")) return;
  for (const face of faces()) face.tabIndex = face === event.target ? 0 : -1;
});
const beside = (face, step) => {
  const all = faces();
  return all[all.indexOf(face) + step];
};
const above = (face, down) => {
  const list = [...face.closest(".i-gallery").querySelectorAll(".i-hit")];
  const places = list.map((card) => card.getBoundingClientRect());
  const here = places[list.indexOf(face.closest(".i-hit"))];
  const rows = places.map((place) => place.top).filter((top) => down ? top > here.top + 4 : top < here.top - 4);
  if (!rows.length) return null;
  const row = down ? Math.min(...rows) : Math.max(...rows);
  const middle = (place) => Math.abs(place.left + place.width / 2 - here.left - here.width / 2);
  const best = list.filter((_, at) => Math.abs(places[at].top - row) < 4)
    .reduce((a, b) => middle(places[list.indexOf(b)]) < middle(places[list.indexOf(a)]) ? b : a);
  return best.querySelector(".i-hit-face");
};
const KEYS = {
  ArrowRight: (face) => beside(face, 1), ArrowLeft: (face) => beside(face, -1),
  ArrowDown: (face) => above(face, true),
  ArrowUp: (face) => above(face, false) ?? document.querySelector("#i-query input"),
  Home: () => faces()[0], End: () => faces().at(-1),
  Escape: () => document.querySelector("#i-query input"),
};
element.addEventListener("keydown", (event) => {
  const face = event.target.closest(".i-hit-face");
  if (!face || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "+" || event.key === "-") {
    event.preventDefault();
    act(event.key === "+" ? "plus" : "minus", face.dataset.arg);
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key](face)?.focus();
  }
});
