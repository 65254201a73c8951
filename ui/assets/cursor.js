// The cursor of curves: stands where the moving map of its group does; dragging it moves the map.
// plot.cursor: { group, at: where each stop stands on the axis, said: a word for each stop }
const cursors = [];
let where = 0, walking = 0;
const groupNow = () => props.value?.plots?.find((plot) => plot.cursor)?.cursor.group ?? "";
const placeCursors = () => { for (const place of cursors) place(); };
const walk = (at, lasts) => {
  cancelAnimationFrame(walking);
  if (!lasts || matchMedia("(prefers-reduced-motion: reduce)").matches) { where = at; placeCursors(); return; }
  const from = where, begun = performance.now();
  const step = (now) => {
    const share = Math.min(1, (now - begun) / lasts);
    where = from + (at - from) * share;
    placeCursors();
    if (share < 1) walking = requestAnimationFrame(step);
  };
  walking = requestAnimationFrame(step);
};
hearStops(groupNow, walk);
// other curves begin where their map or their strips are, which may have been there before and have moved on
let shownKey = "";
const anew = () => {
  const key = props.value?.plots?.find((plot) => plot.cursor)?.key ?? "";
  if (key === shownKey) return;
  shownKey = key;
  cancelAnimationFrame(walking);
  where = 0;
  askStop(groupNow());
};
watch("value", anew);
anew();

/** Puts a cursor over a plot; what comes back places it. */
const cursorOn = (figure, node, plotOf) => {
  const line = make(figure, "i", "i-cursor"), said = make(line, "b", "");
  line.setAttribute("aria-hidden", "true");
  const pixels = () => plotOf().cursor.at.map((x) => node._fullLayout.xaxis.d2p(x));
  const place = () => {
    const cursor = plotOf()?.cursor, full = node._fullLayout;
    line.hidden = !cursor || !full?.xaxis;
    if (line.hidden) return;
    const places = pixels(), at = Math.max(0, Math.min(places.length - 1, where)), low = Math.floor(at);
    const x = places[low] + (at - low) * ((places[low + 1] ?? places[low]) - places[low]);
    line.style.left = `${node.offsetLeft + full.xaxis._offset + x}px`;
    line.style.top = `${node.offsetTop + full.yaxis._offset}px`;
    line.style.height = `${full.yaxis._length}px`;
    said.textContent = cursor.said?.[Math.round(at)] ?? "";
    said.classList.toggle("left", x > full.xaxis._length / 2);
  };
  const drag = (event) => {
    const full = node._fullLayout, places = pixels();
    const x = event.clientX - node.getBoundingClientRect().left - full.xaxis._offset;
    let low = places.findLastIndex((each) => each <= x);
    low = Math.max(0, Math.min(places.length - 2, low));
    const share = (x - places[low]) / Math.max(1e-9, places[low + 1] - places[low]);
    const at = Math.max(0, Math.min(places.length - 1, low + Math.max(0, Math.min(1, share))));
    walk(Number(at.toFixed(2)), 0);
    tellStop(groupNow(), where);
  };
  node.addEventListener("pointerdown", (event) => {
    if (!plotOf()?.cursor || !node._fullLayout?.xaxis || event.button) return;
    node.setPointerCapture(event.pointerId);
    drag(event);
  }, true);
  node.addEventListener("pointermove", (event) => node.hasPointerCapture(event.pointerId) && drag(event));
  cursors.push(place);
  return place;
};
