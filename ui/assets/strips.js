// Film strips: they scroll together, and one generation is now, in all of them, in the curves and on the map.
// The markup (ui/drift_cards.py) has the group that they belong to and, once, a slider with a button that plays it.
const bar = () => element.querySelector(".i-steps");
const slider = () => bar()?.querySelector("input");
const groupNow = () => bar()?.dataset.group ?? "";
const last = () => Number(slider()?.max ?? 0);
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const STEP = 900; // milliseconds that a generation stays while it is played
let now = 0, ticking = 0, following = null;

const mark = (at) => {
  now = Math.max(0, Math.min(last(), Math.round(at)));
  for (const frame of element.querySelectorAll(".i-frame.now")) frame.classList.remove("now");
  for (const frame of element.querySelectorAll(`.i-frame[data-generation="${now}"]`)) frame.classList.add("now");
  const range = slider();
  if (!range) return;
  range.value = now;
  const said = now ? `generation ${now}` : "start";
  range.setAttribute("aria-valuetext", said);
  bar().querySelector("output").textContent = said;
};
const reveal = () => {
  const frame = element.querySelector(".i-frame.now"), strip = frame?.parentElement;
  if (!strip) return;
  const left = frame.offsetLeft - strip.offsetLeft - (strip.clientWidth - frame.offsetWidth) / 2;
  strip.scrollTo({ left, behavior: still() ? "auto" : "smooth" });
};
const go = (at) => { mark(at); reveal(); tellStop(groupNow(), now); };

const drawPlay = () => {
  const play = bar()?.querySelector("[data-play]");
  if (!play) return;
  play.textContent = ticking ? "❚❚" : "▶";
  play.title = ticking ? "Stop" : "Go through the generations, all chains in step";
  play.setAttribute("aria-label", play.title);
};
const halt = () => { clearInterval(ticking); ticking = 0; drawPlay(); };
const start = () => {
  if (now >= last()) go(0);
  ticking = setInterval(() => {
    if (!element.isConnected || !slider()) { halt(); return; }
    go(now + 1);
    if (now >= last()) halt();
  }, STEP);
  drawPlay();
};

element.addEventListener("click", (event) => {
  if (event.target.closest("[data-play]")) { ticking ? halt() : start(); return; }
  const frame = event.target.closest(".i-frame[data-generation]");
  if (frame && !event.target.closest("button, a, audio, input")) { halt(); go(Number(frame.dataset.generation)); }
});
element.addEventListener("input", (event) => {
  if (event.target === slider()) { halt(); go(Number(event.target.value)); }
});
// scroll is not told to those around, but may be caught on its way down
element.addEventListener("scroll", (event) => {
  const strip = event.target;
  if (!strip.classList?.contains("i-strip") || (following && following !== strip)) return;
  following = strip;
  clearTimeout(following.timer);
  following.timer = setTimeout(() => { following = null; }, 120);
  for (const other of element.querySelectorAll(".i-strip")) if (other !== strip) other.scrollLeft = strip.scrollLeft;
}, true);
hearStops(groupNow, (at) => { halt(); mark(at); reveal(); }, () => (bar() ? now : null));
// other chains begin anew, and their curves and trains with them; the same ones, one generation longer, stay
// where they are
let of = "";
watch("value", () => requestAnimationFrame(() => {
  const key = bar()?.dataset.key ?? "";
  if (key === of) mark(now);
  else {
    halt();
    mark(0);
    of = key;
    tellStop(groupNow(), now);
  }
  drawPlay();
}));
