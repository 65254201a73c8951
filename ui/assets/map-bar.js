// The map: its tools, how many points are chosen, and a word where something is not as usual.
const bar = make(root, "div", "i-map-bar");
const word = make(foot, "div", "i-map-word");
bar.setAttribute("role", "toolbar");
bar.setAttribute("aria-label", "Tools of the map");
const ICONS = {
  move: "M10 2v16M2 10h16M10 2 7.6 4.6M10 2l2.4 2.6M10 18l-2.4-2.6M10 18l2.4-2.6M2 10l2.6-2.4M2 10l2.6 2.4M18 10l-2.6-2.4M18 10l-2.6 2.4",
  lasso: "M10 3.5c4.4 0 7.5 2.2 7.5 5s-3.1 5-7.5 5-7.5-2.2-7.5-5 3.1-5 7.5-5ZM6 13c-1.600.8-1.600 3 .2 3.200 1.400.2 1.600 1.300.6 2.300",
  box: "M3.500 4.500h13v11h-13Z",
  names: "M4 5h12M10 5v11M7 16h6",
  all: "M3 7.500V3h4.500M12.500 3H17v4.500M17 12.500V17h-4.500M7.500 17H3v-4.500",
  save: "M10 3v9M6.500 9l3.500 3.500L13.500 9M4 16.500h12",
};
const icon = (parent, name) => {
  const node = drawn(parent, "svg", { viewBox: "0 0 20 20", class: `i-map-icon ${name}`, "aria-hidden": "true" });
  drawn(node, "path", { d: ICONS[name] });
};
const button = (parent, name, title, act) => {
  const node = make(parent, "button", "i-map-tool");
  node.type = "button";
  node.title = title;
  node.setAttribute("aria-label", title);
  node.dataset.tool = name;
  icon(node, name);
  node.addEventListener("click", act);
  return node;
};
const use = (next) => { tool = next; stage.dataset.tool = tool; drawBar(); };

const tools = [
  button(bar, "move", "Move the map by dragging", () => use("move")),
  button(bar, "lasso", "Choose points with a lasso; Shift adds, Alt takes away", () => use("lasso")),
  button(bar, "box", "Choose points with a box; Shift adds, Alt takes away", () => use("box")),
];
const namesTool = button(bar, "names", "Names of the clusters", () => { named = !named; buildNames(); place(); drawBar(); });
button(bar, "all", "Show all points (double click)", () => geo && reset());
const saving = make(bar, "details", "i-map-save");
const opener = make(saving, "summary", "i-map-tool");
opener.title = "Save the map as a picture";
opener.setAttribute("aria-label", opener.title);
icon(opener, "save");
const kinds = make(saving, "div", "");
for (const kind of ["png", "svg"]) {
  const node = make(kinds, "button", "i-button", kind.toUpperCase());
  node.type = "button";
  node.addEventListener("click", () => { saving.open = false; if (geo) save(kind); });
}
const tallied = make(root, "div", "i-map-chosen");
const told = make(tallied, "span", "");
const letAllGo = make(tallied, "button", "i-button quiet", "Clear");
letAllGo.type = "button";
letAllGo.addEventListener("click", () => choose(new Uint8Array(geo.n), "new"));

const drawBar = () => {
  bar.hidden = !geo;
  tallied.hidden = !chosen;
  told.textContent = `${chosen.toLocaleString("en")} chosen`;
  if (!geo) { word.hidden = true; return; }
  for (const node of tools) {
    node.setAttribute("aria-pressed", String(node.dataset.tool === tool));
    node.hidden = geo.dims === 3;
  }
  namesTool.hidden = !(props.labels ?? []).length;
  namesTool.setAttribute("aria-pressed", String(named));
  const words = [];
  if (painter.kind === "canvas") words.push("No WebGL in this browser: the map is drawn without it, more slowly.");
  if (geo.dims === 3) words.push("Drag turns it. Choosing with a lasso works on the flat map.");
  word.classList.toggle("warn", painter.kind === "canvas");
  word.textContent = words.join(" ");
  word.hidden = !words.length;
};
