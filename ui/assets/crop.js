// A rectangle on a picture: dragged anew, moved, pulled at its corners, or moved with the keyboard. Where it
// comes to rest, what is searched for is the region in it. Follows results.js, whose `act` it calls.
const LEAST = 0.04, STEP = 0.02, REST = 300;
let drag = null, rest = 0;

const within = (value, low, high) => Math.min(high, Math.max(low, value));
const boxOf = (node) => {
  const part = (name) => Number.parseFloat(node.style[name]) / 100;
  return { left: part("left"), top: part("top"), width: part("width"), height: part("height") };
};
const place = (node, box) => {
  for (const name of ["left", "top", "width", "height"]) node.style[name] = `${(100 * box[name]).toFixed(2)}%`;
};
const sendBox = (node) => {
  const box = boxOf(node), part = node.closest("[data-crop]").dataset.crop;
  const edges = [box.left, box.top, Math.min(1, box.left + box.width), Math.min(1, box.top + box.height)];
  act("crop", `${part}:${edges.map((edge) => edge.toFixed(4)).join(",")}`);
};
const spanned = (a, b) => ({
  left: Math.min(a.x, b.x), top: Math.min(a.y, b.y),
  width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y),
});

element.addEventListener("pointerdown", (event) => {
  const ground = event.target.closest(".i-crop-frame");
  if (!ground || event.button) return;
  event.preventDefault();
  clearTimeout(rest);
  const size = ground.getBoundingClientRect(), node = ground.querySelector(".i-crop-box");
  const at = (moved) => ({
    x: within((moved.clientX - size.left) / size.width, 0, 1),
    y: within((moved.clientY - size.top) / size.height, 0, 1),
  });
  const start = at(event), first = boxOf(node), corner = event.target.dataset.corner;
  const whole = first.width > 0.99 && first.height > 0.99;
  const kind = corner ? "corner" : event.target === node && !whole ? "move" : "draw";
  drag = { node, at, start, first, kind, anchor: start };
  if (corner) drag.anchor = {
    x: corner.includes("w") ? first.left + first.width : first.left,
    y: corner.includes("n") ? first.top + first.height : first.top,
  };
  ground.setPointerCapture(event.pointerId);
});
element.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const { node, at, start, first, kind, anchor } = drag, now = at(event);
  place(node, kind === "move" ? {
    ...first,
    left: within(first.left + now.x - start.x, 0, 1 - first.width),
    top: within(first.top + now.y - start.y, 0, 1 - first.height),
  } : spanned(anchor, now));
});
const end = (event) => {
  if (!drag) return;
  const { node, first } = drag, box = boxOf(node);
  drag = null;
  node.focus({ preventScroll: true });
  // a click is no region
  if (event.type === "pointercancel" || box.width < LEAST || box.height < LEAST) place(node, first);
  else if (JSON.stringify(box) !== JSON.stringify(first)) sendBox(node);
};
element.addEventListener("pointerup", end);
element.addEventListener("pointercancel", end);

element.addEventListener("keydown", (event) => {
  const node = event.target.closest(".i-crop-box");
  if (!node) return;
  if (event.key === "Escape" || event.key === "Enter") {
    event.preventDefault();
    clearTimeout(rest);
    return act("crop-close", "");
  }
  const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0, down = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
  if (!across && !down) return;
  event.preventDefault();
  const box = boxOf(node);
  if (event.shiftKey) {
    box.width = within(box.width + across * STEP, LEAST, 1 - box.left);
    box.height = within(box.height + down * STEP, LEAST, 1 - box.top);
  } else {
    box.left = within(box.left + across * STEP, 0, 1 - box.width);
    box.top = within(box.top + down * STEP, 0, 1 - box.height);
  }
  place(node, box);
  clearTimeout(rest);
  rest = setTimeout(() => sendBox(node), REST);
});
