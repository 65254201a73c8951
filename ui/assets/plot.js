// Shared by map and curves: colours of the theme, when to draw, and what is taken away.
const css = (name) => getComputedStyle(document.body).getPropertyValue("--i-" + name).trim();
const make = (parent, kind, className, text) => {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
};
const onTheme = (redraw) => {
  let dark = document.body.classList.contains("dark");
  const observer = new MutationObserver(() => {
    const now = document.body.classList.contains("dark");
    if (now !== dark) { dark = now; redraw(); }
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  return observer;
};
const onSize = (node, redraw) => {
  let width = 0;
  new ResizeObserver(() => {
    if (node.clientWidth && node.clientWidth !== width) { width = node.clientWidth; redraw(); }
  }).observe(node);
};
const handOver = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
// a cell that a spreadsheet would take for a formula is a text
const cellOf = (value) => {
  const text = String(value ?? "");
  return typeof value === "number" ? text : `"${(/^[=+@-]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
};
/* PNG of a plot and the numbers in it as CSV. nameOf: of the file, with the run's id; rowsOf: the header, then rows. */
const takeAway = (figure, plot, nameOf, rowsOf) => {
  const place = make(figure, "div", "i-save");
  const fileOf = () => nameOf().replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "");
  const offer = (label, what, act) => {
    const button = make(place, "button", "i-button quiet", label);
    button.type = "button";
    button.title = what;
    button.addEventListener("click", () => plot._fullLayout && act());
  };
  offer("PNG", "This plot as a picture", () => window.Plotly.downloadImage(
    { data: plot.data, layout: { ...plot.layout, paper_bgcolor: css("surface") } },
    { format: "png", scale: 2, width: plot.clientWidth, height: plot.clientHeight, filename: fileOf() }));
  offer("CSV", "The numbers in this plot", () => {
    const text = rowsOf().map((row) => row.map(cellOf).join(",")).join("\r\n");
    handOver(new Blob([text + "\r\n"], { type: "text/csv" }), fileOf() + ".csv");
  });
};
/* The rows of lines: a point each, with its interval where it has one. */
const rowsOfLines = (x, lines) => [
  ["series", x, "value", "low", "high"],
  ...lines.flatMap((line) => line.y.map((y, i) => [line.name, line.x[i], y, line.low?.[i], line.high?.[i]])),
];
