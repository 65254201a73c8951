// The map: what is under the pointer. A ring at once, a card after a moment, and a moment to leave it.
const DWELL = 125, GRACE = 260;
const card = make(root, "div", "i-map-card");
card.hidden = true;
const cards = new Map();
let hovered = -1, dwelling = 0, leaving = 0;

const fill = (data) => {
  card.replaceChildren();
  if (data.src) {
    const picture = make(card, "img");
    picture.src = data.src;
    picture.alt = data.alt;
  }
  const text = make(card, "div");
  make(text, "small", data.side, data.kind);
  make(text, "p", "", data.caption);
  if (data.id) make(text, "small", "i-map-id", data.id);
};

const ringAt = (row) => {
  hovered = row;
  ring.hidden = row < 0;
  place();
};

const openCard = async (row) => {
  const { run } = geo, point = pointOf(row), id = `${run}/${point}`;
  if (!cards.has(id)) cards.set(id, await server.card({ run, point }));
  const data = cards.get(id);
  if (hovered !== row || !data?.caption) return;
  fill(data);
  card.hidden = false;
  const [x, y] = project(matrix(), position(row));
  const left = x + 16 + card.offsetWidth > width ? x - 16 - card.offsetWidth : x + 16;
  const top = Math.min(Math.max(8, y - 40), height - card.offsetHeight - 8);
  card.style.transform = `translate(${Math.max(8, left)}px, ${top}px)`;
};

const enter = (row) => {
  clearTimeout(leaving);
  leaving = 0;
  if (row === hovered) return;
  card.hidden = true;
  ringAt(row);
  say("hover", { row });
  clearTimeout(dwelling);
  dwelling = setTimeout(openCard, DWELL, row);
};

const leave = (now) => {
  clearTimeout(dwelling);
  if (leaving && !now) return;
  clearTimeout(leaving);
  leaving = setTimeout(() => {
    leaving = 0;
    if (hovered >= 0) say("hover", { row: -1 });
    card.hidden = true;
    ringAt(-1);
  }, now ? 0 : GRACE);
};

// what stands elsewhere on the page for a point rings it
const rowOf = (point) => {
  if (!geo.points) return point >= 0 && point < geo.n ? point : -1;
  let low = 0, high = geo.n - 1;
  while (low < high) {
    const half = (low + high) >> 1;
    geo.points[half] < point ? (low = half + 1) : (high = half);
  }
  return geo.points[low] === point ? low : -1;
};
const pointed = (event) => {
  const node = event.target.closest?.("[data-point]");
  if (!node || !geo || node.closest("[data-run]")?.dataset.run !== geo.run) return;
  clearTimeout(leaving);
  leaving = 0;
  card.hidden = true;
  const row = event.type === "pointerover" || event.type === "focusin" ? rowOf(Number(node.dataset.point)) : -1;
  ringAt(row);
  say("hover", { row });
};
