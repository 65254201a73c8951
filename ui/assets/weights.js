// A slider over the weights of a pair: marks the answer at its weight. Nothing here writes markup.
const mark = () => {
  const slider = element.querySelector("[data-weight]");
  if (!slider) return;
  const weight = Number(slider.value);
  element.querySelector("[data-weight-told]").textContent = weight.toFixed(2);
  for (const part of element.querySelectorAll("[data-from]")) {
    const from = Number(part.dataset.from), to = Number(part.dataset.to);
    const now = weight >= from && (weight < to || to >= 1);
    part.classList.toggle("now", now);
    if (now && part.matches("li")) follow(part);
  }
};
// only the strip moves, never the page
const follow = (frame) => {
  const strip = frame.parentElement;
  const left = frame.offsetLeft - strip.offsetLeft, right = left + frame.offsetWidth;
  if (left < strip.scrollLeft) strip.scrollLeft = left;
  else if (right > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = right - strip.clientWidth;
};
element.addEventListener("input", mark);
watch("value", () => requestAnimationFrame(mark));
mark();
