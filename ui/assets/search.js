// The search bar. What is typed is sent after a short silence; Enter, the button and an emptied bar send at
// once. `asking.made` numbers every change of the words, so that answers to older ones are not shown.
const SILENCE = 160;
const asking = isthmus.asking ??= { made: 0, sent: 0, timer: 0, send: null, cancel: null };
const box = element.querySelector("input");

const send = () => {
  clearTimeout(asking.timer);
  asking.timer = 0;
  asking.sent = asking.made;
  // in the value and not in the event: what is put off is sent with the value of then
  props.value = { text: box.value, ticket: asking.made };
  trigger("typed", {});
};
const typed = (wait) => {
  asking.made += 1;
  document.querySelector("#i-results")?.setAttribute("aria-busy", "true");
  clearTimeout(asking.timer);
  if (wait) asking.timer = setTimeout(send, wait);
  else send();
};
asking.send = () => { if (asking.timer) send(); };
asking.cancel = () => {
  clearTimeout(asking.timer);
  asking.timer = 0;
  asking.made = asking.sent;
};

// the server's words, where nothing newer has been typed
const take = () => {
  const said = props.said;
  if (!said || said.ticket < asking.made || said.ticket < (props.value?.ticket ?? 0)) return;
  box.value = said.text;
  props.value = { text: said.text, ticket: said.ticket };
};

box.addEventListener("input", (event) => {
  if (!event.isComposing) typed(box.value.trim() ? SILENCE : 0);
});
box.addEventListener("compositionend", () => typed(SILENCE));
element.querySelector("button").addEventListener("click", () => typed(0));
box.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter") { event.preventDefault(); typed(0); }
  else if (event.key === "Escape" && box.value) { event.preventDefault(); box.value = ""; typed(0); }
  else if (event.key === "Escape") box.blur();
  else if (event.key === "ArrowDown") {
    const first = document.querySelector("#i-results .i-hit-face");
    if (first) { event.preventDefault(); first.focus(); }
  }
});

// a picture that is pasted or dropped goes the way of a chosen one, with the same checks
const upload = (files) => {
  // Gradio puts the field beside its button
  const field = document.querySelector("#i-upload")?.parentElement.querySelector("input[type=file]");
  const kind = (field?.accept || "image/*").split("/")[0];
  const file = [...(files ?? [])].find((each) => each.type.startsWith(kind));
  if (!field || !file) return false;
  const chosen = new DataTransfer();
  chosen.items.add(file);
  field.files = chosen.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
};
box.addEventListener("paste", (event) => {
  if (upload(event.clipboardData?.files)) event.preventDefault();
});
const over = (event) => {
  if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
  event.preventDefault();
  element.classList.add("dropping");
};
element.addEventListener("dragenter", over);
element.addEventListener("dragover", over);
element.addEventListener("dragleave", (event) => {
  if (!element.contains(event.relatedTarget)) element.classList.remove("dropping");
});
element.addEventListener("drop", (event) => {
  element.classList.remove("dropping");
  event.preventDefault();
  upload(event.dataTransfer?.files);
});

watch("said", take);
box.value = props.value?.text ?? "";
take();
