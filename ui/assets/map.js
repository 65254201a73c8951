// The map, last part: what is drawn again when something comes from the server, and what is kept over the pages.
const canvas = document.createElement("canvas");
root.prepend(canvas);
canvas.className = "i-map-points";
const empty = make(root, "div", "i-map-empty");
const ratioNow = () => Math.min(2, window.devicePixelRatio || 1);
const painter = glPainter(canvas) ?? flatPainter(canvas);
root.dataset.painter = painter.kind;

// smaller where there are many, and growing a little as one goes nearer
const sizesNow = () => {
  const base = Math.max(3.4, Math.min(8, 8 - Math.log2(Math.max(1, geo.n / 1200))));
  const nearer = geo.dims === 3 ? camera.zoom ** 0.5 : Math.max(1, camera.scale / fitting()) ** 0.3;
  const size = base * Math.min(2.4, nearer);
  return [size, size * 0.9];
};
const look = (ratio) => ({
  matrix: matrix(), ratio, sizes: sizesNow(), images: geo.images, solid: geo.dims === 3, depth: geo.dims === 3 ? FAR : 1,
  share: geo.frames ? between()[2] : 0, some: chosen ? 1 : 0,
});

// While the map moves on a slow machine, some of the points stand for all; they come back when it rests.
const QUICK = 15000, SLOW = 90;
let asked = 0, before = 0, slow = false, sparse = false, rest = 0;
const thin = (on) => {
  if (on === sparse) return;
  const rows = order(), stride = Math.ceil(rows.length / QUICK);
  painter.put(on ? rows.filter((_, i) => i % stride === 0) : rows);
  sparse = on;
};
const putRows = () => { sparse = false; painter.put(order()); };
const show = (moves) => {
  asked = 0;
  if (!geo || !width) return;
  const now = performance.now();
  if (moves && now - before > SLOW && now - before < 1000) slow = true;
  before = moves ? now : 0;
  thin(moves && slow && geo.n > QUICK);
  painter.draw(look(ratioNow()));
  place();
  clearTimeout(rest);
  if (sparse) rest = setTimeout(redraw, 180);
  root.dataset.shown = geo.key;
  keep();
};
const redraw = (moves = false) => { asked ||= requestAnimationFrame(() => show(moves === true)); };

// of each map, by the id of its element: what must not be lost when another page is opened and left again
const KEPT = (window.isthmusMaps ??= new Map());
const keep = () => KEPT.set(element.id, {
  key: geo.key, title: paint?.title, seen: camera.fitted ? null : sight(), asked: JSON.stringify(props.camera ?? null),
  tool, named, hidden, at: geo.frames ? heading : 0, life });
KEPT.get(element.id)?.life.abort(); // the last visit's canvas holds one of the few contexts that a browser gives

const sized = () => {
  const seen = geo && width && !camera.fitted ? sight() : null;
  width = root.clientWidth;
  height = root.clientHeight;
  if (!geo || !width) return;
  lookAt(seen);
  painter.size(width, height, ratioNow());
  redraw();
};

const repaint = () => {
  readColours();
  if (!geo) { drawLegend(); return; }
  painter.tint(paint ? paint.codes : Uint8Array.from({ length: geo.n }, (_, row) => codeOf(row)), table());
  putRows();
  drawLegend();
  redraw();
};
const overlay = () => { buildRays(); buildMetro(); buildMarkers(); buildNames(); drawBar(); place(); };

let sent = []; // what was chosen here and has not come back from the server
const readChosen = () => {
  const bits = props.selected || "", earlier = sent.slice(0, -1).indexOf(bits);
  if (earlier >= 0) { sent = sent.slice(earlier + 1); return; } // the answer to a lasso before the last
  sent = [];
  take(!bits || bytesOf(bits).length === (geo.n + 7) >> 3 ? maskOf(bits, geo.n) : new Uint8Array(geo.n));
};

/** Another geometry: where it is looked at from, as it was left, as it is asked for, or all of it. */
const begins = (had) => {
  const kept = KEPT.get(element.id), asked = JSON.stringify(props.camera ?? null);
  width = root.clientWidth;
  height = root.clientHeight;
  slow = playing = false;
  sent = [];
  stops = "";
  heading = at;
  cards.clear();
  if (had !== geo.run) hidden.clear();
  fit();
  if (kept?.key === geo.key) {
    ({ tool, named } = kept);
    if (geo.frames) at = heading = kept.at;
    if (kept.title === props.colouring?.title) hidden = kept.hidden;
  }
  lookAt(kept?.key === geo.key && kept.asked === asked ? kept.seen : props.camera);
  geo.frames ? stand(at) : painter.place(geo.xy, geo.xy, geo.dims);
  leads() ? say("frame", { at: heading }) : say("where"); // the others of its group may be elsewhere
  painter.size(width, height, ratioNow());
  stage.dataset.tool = tool;
  root.dataset.points = String(geo.n);
};

const drawAll = () => {
  if (!root.clientWidth) return; // not on the screen; drawn when it is
  const had = geo?.run, other = read();
  empty.hidden = Boolean(geo);
  empty.textContent = "No map yet.";
  root.classList.toggle("none", !geo);
  if (other) leave(true);
  if (other && geo) begins(had);
  repaint();
  if (other && geo) readChosen();
  overlay();
  drawStrip();
};

const life = new AbortController(); // until the map is made anew, on another visit of its page
const heed = (target, kinds, listener) => {
  for (const kind of kinds) target.addEventListener(kind, (event) => element.isConnected && listener(event), { signal: life.signal });
};
heed(document, ["keydown"], escaped);
heed(document, ["pointerover", "pointerout", "focusin", "focusout"], pointed);
heed(window, [HEARD], hear);
watch(["value", "colouring"], drawAll);
watch(["rays", "tracks", "markers", "labels"], () => geo && overlay());
watch("selected", () => geo && readChosen());
watch("camera", () => { if (geo) { lookAt(props.camera); redraw(); } });
const themed = onTheme(() => { repaint(); overlay(); });
life.signal.addEventListener("abort", () => { themed.disconnect(); painter.end(); });
onSize(root, () => (geo && root.dataset.shown ? sized() : drawAll()));
// where a row is on the screen, for whoever drives the page from outside
root.isthmus = { place: (row) => {
  const box = stage.getBoundingClientRect(), [x, y] = project(matrix(), position(row));
  return [box.left + x, box.top + y];
}, state: () => ({ n: geo?.n, chosen, at, sight: geo && sight(), hidden: [...hidden] }) };
drawAll();
