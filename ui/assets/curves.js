const root = element.querySelector(".i-curves");
const nodes = [];

const layoutOf = (plot) => ({
  height: 250, margin: { l: 48, r: 12, t: 8, b: 36 }, uirevision: plot.key,
  paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
  font: { family: "IBM Plex Sans, sans-serif", size: 12, color: css("soft") },
  showlegend: false, hovermode: "x unified",
  hoverlabel: { bgcolor: css("surface"), bordercolor: css("line-strong"),
                font: { color: css("text"), size: 12 } },
  xaxis: { title: { text: plot.x, standoff: 6 }, gridcolor: css("line"), zeroline: false,
           linecolor: css("line-strong"), rangemode: "tozero" },
  yaxis: { gridcolor: css("line"), zeroline: false, tickformat: plot.percent ? ".0%" : "",
           rangemode: plot.percent ? "tozero" : "normal", automargin: true },
  shapes: (plot.marks || []).map((mark) => ({
    type: "line", x0: mark.x, x1: mark.x, yref: "paper", y0: 0, y1: 1,
    line: { color: css(mark.colour), width: 1, dash: "dot" } })),
});

const tracesOf = (plot) => plot.series.map((line) => ({
  type: "scatter", mode: line.x.length > 40 ? "lines" : "lines+markers", name: line.name,
  x: line.x, y: line.y, line: { color: colourOf(line), width: 2, dash: line.dash || "solid" },
  marker: { size: 5, color: colourOf(line) },
  hovertemplate: plot.percent ? "%{y:.1%}" : "%{y:.4g}",
}));
const colourOf = (line) => (line.colour.startsWith("#") ? line.colour : css(line.colour));

const legendOf = (parent, plot) => {
  parent.replaceChildren();
  for (const line of plot.series) {
    const entry = make(parent, "span", "i-key");
    const swatch = make(entry, "i", "i-swatch");
    swatch.style.borderTop = `2px ${line.dash === "dot" ? "dotted" : line.dash ? "dashed" : "solid"} ${colourOf(line)}`;
    make(entry, "span", "", line.name);
  }
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
      node.setAttribute("role", "img");
      nodes[i] = { figure, title, legend, plot: node };
      onSize(node, () => node._fullLayout && window.Plotly.Plots.resize(node));
    }
    nodes[i].title.textContent = plot.title;
    nodes[i].plot.setAttribute("aria-label", plot.title);
    legendOf(nodes[i].legend, plot);
    if (!plot.series.some((line) => line.x.length)) {
      window.Plotly.purge(nodes[i].plot);
      nodes[i].plot.classList.add("waiting");
      nodes[i].plot.textContent = plot.empty;
      return;
    }
    if (nodes[i].plot.classList.contains("waiting")) {
      nodes[i].plot.classList.remove("waiting");
      nodes[i].plot.textContent = "";
    }
    window.Plotly.react(nodes[i].plot, tracesOf(plot), layoutOf(plot),
                        { displayModeBar: false, responsive: false });
  });
};
watch("value", draw);
onTheme(draw);
draw();
