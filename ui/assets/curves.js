const root = element.querySelector(".i-curves");
const nodes = [];
const hiddenIn = new Map(); // what a person took out of a plot, by its key
const BANDS = 3; // so few lines have room for bands; more have bars

const hiddenOf = (plot) => {
  if (!hiddenIn.has(plot.key)) hiddenIn.set(plot.key, new Set());
  return hiddenIn.get(plot.key);
};

const layoutOf = (plot) => ({
  autosize: true, margin: { l: 48, r: 12, t: 8, b: 36 }, uirevision: plot.key,
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
  font: { family: "IBM Plex Sans, sans-serif", size: 12, color: css("soft") },
  showlegend: false, hovermode: "x unified", ...(plot.cursor ? { dragmode: false } : {}),
  hoverlabel: { bgcolor: css("surface"), bordercolor: css("line-strong"),
                font: { color: css("text"), size: 12 } },
  xaxis: { title: { text: plot.x, standoff: 6 }, gridcolor: css("line"), zeroline: false,
           linecolor: css("line-strong"), fixedrange: Boolean(plot.cursor),
           ...(plot.log ? { type: "log", tickvals: plot.ticks.map((tick) => tick[0]), range: reachOf(plot),
                            ticktext: plot.ticks.map((tick) => tick[1]), unifiedhovertitle: { text: "%{x:,}" } }
                        : { rangemode: "tozero" }) },
  yaxis: { gridcolor: css("line"), zeroline: false, tickformat: plot.percent ? ".0%" : "",
           rangemode: plot.percent ? "tozero" : "normal", automargin: true, fixedrange: Boolean(plot.cursor) },
  shapes: [...(plot.marks || []).map((mark) => ({
    type: "line", x0: mark.x, x1: mark.x, yref: "paper", y0: 0, y1: 1,
    line: { color: css(mark.colour), width: 1, dash: "dot" } })),
    ...(plot.chance == null ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: plot.chance, y1: plot.chance,
      line: { color: css("soft"), width: 1.5, dash: "dash" } }])],
  annotations: plot.chance == null ? [] : [{ xref: "paper", x: 1, y: plot.chance, text: "chance",
    showarrow: false, xanchor: "right", yanchor: "bottom", font: { size: 11, color: css("soft") } }],
});

// some room on either side, so that the bars at the ends are whole
const reachOf = (plot) => {
  const places = plot.ticks.map((tick) => Math.log10(tick[0]));
  return [Math.min(...places) - 0.08, Math.max(...places) + 0.08];
};

const colourOf = (line) => (line.colour.startsWith("#") ? line.colour : css(line.colour));
const clear = (hex, share) => hex + Math.round(255 * share).toString(16).padStart(2, "0");

const bandOf = (line) => ({
  type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", line: { width: 0 },
  fillcolor: clear(colourOf(line), 0.16),
  x: [...line.x, ...[...line.x].reverse()], y: [...line.high, ...[...line.low].reverse()],
});

const traceOf = (plot, line, bands) => {
  const faint = Boolean(line.faint), trace = {
    type: "scatter", mode: line.x.length > 40 || faint ? "lines" : "lines+markers", name: line.name,
    x: line.x, y: line.y, opacity: faint ? 0.45 : 1,
    line: { color: colourOf(line), width: faint ? 1 : 2, dash: line.dash || "solid" },
    marker: { size: line.symbol ? 8 : 5, symbol: line.symbol || "circle", color: colourOf(line) },
    hovertemplate: plot.percent ? "%{y:.1%}" : "%{y:.4g}",
  };
  if (faint) trace.hoverinfo = "skip", delete trace.hovertemplate;
  if (!line.low) return trace;
  trace.customdata = line.x.map((_, i) => [line.low[i], line.high[i]]);
  const form = plot.percent ? ".1%" : ".3f";
  trace.hovertemplate = `%{y:${form}} <span>(%{customdata[0]:${form}} to %{customdata[1]:${form}})</span>`;
  // a band over a single point would have no area
  if (!bands || line.x.length === 1) trace.error_y = {
    type: "data", symmetric: false, thickness: 1.2, width: 3, color: colourOf(line),
    array: line.y.map((y, i) => line.high[i] - y), arrayminus: line.y.map((y, i) => y - line.low[i]) };
  return trace;
};

