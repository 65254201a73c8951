// "Copy link": to the clipboard where that is allowed; else the text is shown, chosen, to be copied by hand.
const toast = () => document.querySelector("#i-toast .i-toast");
let timer = 0;
const say = (text, tone, stay) => {
  const box = toast();
  box.replaceChildren();
  box.className = "i-toast shown " + tone;
  const line = document.createElement("p");
  line.textContent = text;
  box.appendChild(line);
  clearTimeout(timer);
  if (!stay) timer = setTimeout(() => box.classList.remove("shown"), 6000);
  return box;
};

const byHand = (address, note) => {
  const box = say(note || "Copy this link:", note ? "warn" : "", true);
  const field = document.createElement("input");
  field.readOnly = true;
  field.value = address;
  field.setAttribute("aria-label", "The link");
  box.appendChild(field);
  field.select();
  field.focus();
  field.addEventListener("blur", () => box.classList.remove("shown"));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); field.blur(); }
  });
};

isthmus.copied = async (answer) => {
  if (!answer) return;
  const { address, note } = JSON.parse(answer);
  const whole = new URL(address, location.origin + location.pathname).href;
  try {
    await navigator.clipboard.writeText(whole);
    say(note ? "Link copied. " + note : "Link copied.", note ? "warn" : "good");
  } catch {
    byHand(whole, note);
  }
};
