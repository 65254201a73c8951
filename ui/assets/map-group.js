// The map: maps of one group look at the same place, in the browser alone. What one hears it never says again.
const HEARD = "isthmus-map";
const say = (kind, detail) => {
  if (props.group) window.dispatchEvent(new CustomEvent(HEARD, { detail: { group: props.group, from: element, kind, ...detail } }));
};
/** Whether the others of its group go where this map's own slider says. */
const leads = () => Boolean(geo?.frames && props.value.slider !== false);
const hear = ({ detail }) => {
  if (!geo || !props.group || detail.group !== props.group || detail.from === element) return;
  if (detail.kind === "camera") { lookAt(detail.seen); leave(true); redraw(true); }
  if (detail.kind === "hover" && detail.row < geo.n) ringAt(detail.row);
  if (detail.kind === "chosen" && detail.mask.length === geo.n) take(detail.mask.slice());
  if (detail.kind === "frame") geo.frames ? go(detail.at, detail.lasts ?? 0) : ride(detail.at);
  if (detail.kind === "where" && leads()) say("frame", { at: heading });
};
