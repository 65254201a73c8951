// The address always leads back to what is shown: page, part, run and sweep; or to a link's whole state.
const place = { tab: "", part: "", run: "", sweep: "" };
const asked = new URLSearchParams(location.search);
let opening = true, linked = "";
for (const key of Object.keys(place)) place[key] = asked.get(key) ?? "";
// what the address asks for is not the page that is painted first: that one is not shown
if (asked.has("link") || asked.has("tab")) document.documentElement.classList.add("i-opening");

const chosen = (tabs) => document.querySelector(`#${tabs} [role=tab][aria-selected=true]`)?.dataset.tabId ?? "";
const told = () => JSON.stringify(place);

const write = () => {
  if (opening) return;
  const query = new URLSearchParams(location.search);
  if (query.has("link") && told() === linked) return; // a link holds more than the address can
  query.delete("link");
  for (const [key, value] of Object.entries(place)) value ? query.set(key, value) : query.delete(key);
  if (place.tab !== "sweeps") query.delete("sweep");
  const text = query.toString();
  if (location.search !== (text ? "?" + text : "")) {
    history.replaceState(history.state, "", location.pathname + (text ? "?" + text : ""));
  }
};

/* Which page is shown, and which of its parts; a page that is just being opened has no parts yet. */
isthmus.look = () => {
  const tab = chosen("i-tabs");
  if (!tab || opening) return;
  if (place.tab !== tab) scrollTo({ top: 0 }); // another page begins at its top
  const parted = ["compare", "evaluate", "data"].includes(tab);
  const part = parted ? chosen(`i-${tab}-tabs`) || place.part : "";
  Object.assign(place, { tab, part });
  write();
};

isthmus.at = (changes) => {
  const still = told() === linked && !place.run; // a link without a run shows the newest one
  Object.assign(place, changes);
  if (still) linked = told();
  write();
};

/* Somebody who goes to a page has not to wait for what the address asked for: it is written down at once. */
document.addEventListener("click", (event) => {
  if (!opening || !event.target.closest?.("#i-tabs [role=tab]")) return;
  opening = false;
  document.documentElement.classList.remove("i-opening");
  requestAnimationFrame(isthmus.look);
}, true);

/* Whether a page is what somebody sees, or will see: the first one is painted also where the address asks for another. */
isthmus.isOpen = (page) => {
  const tabs = [...document.querySelectorAll("#i-tabs [role=tab]")].map((tab) => tab.dataset.tabId);
  const elsewhere = opening && place.tab !== page && tabs.includes(place.tab);
  return !elsewhere && document.querySelector(`#i-page-${page}`) !== null;
};

isthmus.place = () => `${chosen("i-tabs")} ${chosen(`i-${chosen("i-tabs")}-tabs`)}`.trim();

/* The server has answered what the address asked for: shows it as soon as its page is there. */
isthmus.opened = (answer) => {
  const target = JSON.parse(answer || "{}");
  const show = (patience) => {
    if (target.tab && chosen("i-tabs") !== target.tab && patience > 0) {
      setTimeout(show, 30, patience - 1);
      return;
    }
    for (const [key, value] of Object.entries(target)) if (value) place[key] = value;
    linked = told();
    opening = false;
    document.documentElement.classList.remove("i-opening");
    isthmus.look();
  };
  show(100);
};
// whatever happens, nothing stays hidden
setTimeout(() => document.documentElement.classList.remove("i-opening"), 8000);
