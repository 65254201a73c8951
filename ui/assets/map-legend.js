// The map: what its colours mean; an entry hides its points, or shows them alone.
const legend = make(root, "div", "i-map-legend");

const tally = () => {
  const counts = new Uint32Array(256);
  for (let row = 0; row < geo.n; row++) counts[codeOf(row)]++;
  return counts;
};
const hide = (codes) => {
  hidden = new Set(codes);
  putRows();
  leave(true);
  redraw();
  for (const [code, entry] of [...legend.querySelectorAll(".i-map-key")].entries()) {
    entry.classList.toggle("off", hidden.has(code));
    entry.setAttribute("aria-pressed", String(!hidden.has(code)));
  }
};
const toggle = (code) => hide(hidden.has(code) ? [...hidden].filter((other) => other !== code) : [...hidden, code]);
const solo = (code) => {
  const all = paint.labels.map((_, i) => i), alone = hidden.size === all.length - 1 && !hidden.has(code);
  hide(alone ? [] : all.filter((other) => other !== code));
};

const drawLegend = () => {
  legend.replaceChildren();
  if (!geo || !paint) return;
  const fold = make(legend, "details", "");
  fold.open = width > 480;
  make(fold, "summary", "", paint.title);
  if (!paint.labels.length) {
    const bar = make(fold, "div", "i-map-scale");
    make(bar, "span", "", paint.low_text);
    make(bar, "i");
    make(bar, "span", "", paint.high_text);
    if (paint.note) make(fold, "small", "i-soft", paint.note);
    return;
  }
  const counts = tally();
  paint.labels.forEach((label, code) => {
    const entry = make(fold, "button", "i-map-key" + (hidden.has(code) ? " off" : ""));
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!hidden.has(code)));
    entry.title = "Click or Enter hides or shows it; double click or Shift+Enter shows it alone";
    const name = paint.names[code];
    make(entry, "i", paint.shapes ? `shape-${code}` : "").style.background = name.startsWith("#") ? name : css(name);
    make(entry, "span", "", label);
    make(entry, "small", "", counts[code].toLocaleString("en"));
    entry.addEventListener("click", (event) => (event.shiftKey ? solo(code) : toggle(code)));
    entry.addEventListener("dblclick", () => solo(code));
  });
};
