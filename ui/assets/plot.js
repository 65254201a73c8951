// Shared by map and curves: colours of the theme, and when to draw.
const css = (name) => getComputedStyle(document.body).getPropertyValue("--i-" + name).trim();
const floats = (base64) => {
  const raw = atob(base64);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Float32Array(bytes.buffer);
};
const make = (parent, kind, className, text) => {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
};
const onTheme = (redraw) => {
  let dark = document.body.classList.contains("dark");
  new MutationObserver(() => {
    const now = document.body.classList.contains("dark");
    if (now !== dark) { dark = now; redraw(); }
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
};
const onSize = (node, redraw) => {
  let width = 0;
  new ResizeObserver(() => {
    if (node.clientWidth && node.clientWidth !== width) { width = node.clientWidth; redraw(); }
  }).observe(node);
};
