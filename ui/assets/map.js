const root = element.querySelector(".i-map");
const plot = make(root, "div", "i-map-plot");
const ring = make(root, "div", "i-map-ring");
const card = make(root, "div", "i-map-card");
const legend = make(root, "div", "i-map-legend");
const empty = make(root, "div", "i-map-empty");
plot.setAttribute("role", "img");
plot.setAttribute("aria-label", "Map of the shared space; choose a point to see its neighbours");
ring.hidden = card.hidden = true;

const canvas = document.createElement("canvas");
const webgl = Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
const kind = webgl ? "scattergl" : "scatter";
const DWELL = 125, GRACE = 260, SIDES = ["image", "caption"];

let geo = null, index = new Map(), hooked = false, hidden = new Set(), legendOf = null, morph = 0;
let hoverTimer = 0, leaveTimer = 0, hovered = -1;
const cards = new Map();

const read = () => {
  const value = props.value;
  if (!value) { geo = null; return; }
  if (geo && geo.key === value.key) return;
  const xy = floats(value.xy);
  const n = value.ids.length;
  const next = { key: value.key, run: value.run, ids: value.ids, note: value.note,
                 x: new Float32Array(n), y: new Float32Array(n), side: value.side };
  for (let i = 0; i < n; i++) { next.x[i] = xy[2 * i]; next.y[i] = xy[2 * i + 1]; }
  if (!geo || geo.run !== value.run) { hidden.clear(); cards.clear(); }
  index = new Map(next.ids.map((id, i) => [id, i]));
  geo = next;
  leave(true);
};

const sideOf = (i) => (geo.side.charCodeAt(i) === 48 ? 0 : 1);

const paint = () => {
  const c = props.colouring;
  if (!c || c.run !== geo.run) return null;
  if (!c.floats) { c.floats = floats(c.values); }
  return c;
};

const points = (side, colours) => {
  const rows = [];
  for (let i = 0; i < geo.ids.length; i++) {
    if (sideOf(i) !== side) continue;
    if (colours && colours.labels.length && hidden.has(colours.floats[i])) continue;
    rows.push(i);
  }
  const faded = props.rays && props.rays.run === geo.run;
  const marker = { size: side ? 5 : 8, symbol: side ? "diamond" : "circle",
                   opacity: faded ? 0.35 : side ? 0.62 : 0.9,
                   line: { width: side ? 0 : 0.8, color: css("surface") } };
  if (!colours) marker.color = css(SIDES[side]);
  else if (colours.labels.length) {
    const table = colours.colours.map((name) => (name.startsWith("#") ? name : css(name)));
    marker.color = rows.map((i) => table[colours.floats[i]] ?? css("soft"));
  } else {
    rows.sort((a, b) => colours.floats[a] - colours.floats[b]); // the most similar on top
    Object.assign(marker, { color: rows.map((i) => colours.floats[i]), showscale: false, opacity: 0.95,
                            colorscale: [[0, css("scale-low")], [1, css("scale-high")]],
                            cmin: colours.low, cmax: colours.high, line: { width: 0 } });
  }
  return { type: kind, mode: "markers", hoverinfo: "none", showlegend: false, marker,
           x: rows.map((i) => geo.x[i]), y: rows.map((i) => geo.y[i]), customdata: rows };
};

const rayTraces = () => {
  const rays = props.rays;
  if (!rays || rays.run !== geo.run || !index.has(rays.centre)) return [];
  const centre = index.get(rays.centre), traces = [];
  for (const [side, ids] of [[0, rays.images], [1, rays.texts]]) {
    const rows = ids.filter((id) => index.has(id)).map((id) => index.get(id));
    const x = [], y = [];
    for (const i of rows) { x.push(geo.x[centre], geo.x[i], null); y.push(geo.y[centre], geo.y[i], null); }
    const colour = css(SIDES[side]);
    traces.push({ type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, x, y,
                  line: { color: colour, width: 1.4, dash: side ? "dot" : "solid" } });
    traces.push({ type: "scatter", mode: "markers", hoverinfo: "none", showlegend: false,
                  x: rows.map((i) => geo.x[i]), y: rows.map((i) => geo.y[i]), customdata: rows,
                  marker: { size: side ? 9 : 11, symbol: side ? "diamond" : "circle", color: colour,
                            line: { width: 1.5, color: css("surface") } } });
  }
  traces.push({ type: "scatter", mode: "markers", hoverinfo: "none", showlegend: false,
                x: [geo.x[centre]], y: [geo.y[centre]], customdata: [centre],
                marker: { size: 17, color: css("accent"), symbol: sideOf(centre) ? "diamond" : "circle",
                          line: { width: 3, color: css("surface") } } });
  return traces;
};

