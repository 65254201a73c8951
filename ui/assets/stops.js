// What stands where a moving map does. Maps, curves and sliders of one group tell each other in the browser.
const tellStop = (group, at) => window.dispatchEvent(
  new CustomEvent("isthmus-map", { detail: { group, from: element, kind: "frame", at } }));
/** Calls back with where the group is going: a number among its stops, and how many milliseconds it takes. */
const hearStops = (groupOf, back) => {
  const hear = ({ detail }) => {
    if (!element.isConnected) { window.removeEventListener("isthmus-map", hear); return; }
    if (detail.kind === "frame" && detail.from !== element && detail.group && detail.group === groupOf()) back(detail.at, detail.lasts ?? 0);
  };
  window.addEventListener("isthmus-map", hear);
};
