// The map: moving between the stops of its frames. Points are moved where they are drawn, so a step is one number.
const strip = make(root, "div", "i-map-frames");
strip.hidden = true;
const play = make(strip, "button", "i-map-tool");
play.type = "button";
const slide = make(strip, "input", "");
const said = make(strip, "b", "");
Object.assign(slide, { type: "range", min: 0, step: 0.01 });
slide.setAttribute("aria-label", "Where the map is");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let heading = 0, moving = 0, playing = false, stops = "";

const nameOf = (where) => geo.frames.names[Math.round(where)] ?? "";
const drawStrip = () => {
  strip.hidden = !leads();
  if (strip.hidden) return;
  slide.max = geo.frames.stops.length - 1;
  slide.value = heading;
  said.textContent = nameOf(heading);
  slide.setAttribute("aria-valuetext", said.textContent);
  play.textContent = playing ? "❚❚" : "▶";
  play.title = playing ? "Stop moving" : "Move through all stops";
  play.setAttribute("aria-label", play.title);
};

/** Puts the map where it is asked to be, at once. */
const stand = (where) => {
  const before = stops;
  at = Math.max(0, Math.min(geo.frames.stops.length - 1, where));
  const [from, to] = between(), n = 2 * geo.n, xy = geo.frames.xy;
  stops = `${geo.key}/${from}/${to}`;
  if (stops !== before) painter.place(xy.subarray(n * from, n * from + n), xy.subarray(n * to, n * to + n), 2);
  geo.stale = true;
  redraw();
};
const step = (from, begun, lasts, now) => {
  const share = Math.min(1, (now - begun) / lasts), eased = share * share * (3 - 2 * share);
  if (!geo?.frames) return;
  stand(from + (heading - from) * (playing ? share : eased));
  moving = share < 1 ? requestAnimationFrame((next) => step(from, begun, lasts, next)) : 0;
  if (playing) {
    if (nameOf(at) !== said.textContent) trigger("framed", { at: Math.round(at) });
    slide.value = at;
    said.textContent = nameOf(at);
  }
  if (playing && !moving) { playing = false; drawStrip(); framed(); }
};
/** Moves the map to a stop, or between two. */
const go = (where, lasts = 350) => {
  cancelAnimationFrame(moving);
  heading = Math.max(0, Math.min(geo.frames.stops.length - 1, where));
  leave(true);
  drawStrip();
  if (calm.matches || !lasts) { stand(heading); return; }
  const from = at, begun = performance.now();
  moving = requestAnimationFrame((now) => step(from, begun, lasts, now));
};
const framed = () => {
  clearTimeout(framed.timer);
  framed.timer = setTimeout(() => geo?.frames && trigger("framed", { at: heading }), 120);
};
slide.addEventListener("input", () => {
  playing = false;
  go(Number(slide.value), 0);
  say("frame", { at: heading });
  framed();
});
play.addEventListener("click", () => {
  playing = !playing;
  const last = geo.frames.stops.length - 1;
  if (!playing) { go(at, 0); framed(); return; }
  if (at >= last) stand(0);
  go(last, calm.matches ? 0 : 900 * Math.max(0.2, last - at));
  say("frame", { at: last, lasts: 900 * Math.max(0.2, last - at) });
  if (calm.matches) { playing = false; drawStrip(); framed(); }
});
