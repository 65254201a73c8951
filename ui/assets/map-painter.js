// The map: two ways to draw points. plotly's scattergl takes ten times as long to move them or to colour them anew.
// A painter has place(from, to, dims), tint(codes, table), mark(mask), put(rows), draw(look), size(w, h, ratio), end().
const POINT = `#version 300 es
in vec3 from; in vec3 to; in float code; in float chosen;
uniform mat4 matrix; uniform float share, depth, images, some; uniform vec2 sizes; uniform sampler2D colours;
flat out vec4 colour; flat out float kind; flat out float edge;
void main() {
  vec4 place = matrix * vec4(mix(from, to, share), 1.0);
  kind = float(gl_VertexID) < images ? 0.0 : 1.0;
  float size = (kind == 0.0 ? sizes.x : sizes.y) * depth / place.w;
  gl_Position = place;
  gl_PointSize = size * (chosen > 0.5 ? 1.35 : 1.0);
  edge = 1.4 / gl_PointSize;
  colour = vec4(texelFetch(colours, ivec2(int(code), 0), 0).rgb, kind == 0.0 ? 0.92 : 0.72);
  if (some > 0.5) colour.a = chosen > 0.5 ? 1.0 : 0.10;
}`;
const SHADE = `#version 300 es
precision mediump float;
flat in vec4 colour; flat in float kind; flat in float edge; out vec4 pixel;
void main() {
  vec2 off = abs(gl_PointCoord - 0.5);
  float far = kind == 0.0 ? length(off) : off.x + off.y;
  float alpha = colour.a * (1.0 - smoothstep(0.5 - edge, 0.5, far));
  if (alpha < 0.01) discard;
  pixel = vec4(colour.rgb * alpha, alpha);
}`;

const glPainter = (canvas) => {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, depth: true, powerPreference: "low-power" });
  if (!gl) return null;
  let program, spots, slots, buffers, colours, rows = 0, kept = {};
  const compiled = (kind, text) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    return shader;
  };
  const build = () => {
    program = gl.createProgram();
    gl.attachShader(program, compiled(gl.VERTEX_SHADER, POINT));
    gl.attachShader(program, compiled(gl.FRAGMENT_SHADER, SHADE));
    gl.linkProgram(program);
    gl.useProgram(program);
    slots = Object.fromEntries(["from", "to", "code", "chosen"].map((name) => [name, gl.getAttribLocation(program, name)]));
    spots = Object.fromEntries(["matrix", "share", "depth", "images", "some", "sizes"].map((name) =>
      [name, gl.getUniformLocation(program, name)]));
    buffers = Object.fromEntries([...Object.keys(slots), "rows"].map((name) => [name, gl.createBuffer()]));
    colours = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, colours);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  };
  const send = (name, data, parts, kind) => {
    kept[name] = [data, parts, kind];
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(slots[name]);
    gl.vertexAttribPointer(slots[name], parts, kind, false, 0, 0);
  };
  const painter = {
    kind: "webgl",
    place(from, to, dims) { send("from", from, dims, gl.FLOAT); send("to", to, dims, gl.FLOAT); },
    tint(codes, three) {
      send("code", codes, 1, gl.UNSIGNED_BYTE);
      kept.colours = three;
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, three);
    },
    mark(found) { send("chosen", found, 1, gl.UNSIGNED_BYTE); },
    put(list) {
      kept.rows = list;
      rows = list.length;
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.rows);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, list, gl.DYNAMIC_DRAW);
    },
    size(w, h, ratio) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); },
    draw(look) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      // nearer points cover farther ones; on a flat map the order of the rows says which
      look.solid ? gl.enable(gl.DEPTH_TEST) : gl.disable(gl.DEPTH_TEST);
      gl.uniformMatrix4fv(spots.matrix, false, look.matrix);
      for (const name of ["share", "depth", "images", "some"]) gl.uniform1f(spots[name], look[name]);
      gl.uniform2f(spots.sizes, ...look.sizes.map((size) => size * look.ratio));
      if (rows) gl.drawElements(gl.POINTS, rows, gl.UNSIGNED_INT, 0);
    },
    end() { gl.getExtension("WEBGL_lose_context")?.loseContext(); },
  };
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    const had = kept;
    kept = {};
    build();
    for (const name of Object.keys(slots)) if (had[name]) send(name, ...had[name]);
    if (had.colours) painter.tint(had.code[0], had.colours);
    if (had.rows) painter.put(had.rows);
    redraw();
  });
  build();
  return painter;
};

/** Without WebGL: small pictures of each colour and shape, copied to where the points are. */
const flatPainter = (canvas) => {
  const pen = canvas.getContext("2d");
  let from, to, parts = 2, codes, colours, found, rows = [], stamps = new Map();
  const stamp = (code, kind, size) => {
    const key = `${code}/${kind}/${size}`;
    if (stamps.has(key)) return stamps.get(key);
    const picture = document.createElement("canvas"), half = size / 2;
    picture.width = picture.height = size;
    const brush = picture.getContext("2d");
    brush.fillStyle = `rgb(${[0, 1, 2].map((i) => colours[3 * code + i]).join()})`;
    brush.beginPath();
    if (kind) [[0, 1], [1, 0], [0, -1], [-1, 0]].forEach(([x, y]) => brush.lineTo(half + x * half, half + y * half));
    else brush.arc(half, half, half, 0, 7);
    brush.fill();
    stamps.set(key, picture);
    return picture;
  };
  return {
    kind: "canvas",
    place(a, b, dims) { from = a; to = b; parts = dims; },
    tint(next, three) { codes = next; colours = three; stamps = new Map(); },
    mark(next) { found = next; },
    put(list) { rows = list; },
    size(w, h, ratio) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); },
    draw(look) {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (const row of rows) {
        const p = [0, 1, 2].map((k) => (k < parts ? from[parts * row + k] + look.share * (to[parts * row + k] - from[parts * row + k]) : 0));
        const [x, y] = project(look.matrix, p), kind = row < look.images ? 0 : 1;
        const size = Math.max(2, Math.round(look.sizes[kind] * look.ratio * (found[row] ? 1.35 : 1)));
        pen.globalAlpha = look.some ? (found[row] ? 1 : 0.1) : kind ? 0.72 : 0.92;
        pen.drawImage(stamp(codes[row], kind, size), x * look.ratio - size / 2, y * look.ratio - size / 2);
      }
    },
    end() {},
  };
};
