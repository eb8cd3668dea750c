// The search box: an ARIA combobox over the suggestions of one endpoint. Highlights are text nodes made from spans of code points.
import { Suggestions } from "./client.js";

const [search, list, count, timing, chosen] = ["search", "list", "count", "timing", "chosen"].map((id) => document.getElementById(id));
const suggestions = new Suggestions(paint, complain);
let shown = [], active = -1;

function changed(event) {
  if (search.value.trim() === "") {
    suggestions.forget();
    close();
  } else suggestions.ask(search.value, event.timeStamp);
}

function paint(answer, since, serverTiming) {
  shown = answer.suggestions;
  list.replaceChildren(...shown.map(option));
  list.classList.remove("stale");
  open(shown.length > 0);
  count.textContent = shown.length ? `${shown.length} suggestions` : "No suggestions";
  requestAnimationFrame(() => setTimeout(() => {
    const paintedMs = performance.now() - since;
    const indexUs = 1000 * Number(/dur=([\d.]+)/.exec(serverTiming)?.[1] ?? 0);
    timing.textContent = `index ${indexUs.toFixed(0)} µs · key to paint ${paintedMs.toFixed(1)} ms${answer.partial ? " · partial" : ""}`;
    timing.dataset.query = answer.query;
    timing.dataset.paintedMs = paintedMs.toFixed(2);
  }));
}

function option(suggestion, at) {
  const item = document.createElement("li");
  item.id = `option-${at}`;
  item.role = "option";
  item.ariaSelected = "false";
  const text = document.createElement("span");
  text.dir = "auto";
  text.append(...marked(suggestion.text, suggestion.spans));
  const kind = document.createElement("small");
  kind.textContent = suggestion.versions > 1 ? `${suggestion.type} · ${suggestion.versions} versions` : suggestion.type;
  item.append(text, kind);
  item.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus, and the phone's keyboard
  item.addEventListener("click", () => choose(at));
  return item;
}

function marked(text, spans) {
  const letters = Array.from(text); // code points, as the spans count
  const nodes = [];
  let at = 0;
  for (const [start, stop] of spans) {
    const mark = document.createElement("mark");
    mark.textContent = letters.slice(start, stop).join("");
    nodes.push(letters.slice(at, start).join(""), mark);
    at = stop;
  }
  return [...nodes, letters.slice(at).join("")];
}

function complain(message) {
  list.classList.add("stale");
  timing.textContent = message;
}

function open(yes) {
  list.hidden = !yes;
  search.ariaExpanded = String(yes);
  activate(-1);
}

function close() {
  shown = [];
  list.replaceChildren();
  open(false);
  count.textContent = "";
}

function activate(at) {
  list.children[active]?.setAttribute("aria-selected", "false");
  active = at;
  list.children[at]?.setAttribute("aria-selected", "true");
  if (at >= 0) search.setAttribute("aria-activedescendant", `option-${at}`);
  else search.removeAttribute("aria-activedescendant");
}

function choose(at) {
  const { text, type, id } = shown[at];
  suggestions.forget();
  search.value = text;
  chosen.textContent = `Chosen: ${text}${type ? `, ${type}` : ""}${id ? ` ${id}` : ""}`;
  close();
}

const KEYS = {
  ArrowDown: () => activate(active + 1 < shown.length ? active + 1 : -1),
  ArrowUp: () => activate(active < 0 ? shown.length - 1 : active - 1),
  Enter: () => active >= 0 && choose(active),
  Escape: () => { suggestions.forget(); close(); },
};

search.addEventListener("input", (event) => event.isComposing || changed(event));
search.addEventListener("compositionend", changed);
search.addEventListener("keydown", (event) => {
  if (event.isComposing || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});
