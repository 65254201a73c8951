// The map: the pointer, fingers, the wheel and the keys.
const stage = make(root, "div", "i-map-stage");
stage.tabIndex = 0;
stage.setAttribute("role", "application");
stage.setAttribute("aria-label", "Map of the shared space: arrows move it, plus and minus zoom, Home shows all, Escape lets go");
let tool = "move"; // or "lasso", "box"
const fingers = new Map();
let gesture = null; // { kind, how, from, path, moved }

const spot = (event) => {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const howOf = (event) => (event.shiftKey ? "add" : event.altKey ? "subtract" : "new");
const moved = () => {
  leave(true);
  say("camera", { seen: sight() });
  clearTimeout(moved.timer);
  moved.timer = setTimeout(() => geo && trigger("camera", sight()), 400);
  redraw(true);
};

const begin = (event) => {
  const from = spot(event), held = geo.dims === 2 && (event.shiftKey || event.altKey);
  const kind = event.button === 2 ? "pan" : geo.dims === 3 ? "turn" : tool !== "move" ? tool : held ? "lasso" : "pan";
  gesture = { kind, how: howOf(event), from, path: [from], last: from, moved: false };
};
const drag = (here) => {
  const { kind, from, last, path, how } = gesture;
  if (!gesture.moved && Math.hypot(here[0] - from[0], here[1] - from[1]) < 4) return;
  gesture.moved = true;
  root.classList.add("busy");
  gesture.last = here;
  const [dx, dy] = [here[0] - last[0], here[1] - last[1]];
  if (kind === "pan") panBy(dx, dy);
  if (kind === "turn") turnBy(dx, dy);
  if (kind === "pan" || kind === "turn") { moved(); return; }
  const end = path[path.length - 1];
  if (kind === "lasso" && Math.hypot(here[0] - end[0], here[1] - end[1]) > 2) path.push(here);
  if (kind === "box") gesture.path = [from, [here[0], from[1]], here, [from[0], here[1]]];
  drawBand(gesture.path, how);
};
const pinch = (event) => {
  const had = [...fingers.values()];
  fingers.set(event.pointerId, spot(event));
  const [a, b] = [...fingers.values()], [c, d] = had, far = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]) || 1;
  panBy((a[0] + b[0] - c[0] - d[0]) / 2, (a[1] + b[1] - c[1] - d[1]) / 2);
  zoomBy(far(a, b) / far(c, d), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
  moved();
};

const letGo = () => {
  if (gesture) drawBand([], "");
  gesture = null;
  root.classList.remove("busy");
};
const press = (here, touched) => {
  const row = nearest(...here, 14);
  if (row >= 0) {
    ringAt(row); // seen at once; the lines come with the answer
    trigger("pick", { row, point: pointOf(row) });
    if (touched) leave(false); // no pointer stays to ring it
  } else if (raysNow() || metro.length) trigger("clear", {});
};
const reset = () => { fit(); moved(); };

// else a double click chooses the words of the page, and the next drag carries them away
stage.addEventListener("mousedown", (event) => { event.preventDefault(); stage.focus({ preventScroll: true }); });
stage.addEventListener("pointerdown", (event) => {
  if (!geo || event.button === 1) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, spot(event));
  fingers.size === 1 ? begin(event) : letGo();
});
stage.addEventListener("pointermove", (event) => {
  if (!geo) return;
  if (fingers.size > 1 && fingers.has(event.pointerId)) { pinch(event); return; }
  if (gesture) { drag(spot(event)); return; }
  const row = event.pointerType === "touch" ? -1 : nearest(...spot(event));
  row >= 0 ? enter(row) : leave(false);
});
stage.addEventListener("pointerup", (event) => {
  fingers.delete(event.pointerId);
  const done = gesture;
  letGo();
  if (!geo || !done) return;
  if (!done.moved && event.button === 0) press(spot(event), event.pointerType === "touch");
  if (done.moved && (done.kind === "lasso" || done.kind === "box")) finish(done.path, done.how);
});
stage.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); letGo(); });
stage.addEventListener("pointerleave", () => geo && !gesture && leave(false));
stage.addEventListener("contextmenu", (event) => event.preventDefault());
stage.addEventListener("dblclick", () => geo && reset());
stage.addEventListener("wheel", (event) => {
  if (!geo) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...spot(event));
  moved();
}, { passive: false });

const MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
stage.addEventListener("keydown", (event) => {
  if (!geo || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = MOVES[event.key];
  if (step) (geo.dims === 3 ? turnBy : panBy)(...step);
  else if (event.key === "+" || event.key === "=") zoomBy(1.4);
  else if (event.key === "-") zoomBy(1 / 1.4);
  else if (event.key === "Home") fit();
  else return;
  event.preventDefault();
  event.stopPropagation();
  moved();
});
const escaped = (event) => {
  if (event.key !== "Escape" || !geo || !root.offsetParent) return;
  if (gesture) letGo();
  else if (raysNow()) trigger("clear", {});
  else if (chosen) choose(new Uint8Array(geo.n), "new");
  else if (metro.length) trigger("clear", {});
};
