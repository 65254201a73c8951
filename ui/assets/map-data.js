// The map, first part: what the server sent, as arrays. Points are addressed by their row.
// The parts are joined into one function (ui/components.py), so each sees the names of the others.
const root = element.querySelector(".i-map");

let geo = null;               // { key, run, n, images, dims, xy, points, frames, box, file, things }
let paint = null;             // { title, labels, names, codes, low, high }
let hidden = new Set();       // codes that the legend has switched off
let mask = new Uint8Array(0); // 1 where a point is chosen
let chosen = 0;
let at = 0;                   // where among the stops of its frames the map is, fractions between two

const bytesOf = (base64) => {
  const raw = atob(base64 || "");
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};
const floats = (base64) => new Float32Array(bytesOf(base64).buffer);
const maskOf = (base64, n) => {
  const bits = bytesOf(base64), found = new Uint8Array(n);
  for (let i = 0; i < n; i++) found[i] = (bits[i >> 3] >> (i & 7)) & 1;
  return found;
};
const bitsOf = (found) => {
  const bits = new Uint8Array((found.length + 7) >> 3);
  for (let i = 0; i < found.length; i++) if (found[i]) bits[i >> 3] |= 1 << (i & 7);
  let text = "";
  for (let i = 0; i < bits.length; i += 8192) text += String.fromCharCode(...bits.subarray(i, i + 8192));
  return btoa(text);
};
const count = (found) => found.reduce((sum, one) => sum + one, 0);

// the gallery's number of each row; none are sent where the map shows them all
const pointsOf = (value) => {
  if (!value.points) return null;
  const bits = maskOf(value.points, value.total), points = new Int32Array(value.n);
  for (let point = 0, row = 0; point < value.total; point++) if (bits[point]) points[row++] = point;
  return points;
};
const pointOf = (row) => (geo.points ? geo.points[row] : row);

const boxOf = (xy, dims) => {
  const box = Array.from({ length: dims }, () => [Infinity, -Infinity]);
  for (let i = 0; i < xy.length; i++) {
    const side = box[i % dims], value = xy[i];
    if (value < side[0]) side[0] = value;
    if (value > side[1]) side[1] = value;
  }
  return box.map(([low, high]) => (low <= high ? [low, high] : [-1, 1]));
};

/** Takes over the geometry if it is another one; whether it was. */
const read = () => {
  const value = props.value;
  if (!value || geo?.key === value.key) {
    const gone = !value && geo !== null;
    if (gone) geo = null;
    return gone;
  }
  const { key, run, n, images, total = n, file = "map" } = value, dims = value.dims ?? 2;
  const frames = value.frames && { ...value.frames, xy: floats(value.frames.xy) };
  const xy = frames ? frames.xy.slice(0, 2 * n) : floats(value.xy);
  geo = { key, run, n, images, dims, xy, frames, total, file, points: pointsOf(value), stale: false,
          box: boxOf(frames ? frames.xy : xy, dims), things: value.things ?? ["images", "captions"] };
  mask = new Uint8Array(n);
  chosen = 0;
  at = frames ? Math.min(frames.stops.length - 1, Math.max(0, Number(props.frame) || 0)) : 0;
  geo.stale = at > 0;
  return true;
};

const readColours = () => {
  const next = props.colouring;
  if (!geo || !next || next.key !== geo.key) { paint = null; return; }
  if (paint && paint.title !== next.title) hidden.clear();
  paint = { ...next, names: next.colours, codes: bytesOf(next.values) };
};

/** The two stops that the map is between, and how far it is from the first to the second. */
const between = () => {
  const last = geo.frames.stops.length - 1, from = Math.min(last, Math.floor(at));
  return [from, Math.min(last, from + 1), at - from];
};
const position = (row) => {
  const { dims, xy, frames, n } = geo;
  if (!frames) return [xy[dims * row], xy[dims * row + 1], dims === 3 ? xy[3 * row + 2] : 0];
  const [from, to, share] = between(), a = 2 * (n * from + row), b = 2 * (n * to + row);
  return [0, 1].map((i) => frames.xy[a + i] + share * (frames.xy[b + i] - frames.xy[a + i])).concat(0);
};
/** All coordinates as they are now; of a map that moved, worked out only when somebody asks. */
const positions = () => {
  if (geo.stale) {
    const [from, to, share] = between(), { xy, n, frames } = geo, a = 2 * n * from, b = 2 * n * to;
    for (let i = 0; i < 2 * n; i++) xy[i] = frames.xy[a + i] + share * (frames.xy[b + i] - frames.xy[a + i]);
    geo.stale = false;
    geo.grid = null;
  }
  return geo.xy;
};

const codeOf = (row) => (paint ? paint.codes[row] : row < geo.images ? 0 : 1);
const isShown = (row) => !(paint?.labels.length && hidden.has(paint.codes[row]));

/** Rows in the order they are drawn: captions, images, numbers from low to high; the chosen last. */
const order = () => {
  const { n, images } = geo, numbers = paint && !paint.labels.length;
  const places = new Uint32Array(1026), keys = new Uint16Array(n);
  let shown = 0;
  for (let row = 0; row < n; row++) {
    if (!isShown(row)) { keys[row] = 1024; continue; }
    const level = numbers ? (paint.codes[row] === 255 ? 0 : paint.codes[row] + 1) : row < images ? 1 : 0;
    keys[row] = level + 512 * mask[row];
    places[keys[row] + 1]++;
    shown++;
  }
  for (let i = 1; i < 1025; i++) places[i] += places[i - 1];
  const rows = new Uint32Array(shown);
  for (let row = 0; row < n; row++) if (keys[row] < 1024) rows[places[keys[row]]++] = row;
  return rows;
};

/** The colours as 256 x RGB, in the theme's own where a name says so. */
const table = () => {
  const rgb = (name) => {
    const hex = name.startsWith("#") ? name : css(name);
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  };
  const colours = new Uint8Array(256 * 3), put = (i, colour) => colours.set(colour, 3 * i);
  if (paint && !paint.labels.length) {
    const low = rgb("scale-low"), high = rgb("scale-high");
    for (let i = 0; i < 255; i++) put(i, low.map((value, k) => value + (i / 254) * (high[k] - value)));
    put(255, rgb("line-strong"));
  } else (paint ? paint.names : ["image", "caption"]).forEach((name, i) => put(i, rgb(name)));
  return colours;
};
