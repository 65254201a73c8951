// Heat maps; redrawn in place. What was chosen is outlined, where anything was.
const root = element.querySelector(".i-heats");
const nodes = [];
const escaped = (text) => text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`).replaceAll("\n", "<br>");
const ticksOf = (names) => {
  const every = Math.ceil(names.length / 26);
  const rows = names.map((_, i) => i).filter((i) => i % every === 0);
  return { tickvals: rows, ticktext: rows.map((i) => escaped(names[i])), tickmode: "array" };
};
const outlineOf = ([row, column]) => ({
  type: "rect", x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5,
  line: { color: css("caption"), width: 3 },
});
const layoutOf = (map) => {
  const axis = { showgrid: false, zeroline: false, fixedrange: true, automargin: true, ticks: "" };
  const height = Math.min(560, Math.max(210, 110 + 24 * map.rows.length));
  return {
    height, margin: { l: 20, r: 10, t: 8, b: 20 }, uirevision: map.key,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false,
    font: { family: "IBM Plex Sans, sans-serif", size: 12, color: css("soft") },
    hoverlabel: { bgcolor: css("surface"), bordercolor: css("line-strong"), align: "left",
                  font: { color: css("text"), size: 12 } },
    xaxis: { ...axis, ...ticksOf(map.columns), title: { text: escaped(map.axes[1]), standoff: 8 } },
    yaxis: { ...axis, ...ticksOf(map.rows), title: { text: escaped(map.axes[0]), standoff: 8 } },
    shapes: map.chosen ? [outlineOf(map.chosen)] : [],
  };
};
const traceOf = (map) => ({
  type: "heatmap", z: map.values, text: map.tips.map((row) => row.map(escaped)),
  hovertemplate: "%{text}<extra></extra>", xgap: 1, ygap: 1,
  colorscale: [[0, css("scale-low")], [1, css("scale-high")]],
  colorbar: { thickness: 10, outlinewidth: 0, len: 0.9, tickfont: { size: 11 } },
});
const draw = () => {
  const maps = props.value?.maps ?? [];
  while (nodes.length > maps.length) {
    const gone = nodes.pop();
    window.Plotly?.purge(gone.plot);
    gone.figure.remove();
  }
  maps.forEach((map, i) => {
    if (!nodes[i]) {
      const figure = make(root, "figure", "i-curve");
      const title = make(figure, "figcaption", "i-curve-title");
      const plot = make(figure, "div", "i-heat-plot");
      const words = make(figure, "p", "i-soft i-heat-words");
      plot.setAttribute("role", "img");
      nodes[i] = { figure, title, plot, words };
      const now = () => props.value.maps[i];
      takeAway(figure, plot, () => now().key, () => [
        [...now().axes, "value"],
        ...now().rows.flatMap((row, r) => now().columns.map((column, c) => [row, column, now().values[r][c]])),
      ]);
      onSize(plot, () => plot._fullLayout && window.Plotly.Plots.resize(plot));
    }
    nodes[i].title.textContent = map.title;
    nodes[i].words.textContent = map.words;
    nodes[i].plot.setAttribute("aria-label", `${map.title}. ${map.words}`);
    window.Plotly.react(nodes[i].plot, [traceOf(map)], layoutOf(map),
                        { displayModeBar: false, responsive: false });
  });
};
watch("value", draw);
onTheme(draw);
draw();
