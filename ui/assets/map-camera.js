// The map: where it is looked at from, and which point lies under a pixel.
const camera = { cx: 0, cy: 0, scale: 1, fitted: true, yaw: 0.6, pitch: 0.35, zoom: 1, right: 0, up: 0 };
const FAR = 3.2;  // of a map in space: how far the eye is from its middle, in radii
const NEAR = 2.8; // and how much it sees of it
const PADDING = 26;
let width = 0, height = 0;

const middle = () => geo.box.map(([low, high]) => (low + high) / 2);
const radius = () => Math.hypot(...geo.box.map(([low, high]) => (high - low) / 2)) || 1;
const fitting = () => {
  const [across, up] = geo.box.map(([low, high]) => Math.max(high - low, 1e-9));
  return Math.min(Math.max(width - 2 * PADDING, 40) / across, Math.max(height - 2 * PADDING, 40) / up);
};
const fit = () => {
  [camera.cx, camera.cy] = middle();
  Object.assign(camera, { scale: fitting(), fitted: true, yaw: 0.6, pitch: 0.35, zoom: 1, right: 0, up: 0 });
};

/** Column-major 4 x 4, from coordinates to WebGL's clip space. */
const matrix = () => {
  if (geo.dims === 2) {
    const kx = (2 * camera.scale) / width, ky = (2 * camera.scale) / height;
    return new Float32Array([kx, 0, 0, 0, 0, ky, 0, 0, 0, 0, 0, 0, -camera.cx * kx, -camera.cy * ky, 0, 1]);
  }
  const [sy, cy, sp, cp] = [Math.sin(camera.yaw), Math.cos(camera.yaw), Math.sin(camera.pitch), Math.cos(camera.pitch)];
  const rows = [[cy, 0, -sy], [-sp * sy, cp, -sp * cy], [cp * sy, sp, cp * cy]].map((row) => row.map((v) => v / radius()));
  const off = rows.map((row) => -row.reduce((sum, v, i) => sum + v * middle()[i], 0));
  const near = NEAR * camera.zoom, least = Math.min(width, height), fx = near * least / width, fy = near * least / height;
  const m = new Float32Array(16);
  for (let i = 0; i < 4; i++) {
    const [x, y, z] = i < 3 ? rows.map((row) => row[i]) : off, one = i < 3 ? 0 : 1;
    m.set([fx * (x + one * camera.right), fy * (y + one * camera.up), -z * 0.5, FAR * one - z], 4 * i);
  }
  return m;
};

const project = (m, [x, y, z]) => {
  const w = m[3] * x + m[7] * y + m[11] * z + m[15];
  return [width * (1 + (m[0] * x + m[4] * y + m[8] * z + m[12]) / w) / 2,
          height * (1 - (m[1] * x + m[5] * y + m[9] * z + m[13]) / w) / 2];
};
/** Where a pixel lies on a flat map. */
const unproject = (px, py) => [camera.cx + (px - width / 2) / camera.scale, camera.cy - (py - height / 2) / camera.scale];

const panBy = (dx, dy) => {
  camera.fitted = false;
  if (geo.dims === 2) { camera.cx -= dx / camera.scale; camera.cy += dy / camera.scale; return; }
  const one = NEAR * camera.zoom * Math.min(width, height) / (2 * FAR);
  camera.right += dx / one;
  camera.up -= dy / one;
};
const turnBy = (dx, dy) => {
  camera.fitted = false;
  camera.yaw += dx * 0.008;
  camera.pitch = Math.max(-1.5, Math.min(1.5, camera.pitch + dy * 0.008));
};
const zoomBy = (factor, px = width / 2, py = height / 2) => {
  camera.fitted = false;
  if (geo.dims === 3) { camera.zoom = Math.max(0.3, Math.min(30, camera.zoom * factor)); return; }
  const [x, y] = unproject(px, py), least = fitting();
  camera.scale = Math.max(0.3 * least, Math.min(5000 * least, camera.scale * factor));
  camera.cx = x - (px - width / 2) / camera.scale;
  camera.cy = y + (py - height / 2) / camera.scale;
};

/** What is in sight, as numbers that mean the same on a screen of another size. */
const sight = () => {
  if (geo.dims === 3) {
    const { yaw, pitch, zoom, right, up } = camera;
    return { yaw, pitch, zoom, right, up };
  }
  const [x0, y1] = unproject(0, 0), [x1, y0] = unproject(width, height);
  return { x: [x0, x1], y: [y0, y1] };
};
const lookAt = (seen) => {
  if (!(geo.dims === 3 ? Number.isFinite(seen?.yaw) : seen?.x && seen?.y)) { fit(); return; }
  camera.fitted = false;
  if (geo.dims === 3) {
    for (const name of ["yaw", "pitch", "zoom", "right", "up"]) camera[name] = Number(seen[name]) || camera[name];
    return;
  }
  camera.cx = (seen.x[0] + seen.x[1]) / 2;
  camera.cy = (seen.y[0] + seen.y[1]) / 2;
  camera.scale = Math.min(width / (seen.x[1] - seen.x[0]), height / (seen.y[1] - seen.y[0])) || fitting();
};

// rows by the cell that they are in, so that the pointer looks at a few points and not at all
const cells = () => {
  const xy = positions();
  if (geo.grid) return geo.grid;
  const { n, box } = geo, side = Math.max(1, Math.round(Math.sqrt(n) / 2));
  const step = box.map(([low, high]) => Math.max((high - low) / side, 1e-12)), starts = new Uint32Array(side * side + 2);
  const cell = (i) => {
    const [x, y] = [0, 1].map((k) => Math.min(side - 1, Math.max(0, Math.floor((xy[2 * i + k] - box[k][0]) / step[k]))));
    return y * side + x;
  };
  for (let i = 0; i < n; i++) starts[cell(i) + 2]++;
  for (let i = 2; i < starts.length; i++) starts[i] += starts[i - 1];
  const rows = new Uint32Array(n);
  for (let i = 0; i < n; i++) rows[starts[cell(i) + 1]++] = i;
  geo.grid = { side, step, starts, rows };
  return geo.grid;
};
const nearFlat = (px, py, reach) => {
  const { side, step, starts, rows } = cells(), { xy, box } = geo;
  const [x, y] = unproject(px, py), far = reach / camera.scale;
  const [left, low] = [x - far, y - far].map((v, k) => Math.max(0, Math.floor((v - box[k][0]) / step[k])));
  const [right, high] = [x + far, y + far].map((v, k) => Math.min(side - 1, Math.floor((v - box[k][0]) / step[k])));
  let best = -1, least = far * far;
  for (let v = low; v <= high; v++) {
    for (let i = starts[v * side + left]; i < starts[v * side + right + 1] && left <= right; i++) {
      const row = rows[i], dx = xy[2 * row] - x, dy = xy[2 * row + 1] - y, square = dx * dx + dy * dy;
      if (square <= least && isShown(row)) { best = row; least = square; }
    }
  }
  return best;
};
const nearSolid = (px, py, reach) => {
  const m = matrix(), { xy, n } = geo;
  let best = -1, least = reach * reach;
  for (let row = 0; row < n; row++) {
    const [x, y] = project(m, [xy[3 * row], xy[3 * row + 1], xy[3 * row + 2]]);
    const square = (x - px) ** 2 + (y - py) ** 2;
    if (square < least && isShown(row)) { best = row; least = square; }
  }
  return best;
};
/** The row nearest to a pixel, within some pixels; -1 where there is none. */
const nearest = (px, py, reach = 14) => (geo.dims === 3 ? nearSolid : nearFlat)(px, py, reach);