const frame = () => {
  const bare = { visible: false, fixedrange: false };
  return { uirevision: geo.key, dragmode: "pan", hovermode: "closest", hoverdistance: 14,
           margin: { l: 8, r: 8, t: 8, b: 8 }, showlegend: false, autosize: true,
           paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
           xaxis: { ...bare }, yaxis: { ...bare, scaleanchor: "x" } };
};

const draw = () => {
  read();
  empty.hidden = Boolean(geo);
  plot.style.visibility = geo ? "visible" : "hidden";
  if (!geo) { empty.textContent = "No map yet."; legend.replaceChildren(); return; }
  if (!plot.clientWidth) return; // not on screen; drawn when it is
  const colours = paint();
  drawLegend(colours);
  const traces = [points(1, colours), points(0, colours), ...rayTraces()];
  window.Plotly.react(plot, traces, frame(), {
    displayModeBar: false, scrollZoom: true, doubleClick: "reset", responsive: false });
  plot.dataset.layout = geo.key;
  plot.dataset.points = String(geo.ids.length);
  if (!hooked) hook();
};

const drawLegend = (colours) => {
  legend.replaceChildren();
  if (!webgl) make(legend, "p", "i-map-warn", "This browser has no WebGL: the map is drawn more slowly.");
  if (!colours) return;
  make(legend, "strong", "", colours.title);
  if (!colours.labels.length) {
    const bar = make(legend, "div", "i-map-scale");
    make(bar, "span", "", colours.low.toFixed(2));
    make(bar, "i");
    make(bar, "span", "", colours.high.toFixed(2));
    return;
  }
  colours.labels.forEach((label, code) => {
    const entry = make(legend, "button", "i-map-key" + (hidden.has(code) ? " off" : ""));
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!hidden.has(code)));
    entry.title = "Click hides or shows it, double click shows it alone";
    const name = colours.colours[code];
    make(entry, "i").style.background = name.startsWith("#") ? name : css(name);
    make(entry, "span", "", label);
    entry.addEventListener("click", () => {
      hidden.has(code) ? hidden.delete(code) : hidden.add(code);
      draw();
    });
    entry.addEventListener("dblclick", () => {
      const alone = hidden.size === colours.labels.length - 1 && !hidden.has(code);
      hidden = new Set(alone ? [] : colours.labels.map((_, i) => i).filter((i) => i !== code));
      draw();
    });
  });
};

const place = (i) => {
  const full = plot._fullLayout;
  return [full.xaxis._offset + full.xaxis.l2p(geo.x[i]), full.yaxis._offset + full.yaxis.l2p(geo.y[i])];
};

const fill = (data) => {
  card.replaceChildren();
  if (data.src) {
    const picture = make(card, "img");
    picture.src = data.src;
    picture.alt = data.alt;
  }
  const text = make(card, "div");
  make(text, "small", data.side, data.kind);
  make(text, "p", "", data.caption);
};

const enter = (i) => {
  clearTimeout(leaveTimer);
  if (i === hovered) return;
  hovered = i;
  const [x, y] = place(i);
  ring.hidden = false;
  ring.style.transform = `translate(${x}px, ${y}px)`;
  clearTimeout(hoverTimer);
  hoverTimer = setTimeout(async () => {
    const id = geo.ids[i];
    if (!cards.has(id)) cards.set(id, await server.card({ run: geo.run, id }));
    if (hovered !== i) return;
    const data = cards.get(id);
    if (!data || !data.caption) return;
    fill(data);
    card.hidden = false;
    const left = x + 16 + card.offsetWidth > plot.clientWidth ? x - 16 - card.offsetWidth : x + 16;
    const top = Math.min(Math.max(8, y - 40), plot.clientHeight - card.offsetHeight - 8);
    card.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
  }, DWELL);
};

const leave = (now) => {
  clearTimeout(leaveTimer);
  leaveTimer = setTimeout(() => {
    hovered = -1;
    clearTimeout(hoverTimer);
    ring.hidden = card.hidden = true;
  }, now ? 0 : GRACE);
};

const hook = () => {
  hooked = true;
  plot.on("plotly_hover", (event) => {
    const row = event.points[0]?.customdata;
    if (Number.isInteger(row)) enter(row);
  });
  plot.on("plotly_unhover", () => leave(false));
  plot.on("plotly_click", (event) => {
    const row = event.points[0]?.customdata;
    if (Number.isInteger(row)) trigger("pick", { id: geo.ids[row] });
  });
  plot.on("plotly_relayout", () => leave(true));
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && props.rays && plot.offsetParent) trigger("clear", {});
});
watch(["value", "colouring", "rays"], draw);
onTheme(draw);
onSize(plot, () => (plot._fullLayout ? window.Plotly.Plots.resize(plot) : draw()));
draw();
