// The map: chains as lines of a metro. props.tracks: { key, fade, lines: [{ name, colour, rows, faces, made }] }. What is of the gallery
// has a row; what was made has { side, at } in made, by generation, as far as it is known where it lands; the rest is not drawn.
// A line goes straight or askew, as on such maps; a station is where a chain has been, with the generations it was there.
const GAUGE = 5; // pixels between lines that go beside each other
let metro = [], trainAt = 0, trainRun = 0;

/** Where a chain is at each generation; what it has made again is the same stop. */
const stopsOf = ({ rows, made }) => rows.map((row, generation) => {
  if (row >= 0) return { key: row, side: sideName(row), at: () => position(row) };
  const here = made?.[generation];
  return here ? { key: here.at.join(), side: here.side, at: () => here.at } : null;
});
const stationsOf = (stops) => {
  const found = new Map();
  stops.forEach((stop, generation) => {
    if (!stop) return;
    if (!found.has(stop.key)) found.set(stop.key, { stop, times: [] });
    found.get(stop.key).times.push(generation);
  });
  return found.values();
};
/** 3 · 5 · 7 … of the generations that a chain was somewhere. */
const timesOf = (times) => (times.length < 3 ? times.join(" · ") : `${times[0]} · ${times[1]} …`);

const buildMetro = () => {
  layers.metro.replaceChildren();
  const tracks = geo && props.tracks?.key === geo.key ? props.tracks.lines : [];
  metro = tracks.map((track, at) => {
    const colour = track.colour.startsWith("#") ? track.colour : css(track.colour);
    const shift = GAUGE * (at - (tracks.length - 1) / 2);
    drawn(layers.metro, "path", { class: "casing" });
    const casing = layers.metro.lastChild, line = drawn(layers.metro, "path", { class: "line", stroke: colour });
    return { ...track, colour, shift, casing, line, stops: stopsOf(track), stations: [] };
  });
  const ends = new Map(); // a station that several lines share is drawn once
  for (const track of metro) {
    for (const { stop, times } of stationsOf(track.stops)) {
      if (ends.has(stop.key)) { ends.get(stop.key).classList.add("shared"); continue; }
      const node = drawn(layers.metro, "g", { class: `station ${stop.side}` }), face = track.faces?.[times[0]];
      ends.set(stop.key, node);
      if (face) {
        drawn(node, "circle", { r: 15, stroke: track.colour });
        drawn(node, "image", { x: -13, y: -13, width: 26, height: 26, href: face, preserveAspectRatio: "xMidYMid slice" });
      } else drawn(node, "path", { d: outline(stop.side, stop.side === "image" ? 7 : 6.5), stroke: track.colour });
      drawn(node, "text", { x: face ? 17 : 10, y: -7 }, times[0] === 0 ? "start" : timesOf(times));
      track.stations.push({ stop, node });
    }
    track.train = drawn(layers.metro, "circle", { class: "train", r: 6, fill: track.colour });
  }
  canvas.classList.toggle("faded", Boolean(raysNow() || (metro.length && props.tracks.fade)));
};

/** From one station to the next: along the longer side, with a slope of one in the middle. */
const bend = ([x, y], [u, v]) => {
  const dx = u - x, dy = v - y, askew = Math.min(Math.abs(dx), Math.abs(dy)), wide = Math.abs(dx) > Math.abs(dy);
  const rest = (Math.max(Math.abs(dx), Math.abs(dy)) - askew) / 2;
  const a = wide ? [x + Math.sign(dx) * rest, y] : [x, y + Math.sign(dy) * rest];
  return [a, [a[0] + Math.sign(dx) * askew, a[1] + Math.sign(dy) * askew], [u, v]];
};
const along = (points, share) => {
  const far = points.slice(1).map((p, i) => Math.hypot(p[0] - points[i][0], p[1] - points[i][1]));
  let left = share * far.reduce((sum, one) => sum + one, 0);
  for (let i = 0; i < far.length; i++) {
    if (left <= far[i] && far[i]) return [0, 1].map((k) => points[i][k] + (points[i + 1][k] - points[i][k]) * (left / far[i]));
    left -= far[i];
  }
  return points[points.length - 1];
};
const placeMetro = (m) => {
  for (const { stops, shift, casing, line, stations, train } of metro) {
    const on = (stop) => project(m, stop.at()).map((v) => v + shift), seen = stops.filter(Boolean);
    const points = seen.length ? [on(seen[0])] : [];
    for (let i = 1; i < seen.length; i++) if (seen[i].key !== seen[i - 1].key) points.push(...bend(on(seen[i - 1]), on(seen[i])));
    const d = points.map((p, i) => `${i ? "L" : "M"}${p[0].toFixed(1)},${p[1].toFixed(1)}`).join("");
    casing.setAttribute("d", d);
    line.setAttribute("d", d);
    for (const { stop, node } of stations) node.setAttribute("transform", `translate(${project(m, stop.at()).map((v) => v.toFixed(1))})`);
    const at = Math.max(0, Math.min(stops.length - 1, trainAt)), from = stops[Math.floor(at)], to = stops[Math.ceil(at)];
    const there = from && to; // a chain that has not begun is nowhere
    train.style.display = there ? "" : "none";
    if (!there) continue;
    const [x, y] = from.key === to.key ? on(from) : along([on(from), ...bend(on(from), on(to))], at - Math.floor(at));
    train.setAttribute("transform", `translate(${x.toFixed(1)},${y.toFixed(1)})`);
  }
};
/** The trains go to a generation. */
const ride = (to) => {
  cancelAnimationFrame(trainRun);
  if (!metro.length || calm.matches) { trainAt = to; if (geo) place(); return; }
  const from = trainAt, begun = performance.now();
  const step = (time) => {
    const share = Math.min(1, (time - begun) / 500);
    trainAt = from + (to - from) * share * share * (3 - 2 * share);
    if (geo) place();
    if (share < 1) trainRun = requestAnimationFrame(step);
  };
  trainRun = requestAnimationFrame(step);
};
