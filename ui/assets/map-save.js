// The map: as a picture of twice its size, or as a drawing. Points of a large map are a picture within the drawing.
const MOST_DRAWN = 20000;

const paleness = () => (canvas.classList.contains("faded") ? 0.4 : 1); // as the style sheet has it
const drawPoints = (parent) => {
  const three = table(), m = matrix(), sizes = sizesNow();
  const names = new Array(256).fill(0).map((_, i) => `rgb(${[0, 1, 2].map((k) => three[3 * i + k]).join()})`);
  for (const row of order()) {
    const [x, y] = project(m, position(row)), side = row < geo.images ? 0 : 1, half = sizes[side] / 2;
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
    const opacity = chosen ? (mask[row] ? 1 : 0.1) : side ? 0.72 : 0.92;
    const attributes = { fill: names[codeOf(row)], "fill-opacity": opacity };
    const [u, v] = [x.toFixed(1), y.toFixed(1)];
    if (side) drawn(parent, "path", { ...attributes, d: `M${u} ${(y - half).toFixed(1)}l${half} ${half}l${-half} ${half}l${-half} ${-half}Z` });
    else drawn(parent, "circle", { ...attributes, cx: u, cy: v, r: half });
  }
};
const drawWords = (parent) => {
  if (!paint) return;
  const line = (y, text, options = {}) => drawn(parent, "text", { x: 28, y, fill: css("text"), "font-size": 12, ...options }, text);
  line(22, paint.title, { x: 14, "font-weight": 600 });
  if (!paint.labels.length) { line(40, `${paint.low_text} (pale) to ${paint.high_text} (strong)`, { x: 14 }); return; }
  paint.labels.forEach((label, code) => {
    if (hidden.has(code)) return;
    const name = paint.names[code];
    drawn(parent, "circle", { cx: 19, cy: 36 + 17 * code, r: 5, fill: name.startsWith("#") ? name : css(name) });
    line(40 + 17 * code, label);
  });
};
// what the style sheet says of lines and words is written beside each, for nobody else reads it
const COPIED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-size", "font-weight", "paint-order", "text-anchor", "display", "stroke-linejoin"];
const overlaid = () => {
  const copy = over.cloneNode(true);
  const now = over.querySelectorAll("*"), then = copy.querySelectorAll("*");
  now.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const name of COPIED) if (style.getPropertyValue(name)) then[i].setAttribute(name, style.getPropertyValue(name));
  });
  return [...copy.childNodes];
};

const figure = (points) => {
  const svg = document.createElementNS(SPACE, "svg");
  for (const [name, value] of Object.entries({ xmlns: SPACE, width, height, viewBox: `0 0 ${width} ${height}`,
    "font-family": "IBM Plex Sans, Helvetica, Arial, sans-serif" })) svg.setAttribute(name, value);
  drawn(svg, "title", {}, geo.file);
  if (points !== "above") drawn(svg, "rect", { width, height, fill: css("surface") });
  if (points === "drawn") drawPoints(drawn(svg, "g", { opacity: paleness() }));
  else if (points !== "above") drawn(svg, "image", { width, height, href: points, opacity: paleness() });
  svg.append(...overlaid());
  drawWords(drawn(svg, "g"));
  return new XMLSerializer().serializeToString(svg);
};

/** The points alone, drawn anew at a ratio; what the canvas holds is gone once the browser has shown it. */
const pictured = (ratio, use) => {
  painter.size(width, height, ratio);
  painter.draw(look(ratio));
  const result = use(canvas);
  painter.size(width, height, ratioNow());
  painter.draw(look(ratioNow()));
  return result;
};
const save = async (kind) => {
  if (kind === "svg") {
    const drawing = geo.n <= MOST_DRAWN;
    if (!drawing) remark(`Above ${MOST_DRAWN.toLocaleString("en")} points the SVG holds them as a picture; lines and words are drawn.`);
    const text = figure(drawing ? "drawn" : pictured(2, (from) => from.toDataURL()));
    handOver(new Blob([text], { type: "image/svg+xml" }), `${geo.file}.svg`);
    return;
  }
  const page = document.createElement("canvas"), pen = page.getContext("2d");
  page.width = 2 * width;
  page.height = 2 * height;
  pen.fillStyle = css("surface");
  pen.fillRect(0, 0, page.width, page.height);
  pen.globalAlpha = paleness();
  pictured(2, (from) => pen.drawImage(from, 0, 0, page.width, page.height));
  pen.globalAlpha = 1;
  const above = new Image();
  above.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(figure("above"));
  await above.decode();
  pen.drawImage(above, 0, 0, page.width, page.height);
  page.toBlob((blob) => handOver(blob, `${geo.file}.png`), "image/png");
};
const remark = (text) => {
  word.textContent = text;
  word.hidden = false;
  clearTimeout(remark.timer);
  remark.timer = setTimeout(() => geo && drawBar(), 8000);
};
