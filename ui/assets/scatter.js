// Named points: one number of each against another. All pairs of numbers are here, so a choice asks the
// server for nothing and stays when the numbers change.
const root = element.querySelector(".i-scatter");
let parts = null, drawn = "";
const chosen = {};
const plain = (text) => text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`);

const choiceOf = (parent, kind, legend) => {
  const set = make(parent, "fieldset", "i-scatter-choice");
  make(set, "legend", "", legend);
  const place = make(set, "div", "i-checks");
  return { kind, place };
};

const offer = ({ kind, place }, options) => {
  const had = document.activeElement?.value, focused = place.contains(document.activeElement);
  if (!options.some((option) => option.id === chosen[kind])) chosen[kind] = options[0].id;
  place.replaceChildren();
  for (const option of options) {
    const label = make(place, "label", "i-check-item");
    const input = make(label, "input", "");
    Object.assign(input, { type: "radio", name: `${element.id}-${kind}`, value: option.id, checked: option.id === chosen[kind] });
    make(label, "span", "", option.label);
    input.addEventListener("change", () => { chosen[kind] = option.id; show(); });
    if (focused && had === option.id) input.focus();
  }
};

const build = () => {
  const figure = make(root, "figure", "i-curve tall");
  make(figure, "figcaption", "i-curve-title");
  const about = make(figure, "p", "i-soft i-curve-note");
  const top = make(figure, "div", "i-scatter-top");
  const measure = choiceOf(top, "measure", "Across: what is known before");
  const way = choiceOf(top, "way", "Up: the alignment probe");
  const plot = make(figure, "div", "i-curve-plot");
  const said = make(figure, "p", "i-scatter-said");
  const note = make(figure, "p", "i-soft i-curve-note");
  said.setAttribute("aria-live", "polite");
  plot.setAttribute("role", "img");
  onSize(plot, () => { if (plot._fullLayout) show(); });
  takeAway(figure, plot, () => `${props.value.key} ${chosen.way} by ${chosen.measure}`, () => [
    ["name", ...[chosen.measure, chosen.way].flatMap((id) => [id, `${id} low`, `${id} high`])],
    ...props.value.points.filter((point) => point.of[chosen.measure]).map((point) =>
      [point.name, ...[chosen.measure, chosen.way].flatMap((id) => [0, 1, 2].map((at) => point.of[id][at]))]),
  ]);
  return { title: figure.firstChild, about, measure, way, plot, said, note };
};

const barsOf = (numbers, colour) => numbers.some((each) => each.length > 1) && ({
  type: "data", symmetric: false, thickness: 1.2, width: 3, color: colour,
  array: numbers.map(([value, , high = value]) => high - value),
  arrayminus: numbers.map(([value, low = value]) => value - low),
});

const spanOf = (numbers) => {
  const ends = numbers.flat(), low = Math.min(...ends), high = Math.max(...ends);
  const room = Math.max(0.09 * (high - low), 0.01);
  return [low - room, high + room];
};

// a name goes where it covers no other name, no point and no bar, if there is such a place
const PLACES = [["top center", 0, -1], ["bottom center", 0, 1], ["middle right", 1, 0], ["middle left", -1, 0],
                ["top right", 1, -1], ["top left", -1, -1], ["bottom right", 1, 1], ["bottom left", -1, 1]];
const placesOf = (names, across, up, spanX, spanY) => {
  const width = Math.max(120, parts.plot.clientWidth - 76), height = Math.max(120, parts.plot.clientHeight - 62);
  const left = (value) => width * (value - spanX[0]) / (spanX[1] - spanX[0]);
  const top = (value) => height * (1 - (value - spanY[0]) / (spanY[1] - spanY[0]));
  const at = names.map((_, i) => [left(across[i][0]), top(up[i][0])]);
  const boxes = at.flatMap(([x, y], i) => {
    const [, low = across[i][0], high = across[i][0]] = across[i], [, least = up[i][0], most = up[i][0]] = up[i];
    return [[x - 7, y - 7, x + 7, y + 7], [left(low), y - 3, left(high), y + 3], [x - 3, top(most), x + 3, top(least)]];
  });
  return names.map((name, i) => {
    const w = 6.6 * name.length, [x, y] = at[i];
    const boxed = PLACES.map(([place, right, down]) => {
      const from = right > 0 ? x + 9 : right < 0 ? x - 9 - w : x - w / 2;
      const under = down > 0 ? y + 8 : down < 0 ? y - 24 : y - 8;
      const box = [from, under, from + w, under + 16];
      const out = Math.max(0, -box[0]) + Math.max(0, box[2] - width) + Math.max(0, -box[1]) + Math.max(0, box[3] - height);
      const over = boxes.reduce((sum, other) => sum +
        Math.max(0, Math.min(box[2], other[2]) - Math.max(box[0], other[0])) *
        Math.max(0, Math.min(box[3], other[3]) - Math.max(box[1], other[1])), 0);
      return { place, box, cost: over + 20 * out };
    });
    const best = boxed.reduce((one, other) => (other.cost < one.cost - 1e-6 ? other : one));
    boxes.push(best.box);
    return best.place;
  });
};

const axisOf = (title, percent, range) => ({
  title: { text: title, standoff: 8 }, tickformat: percent ? ".0%" : ".2f", range, fixedrange: true, gridcolor: css("line"),
  zeroline: false, linecolor: css("line-strong"), nticks: 7,
});

const lineOf = (axis, value) => value === undefined ? [] : [{
  type: "line", line: { color: css("soft"), width: 1.2, dash: "dash" }, layer: "below",
  ...(axis === "x" ? { x0: value, x1: value, yref: "paper", y0: 0, y1: 1 } : { y0: value, y1: value, xref: "paper", x0: 0, x1: 1 }),
}];

const show = () => {
  const now = props.value;
  const measure = now.measures.find((each) => each.id === chosen.measure);
  const way = now.ways.find((each) => each.id === chosen.way);
  const points = now.points.filter((point) => point.of[measure.id]);
  const across = points.map((point) => point.of[measure.id]), up = points.map((point) => point.of[way.id]);
  const names = points.map((point) => point.name), xs = across.map((each) => each[0]), ys = up.map((each) => each[0]);
  const spanX = points.length ? spanOf(across) : [0, 1], spanY = points.length ? spanOf(up) : [0, 1];
  const told = ([value, low, high], percent) => {
    const one = (number) => (percent ? `${(100 * number).toFixed(1)} %` : number.toFixed(3));
    return low === undefined ? one(value) : `${one(value)} (${one(low)} to ${one(high)})`;
  };
  const trace = {
    type: "scatter", mode: "markers+text", x: xs, y: ys, text: names.map(plain), textposition: placesOf(names, across, up, spanX, spanY),
    textfont: { size: 12, color: css("text") }, marker: { size: 10, color: css("accent") }, cliponaxis: false,
    customdata: points.map((_, i) => [told(across[i], measure.percent), told(up[i], true)]),
    hovertemplate: "<b>%{text}</b><br>%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    error_x: barsOf(across, css("soft")) || undefined, error_y: barsOf(up, css("soft")) || undefined,
  };
  parts.said.textContent = now.words[`${measure.id}/${way.id}`];
  parts.plot.setAttribute("aria-label", `${way.label} by ${measure.label}: ` + points.map((point, i) =>
    `${point.name} ${told(across[i], measure.percent)}, ${told(up[i], true)}`).join("; "));
  window.Plotly.react(parts.plot, [trace], {
    autosize: true, margin: { l: 62, r: 14, t: 14, b: 48 }, showlegend: false, dragmode: false, hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "IBM Plex Sans, sans-serif", size: 12, color: css("soft") },
    hoverlabel: { bgcolor: css("surface"), bordercolor: css("line-strong"), align: "left", font: { color: css("text"), size: 12 } },
    xaxis: axisOf(measure.label, measure.percent, spanX), yaxis: axisOf(way.label, true, spanY),
    shapes: [...lineOf("x", now.chance[measure.id]), ...lineOf("y", now.chance[way.id])],
  }, { displayModeBar: false, responsive: false });
};

const draw = () => {
  const now = props.value;
  if (!now?.points?.length) return;
  parts ??= build();
  parts.title.textContent = now.title;
  parts.about.textContent = now.about;
  parts.note.textContent = now.note;
  offer(parts.measure, now.measures);
  offer(parts.way, now.ways);
  show();
};
// the same numbers come again whenever anything about any run changes
watch("value", () => {
  const next = JSON.stringify(props.value ?? null);
  if (next !== drawn) { drawn = next; draw(); }
});
onTheme(() => parts && show());
drawn = JSON.stringify(props.value ?? null);
draw();
