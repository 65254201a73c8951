// The map: choosing points with a lasso or a box. Shift adds, alt takes away.
const band = drawn(layers.band, "path", {});

const inside = (x, y, polygon) => {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const above = polygon[i + 1] > y;
    if (above !== polygon[j + 1] > y &&
        x < ((polygon[j] - polygon[i]) * (y - polygon[i + 1])) / (polygon[j + 1] - polygon[i + 1]) + polygon[i]) odd = !odd;
  }
  return odd;
};

/** Rows shown within a polygon of pixels. */
const within = (pixels) => {
  const found = new Uint8Array(geo.n), xy = positions();
  const polygon = new Float64Array(pixels.flatMap(([px, py]) => unproject(px, py)));
  const [across, up] = boxOf(polygon, 2);
  for (let row = 0; row < geo.n; row++) {
    const x = xy[2 * row], y = xy[2 * row + 1];
    if (x < across[0] || x > across[1] || y < up[0] || y > up[1] || !isShown(row)) continue;
    if (inside(x, y, polygon)) found[row] = 1;
  }
  return found;
};

const drawBand = (pixels, kind) => {
  band.setAttribute("class", kind);
  band.setAttribute("d", pixels.length > 1 ? `M${pixels.map((p) => p.map((v) => v.toFixed(1)).join()).join("L")}Z` : "");
};

const take = (found) => {
  mask = found;
  chosen = count(found);
  painter.mark(mask);
  putRows();
  drawBar();
  redraw();
};
/** What a person has chosen: told to the page and to the maps of the group. */
const choose = (found, how) => {
  take(found);
  say("chosen", { mask: found });
  const rows = chosen ? bitsOf(found) : "";
  sent.push(rows);
  trigger("lasso", { rows, count: chosen, how });
};

const finish = (pixels, how) => {
  drawBand([], "");
  const found = within(pixels);
  if (how !== "new") for (let i = 0; i < geo.n; i++) found[i] = how === "add" ? found[i] | mask[i] : mask[i] & (1 - found[i]);
  choose(found, how);
};
