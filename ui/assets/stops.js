// What stands where a moving map does. Maps, curves and sliders of one group tell each other in the browser.
const sayOfStop = (kind, group, told) => window.dispatchEvent(
  new CustomEvent("isthmus-map", { detail: { group, from: element, kind, ...told } }));
const tellStop = (group, at) => sayOfStop("frame", group, { at });
/** What is there later than the others of its group goes where they are: whoever leads the group answers. */
const askStop = (group) => group && sayOfStop("where", group, {});
/** Calls back with where the group is going: a number among its stops, and how many milliseconds it takes.
    Whoever leads the group says where it is, or null while it is nowhere. */
const hearStops = (groupOf, back, leads = () => null) => {
  const hear = ({ detail }) => {
    if (!element.isConnected) { window.removeEventListener("isthmus-map", hear); return; }
    if (detail.from === element || !detail.group || detail.group !== groupOf()) return;
    if (detail.kind === "frame") back(detail.at, detail.lasts ?? 0);
    if (detail.kind === "where" && leads() !== null) tellStop(detail.group, leads());
  };
  window.addEventListener("isthmus-map", hear);
};
