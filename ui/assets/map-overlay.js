// The map: what lies over the points and moves with them: lines, rings, queries, names of clusters.
const SPACE = "http://www.w3.org/2000/svg";
const drawn = (parent, kind, attributes = {}, text) => {
  const node = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
};
const over = drawn(root, "svg", { class: "i-map-over", "aria-hidden": "true" });
const layers = Object.fromEntries(["names", "rays", "metro", "marks", "band"].map((name) => [name, drawn(over, "g", { class: name })]));
const ring = make(root, "div", "i-map-ring");
const foot = make(root, "div", "i-map-foot");
const key = make(foot, "div", "i-map-rays");
ring.hidden = key.hidden = true;
const STAR = "M0-9 2.6-2.6 9 0 2.6 2.6 0 9-2.6 2.6-9 0-2.6-2.6Z";

let lines = [], ends = [], pins = [], names = [], named = true;

const sideName = (row) => (row < geo.images ? "image" : "caption");
const outline = (side, size) => (side === "image"
  ? `M${-size},0a${size},${size} 0 1,0 ${2 * size},0a${size},${size} 0 1,0 ${-2 * size},0Z`
  : `M0,${-1.25 * size} ${1.25 * size},0 0,${1.25 * size} ${-1.25 * size},0Z`);
const shape = (row, size) => outline(sideName(row), size);

const raysNow = () => (geo && props.rays?.key === geo.key && props.rays.centre >= 0 ? props.rays : null);

// lines from the chosen point: faint ones to its neighbours, strong ones to its partner and to what is retrieved
const buildRays = () => {
  layers.rays.replaceChildren();
  lines = [];
  ends = [];
  const rays = raysNow();
  drawKey(rays);
  canvas.classList.toggle("faded", Boolean(rays)); // so that no point has to be drawn anew
  if (!rays) return;
  const { centre, retrieved } = rays, partners = new Set(rays.partners), near = [...rays.images, ...rays.texts];
  const line = (row, kind) => lines.push({ row, node: drawn(layers.rays, "line", { class: kind }) });
  for (const row of near) if (!partners.has(row) && row !== retrieved) line(row, `near ${sideName(row)}`);
  for (const row of partners) line(row, "partner");
  if (retrieved >= 0) line(retrieved, partners.has(retrieved) ? "retrieved both" : "retrieved");
  const end = (row, kind, size) => ends.push({ row, node: drawn(layers.rays, "path", { class: kind, d: shape(row, size) }) });
  for (const row of new Set(near)) end(row, `near ${sideName(row)}`, 4.5);
  for (const row of partners) end(row, "partner", 6.5);
  if (retrieved >= 0 && !partners.has(retrieved)) end(retrieved, "retrieved", 6.5);
  end(centre, "centre", 8);
};

const drawKey = (rays) => {
  key.replaceChildren();
  const pin = (props.markers ?? []).length;
  key.hidden = !rays && !pin;
  const entry = (kind, text) => {
    const row = make(key, "span", "");
    make(row, "i", kind);
    make(row, "span", "", text);
  };
  if (rays) {
    const both = rays.partners.includes(rays.retrieved), some = rays.partners.length;
    if (some) entry("partner", both ? "its partner, retrieved first" : some > 1 ? "its partners" : "its partner");
    if (rays.retrieved >= 0 && !both) entry("retrieved", "retrieved first");
    if (rays.images.length) entry("near image", `nearest ${geo.things[0]}`);
    if (rays.texts.length) entry("near caption", `nearest ${geo.things[1]}`);
  }
  if (pin) entry("pin", "what is searched for");
};

const buildMarkers = () => {
  layers.marks.replaceChildren();
  pins = (geo && props.markers ? props.markers : []).map((marker) => {
    const node = drawn(layers.marks, "g", { class: `pin ${["text", "image"].includes(marker.kind) ? marker.kind : "mixed"}` });
    drawn(node, "path", { d: STAR });
    const text = String(marker.label ?? "");
    drawn(node, "text", { x: 11, y: 4 }, text.length > 34 ? `${text.slice(0, 33)}…` : text);
    return { at: [marker.x, marker.y, marker.z ?? 0], node };
  });
};

const buildNames = () => {
  layers.names.replaceChildren();
  names = (geo && named && props.labels ? props.labels : []).map((label) => ({
    at: [label.x, label.y, label.z ?? 0], node: drawn(layers.names, "text", {}, label.text), wide: 0 }));
};

/** Everything at its place for where the map is looked at from. */
const place = () => {
  if (!geo) return;
  const m = matrix(), on = (row) => project(m, position(row));
  if (lines.length || ends.length) {
    const [x, y] = on(props.rays.centre);
    for (const { row, node } of lines) {
      const [u, v] = on(row);
      for (const [name, value] of [["x1", x], ["y1", y], ["x2", u], ["y2", v]]) node.setAttribute(name, value.toFixed(1));
    }
    for (const { row, node } of ends) node.setAttribute("transform", `translate(${on(row).map((v) => v.toFixed(1))})`);
  }
  for (const pin of pins) pin.node.setAttribute("transform", `translate(${project(m, pin.at).map((v) => v.toFixed(1))})`);
  if (!ring.hidden && hovered >= 0) {
    const [x, y] = on(hovered);
    ring.style.transform = `translate(${x}px, ${y}px)`;
  }
  placeMetro(m);
  placeNames(m);
};

// the largest first; a name that would lie over another is left out until there is room
const placeNames = (m) => {
  const taken = [];
  for (const name of names) {
    name.wide ||= name.node.getComputedTextLength() || 7 * name.node.textContent.length;
    const [px, y] = project(m, name.at), half = name.wide / 2 + 4;
    const out = px < 0 || px > width || y < 0 || y > height, x = Math.max(half, Math.min(width - half, px));
    const box = [x - half, y - 11, x + half, y + 7];
    const free = !out && taken.every((o) => box[2] < o[0] || box[0] > o[2] || box[3] < o[1] || box[1] > o[3]);
    name.node.style.display = free ? "" : "none";
    if (!free) continue;
    taken.push(box);
    name.node.setAttribute("x", x.toFixed(1));
    name.node.setAttribute("y", y.toFixed(1));
  }
};
