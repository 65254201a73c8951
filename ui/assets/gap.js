// The modality-gap slider: every share's numbers are here, so a move asks the server for nothing.
// value: { key, label, shares, said, spoken, figures, plots, note }, a row a share.
const root = element.querySelector(".i-gap");
let parts = null, chosen = 0;

const build = () => {
  const card = make(root, "section", "i-card");
  const top = make(card, "div", "i-gap-top");
  const label = make(top, "label", "");
  const said = make(top, "b", "i-gap-said");
  const input = make(card, "input", "i-gap-range");
  input.type = "range";
  input.min = 0;
  input.step = 1;
  input.id = label.htmlFor = `${element.id || "i-gap"}-share`;
  input.addEventListener("input", () => {
    chosen = Number(input.value);
    show();
    if (props.group) tellStop(props.group, chosen);
    trigger("moved", { share: props.value.shares[chosen] });
  });
  const ends = make(card, "div", "i-gap-ends");
  const figures = make(card, "div", "i-figures");
  const plots = make(card, "div", "i-gap-plots");
  const note = make(card, "p", "i-soft");
  return { label, said, input, ends, figures, plots, note, nodes: [] };
};

const figureOf = (parent, figure) => {
  const node = make(parent, "div", "i-figure");
  make(node, "span", "i-figure-label", figure.label);
  make(node, "b", "", figure.value);
  for (const line of figure.lines) make(node, "small", "i-soft", line);
};

const markOf = (share) => ({
  type: "line", x0: share, x1: share, yref: "paper", y0: 0, y1: 1, line: { color: css("text"), width: 1.5, dash: "dot" },
});

// what follows the slider; nothing else is drawn again
const show = () => {
  const now = props.value;
  parts.said.textContent = now.said[chosen];
  parts.input.setAttribute("aria-valuetext", now.spoken[chosen]);
  parts.figures.replaceChildren();
  for (const figure of now.figures[chosen]) figureOf(parts.figures, figure);
  for (const { plot } of parts.nodes) {
    if (plot._fullLayout) window.Plotly.relayout(plot, { shapes: [markOf(now.shares[chosen])] });
  }
};

const layoutOf = (plot) => ({
  autosize: true, margin: { l: 48, r: 12, t: 8, b: 36 }, showlegend: false, dragmode: false,
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x unified",
  font: { family: "IBM Plex Sans, sans-serif", size: 12, color: css("soft") },
  hoverlabel: { bgcolor: css("surface"), bordercolor: css("line-strong"), font: { color: css("text"), size: 12 } },
  xaxis: { title: { text: "share taken away", standoff: 6 }, tickformat: ".0%", gridcolor: css("line"),
           zeroline: false, linecolor: css("line-strong"), fixedrange: true, range: [-0.03, 1.03] },
  yaxis: { gridcolor: css("line"), zeroline: false, tickformat: plot.percent ? ".0%" : "", fixedrange: true,
           rangemode: "tozero", automargin: true },
  shapes: [markOf(props.value.shares[chosen])],
});

const tracesOf = (plot) => {
  const x = props.value.shares;
  const bands = plot.lines.filter((line) => line.low).map((line) => ({
    type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", line: { width: 0 },
    fillcolor: css(line.colour) + "26", x: [...x, ...[...x].reverse()], y: [...line.high, ...[...line.low].reverse()],
  }));
  return [...bands, ...plot.lines.map((line) => ({
    type: "scatter", mode: "lines+markers", name: line.name, x, y: line.y, marker: { size: 5, color: css(line.colour) },
    line: { color: css(line.colour), width: 2, dash: line.dash || "solid" },
    customdata: line.low?.map((low, i) => [low, line.high[i]]),
    hovertemplate: line.low ? "%{y:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})" : "%{y:.3f}",
  }))];
};

const keyOf = (parent, line) => {
  const entry = make(parent, "span", "i-key");
  make(entry, "i", "i-swatch").style.borderTop = `2px ${line.dash ? "dashed" : "solid"} ${css(line.colour)}`;
  make(entry, "span", "", line.name);
};

const drawPlot = (plot, i) => {
  if (!parts.nodes[i]) {
    const figure = make(parts.plots, "figure", "i-gap-plot");
    const title = make(figure, "figcaption", "i-gap-title");
    const node = make(figure, "div", "i-curve-plot");
    const legend = make(figure, "div", "i-legend-line");
    node.setAttribute("role", "img");
    parts.nodes[i] = { title, legend, plot: node };
    const now = () => props.value.plots[i];
    takeAway(figure, node, () => `${props.value.key} ${now().title}`, () => rowsOfLines(
      "share taken away", now().lines.map((line) => ({ ...line, x: props.value.shares }))));
    onSize(node, () => node._fullLayout && window.Plotly.Plots.resize(node));
  }
  const { title, legend, plot: node } = parts.nodes[i];
  title.textContent = plot.title;
  node.setAttribute("aria-label", `${plot.title} by the share that is taken away`);
  legend.replaceChildren();
  if (plot.lines.length > 1) for (const line of plot.lines) keyOf(legend, line);
  window.Plotly.react(node, tracesOf(plot), layoutOf(plot), { displayModeBar: false, responsive: false });
};

let drawn = "";
const draw = () => {
  const now = props.value, first = !parts;
  if (!now) return;
  parts ??= build();
  chosen = Math.min(chosen, now.shares.length - 1);
  parts.label.textContent = now.label;
  parts.input.max = now.shares.length - 1;
  parts.input.value = chosen;
  parts.ends.replaceChildren();
  const middle = Math.floor((now.said.length - 1) / 2);
  for (const at of new Set([0, middle, now.said.length - 1])) make(parts.ends, "span", "", now.said[at]);
  parts.note.textContent = now.note;
  now.plots.forEach(drawPlot);
  show();
  if (first && props.group) tellStop(props.group, chosen); // its map may have been there before
};
// the same numbers come again whenever anything about any run changes
watch("value", () => {
  const next = JSON.stringify(props.value);
  if (next !== drawn) { drawn = next; draw(); }
});
// the moving map of its group was moved elsewhere
hearStops(() => props.group, (at) => {
  if (!parts) return;
  chosen = Math.max(0, Math.min(props.value.shares.length - 1, Math.round(at)));
  parts.input.value = chosen;
  show();
}, () => (parts && props.value ? chosen : null));
onTheme(draw);
drawn = JSON.stringify(props.value ?? null);
draw();