const tracesOf = (plot) => {
  const shown = plot.series.filter((line) => !hiddenOf(plot).has(line.name));
  const bands = shown.filter((line) => line.low && line.x.length).length <= BANDS;
  // faint lines first: they lie below the others
  const order = [...shown.filter((line) => line.faint), ...shown.filter((line) => !line.faint)];
  return [...(bands ? shown.filter((line) => line.low).map(bandOf) : []),
          ...order.map((line) => traceOf(plot, line, bands))];
};

const SYMBOLS = { circle: "●", square: "■", diamond: "◆", "triangle-up": "▲", cross: "✚" };
const legendOf = (parent, plot) => {
  const had = [...parent.children].indexOf(document.activeElement);
  parent.replaceChildren();
  const hidden = hiddenOf(plot);
  const named = plot.series.filter((line) => !line.faint);
  const entries = plot.series.some((line) => line.faint)
    ? [...named, { ...plot.series.find((line) => line.faint), name: "further seeds" }] : named;
  for (const line of entries) {
    const entry = make(parent, plot.pick ? "button" : "span", "i-key" + (hidden.has(line.name) ? " off" : ""));
    const swatch = make(entry, "i", "i-swatch" + (line.faint ? " faint" : ""));
    swatch.style.borderTop = `2px ${line.dash === "dot" ? "dotted" : line.dash ? "dashed" : "solid"} ${colourOf(line)}`;
    if (line.symbol) make(entry, "i", "i-symbol", SYMBOLS[line.symbol]).style.color = colourOf(line);
    make(entry, "span", "", line.name);
    if (!plot.pick) continue;
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!hidden.has(line.name)));
    entry.title = "Click hides or shows it, double click (or Shift and Enter) shows it alone";
    const alone = () => {
      const others = plot.series.map((each) => each.name).filter((name) => name !== line.name);
      const already = hidden.size === others.length && !hidden.has(line.name);
      hidden.clear();
      if (!already) others.forEach((name) => hidden.add(name));
      draw();
    };
    entry.addEventListener("click", (event) => {
      if (event.shiftKey) return alone();
      if (event.detail > 1) return; // the second click of a double one
      hidden.has(line.name) ? hidden.delete(line.name) : hidden.add(line.name);
      draw();
    });
    entry.addEventListener("dblclick", alone);
  }
  if (had >= 0) parent.children[had]?.focus();
};

const draw = () => {
  const plots = props.value?.plots ?? [];
  while (nodes.length > plots.length) {
    const gone = nodes.pop();
    window.Plotly?.purge(gone.plot);
    gone.figure.remove();
  }
  plots.forEach((plot, i) => {
    if (!nodes[i]) {
      const figure = make(root, "figure", "i-curve");
      const title = make(figure, "figcaption", "i-curve-title");
      const legend = make(figure, "div", "i-legend-line");
      const node = make(figure, "div", "i-curve-plot");
      const note = make(figure, "p", "i-soft i-curve-note");
      node.setAttribute("role", "img");
      nodes[i] = { figure, title, legend, plot: node, note };
      const now = () => props.value.plots[i];
      takeAway(figure, node, () => now().key, () => rowsOfLines(now().x, now().series));
      nodes[i].place = cursorOn(figure, node, () => props.value?.plots?.[i]);
      onSize(node, () => node._fullLayout && window.Plotly.Plots.resize(node).then(nodes[i].place));
    }
    nodes[i].title.textContent = plot.title;
    nodes[i].note.textContent = plot.note ?? "";
    nodes[i].figure.classList.toggle("tall", Boolean(plot.tall));
    nodes[i].plot.setAttribute("aria-label", plot.title);
    legendOf(nodes[i].legend, plot);
    if (!plot.series.some((line) => line.x.length)) {
      window.Plotly.purge(nodes[i].plot);
      nodes[i].plot.classList.add("waiting");
      nodes[i].plot.textContent = plot.empty;
      nodes[i].place();
      return;
    }
    if (nodes[i].plot.classList.contains("waiting")) {
      nodes[i].plot.classList.remove("waiting");
      nodes[i].plot.textContent = "";
    }
    window.Plotly.react(nodes[i].plot, tracesOf(plot), layoutOf(plot),
                        { displayModeBar: false, responsive: false });
    nodes[i].plot.classList.toggle("i-has-cursor", Boolean(plot.cursor));
    nodes[i].place();
  });
};
watch("value", draw);
onTheme(draw);
draw();
