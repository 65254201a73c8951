// Fields of a form whose number is known only when it is shown: native inputs, drawn from a description.
// value: { prefix, key, fields, values, drafts }; "drafts" keeps what was typed under other keys.
const root = element.querySelector(".i-fields");
let shape = "", places = new Map();

const make = (parent, kind, className, text) => {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
};
const idOf = (name) => [props.value.prefix, props.value.key, name].filter(Boolean).join("-").replaceAll("_", "-");

const typed = (name, given) => {
  const now = props.value;
  const values = { ...now.values, [name]: given };
  props.value = { ...now, values, drafts: { ...now.drafts, [now.key]: values } };
  trigger("typed", { name });
};

const selectOf = (field, id, parent) => {
  const node = make(parent, "select", "i-input");
  node.id = id;
  for (const group of field.groups) {
    const into = group.label ? make(node, "optgroup") : node;
    if (group.label) into.label = group.label;
    for (const item of group.choices) make(into, "option", "", item.label).value = item.value;
  }
  node.addEventListener("change", () => typed(field.name, node.value));
  return { set: (given) => { node.value = given; }, first: node };
};

const textOf = (field, id, parent) => {
  const node = make(parent, "input", "i-input");
  node.id = id;
  node.type = field.kind === "text" ? "text" : "number";
  node.placeholder = field.hint;
  node.autocomplete = "off";
  if (field.kind === "text") node.maxLength = 120;
  else {
    node.step = field.kind === "int" ? "1" : "any";
    if (field.minimum !== null) node.min = field.minimum;
    if (field.maximum !== null) node.max = field.maximum;
  }
  node.addEventListener("input", () => typed(field.name, node.value));
  return { set: (given) => { if (node.value !== String(given)) node.value = given; }, first: node };
};

const checksOf = (field, id, parent) => {
  const boxes = [];
  const told = () => typed(field.name, boxes.filter((box) => box.checked).map((box) => box.value));
  for (const group of field.groups) {
    const set = make(parent, "div", "i-checks" + (group.choices.some((item) => item.about) ? " told" : ""));
    set.setAttribute("role", "group");
    if (group.label) {
      const top = make(set, "div", "i-checks-top");
      make(top, "strong", "", group.label);
      set.setAttribute("aria-label", group.label);
      const all = make(top, "button", "i-button quiet", "all or none");
      all.type = "button";
      all.setAttribute("aria-label", `${group.label}: all or none`);
      all.addEventListener("click", () => {
        const own = boxes.filter((box) => set.contains(box));
        const every = own.every((box) => box.checked);
        for (const box of own) box.checked = !every;
        told();
      });
    }
    for (const item of group.choices) {
      const label = make(set, "label", "i-check-item");
      const box = make(label, "input");
      box.type = "checkbox";
      box.value = item.value;
      box.id = `${id}-${item.value}`;
      box.addEventListener("change", told);
      const said = make(label, "span");
      make(said, "b", "", item.label);
      if (item.about) make(said, "small", "", item.about);
      boxes.push(box);
    }
  }
  return { set: (given) => { for (const box of boxes) box.checked = given.includes(box.value); },
           first: boxes[0] };
};

const fieldOf = (field, parent) => {
  const id = idOf(field.name), many = field.kind === "checks";
  const place = make(parent, "div", "i-own-field" + (many || field.wide ? " wide" : ""));
  const title = make(place, many ? "div" : "label", "i-own-title", field.label);
  if (!many) title.htmlFor = id;
  if (field.help) make(place, "div", "i-own-help", field.help).id = `${id}-help`;
  const kind = many ? checksOf : field.kind === "choice" ? selectOf : textOf;
  const input = kind(field, id, place);
  if (field.help && !many) input.first.setAttribute("aria-describedby", `${id}-help`);
  const fault = make(place, "div", "i-own-fault");
  return { ...input, fault, place };
};

const build = (now) => {
  root.replaceChildren();
  places = new Map();
  const rare = now.fields.filter((field) => field.more);
  const grid = make(root, "div", "i-own-grid");
  for (const field of now.fields) if (!field.more) places.set(field.name, fieldOf(field, grid));
  if (!rare.length) return;
  const fold = make(root, "details", "i-more");
  make(fold, "summary", "", `More options (${rare.length})`);
  const inner = make(fold, "div", "i-own-grid");
  for (const field of rare) places.set(field.name, fieldOf(field, inner));
};

const draw = () => {
  const now = props.value;
  if (!now) return;
  const next = JSON.stringify([now.key, now.fields]);
  if (next !== shape) { shape = next; build(now); }
  for (const [name, place] of places) place.set(now.values[name] ?? "");
  complain();
};

const complain = () => {
  for (const [name, place] of places) {
    const text = props.faults?.[name] ?? "";
    place.fault.replaceChildren();
    place.first?.toggleAttribute("aria-invalid", Boolean(text));
    if (!text) continue;
    const notice = make(place.fault, "div", "i-notice bad");
    notice.setAttribute("role", "alert");
    make(notice, "p", "", text);
    const fold = place.place.closest("details");
    if (fold) fold.open = true;
  }
};
watch("value", draw);
watch("faults", complain);
draw();
