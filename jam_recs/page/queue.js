// The queue: votes, and reordering by dragging the handle (mouse, pen, finger) or by arrow keys on it. Rows are kept by item, so that
// focus and a drag in hand survive what others do meanwhile; a move always says «this one behind that one», never a position.

const rows = new Map();

export function paintQueue(list, state, room) {
  const { queue } = state, focused = document.activeElement;
  const alive = new Set(queue.map((item) => item.item));
  for (const [id, row] of rows) if (!alive.has(id)) { row.remove(); rows.delete(id); }
  queue.forEach((item, place) => {
    const row = rows.get(item.item) ?? makeRow(list, item.item);
    rows.set(item.item, row);
    fill(row, item, state, room);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  if (focused !== document.activeElement && list.contains(focused)) focused.focus();
}

function makeRow(list, id) {
  const row = document.createElement("li");
  row.innerHTML = `<button type="button" class="handle">⠿</button>
    <div class="song"><span class="title"></span><small class="whose"></small><span class="shares"></span></div>
    <button type="button" class="up">▲ <b></b></button><button type="button" class="down">▼ <b></b></button>
    <button type="button" class="remove">✕</button>`;
  row.dataset.item = id;
  const [handle, up, down, remove] = ["handle", "up", "down", "remove"].map((name) => row.querySelector(`.${name}`));
  const vote = (side, value) => () => row.room.wish({ type: "vote", item: id, vote: row.item[side]?.includes(row.room.me) ? 0 : value });
  up.addEventListener("click", vote("up", 1));
  down.addEventListener("click", vote("down", -1));
  remove.addEventListener("click", () => row.room.wish({ type: "remove", item: id }));
  handle.addEventListener("keydown", (event) => byKey(event, list, row));
  handle.addEventListener("pointerdown", (event) => grab(event, list, row));
  return row;
}

function fill(row, item, state, room) {
  const { me, host, named, whose, names } = room, mine = host || state.rights.move || item.added_by === me;
  Object.assign(row, { item, room });
  row.querySelector(".title").textContent = named(item.track);
  row.querySelector(".whose").textContent = whose(item) + (item.track.explicit ? ", explicit" : "");
  row.classList.toggle("wished", Boolean(item.added_by));
  shares(row.querySelector(".shares"), item, names);
  for (const side of ["up", "down"]) {
    const votes = item[side] ?? [];
    label(row, side, `Vote ${side}: ${item.track.title}, ${votes.length} so far`).querySelector("b").textContent = votes.length || "";
    row.querySelector(`.${side}`).setAttribute("aria-pressed", String(votes.includes(me)));
  }
  label(row, "handle", `Move ${item.track.title}: arrow keys`).disabled = !mine;
  label(row, "remove", `Remove ${item.track.title}`).disabled = !mine;
}

function label(row, name, text) {
  const button = row.querySelector(`.${name}`);
  button.setAttribute("aria-label", text);
  return button;
}

function shares(place, item, names) {
  const bars = (item.shares ?? []).filter(([member]) => names.has(member)).map(([member, share]) => {
    const bar = document.createElement("i");
    bar.style.setProperty("--share", Math.min(1, share / 1000));
    bar.title = `${names.get(member)}: ${(share / 10).toFixed(0)} % of an ideal track`;
    return bar;
  });
  place.replaceChildren(...bars);
}

const idOf = (row) => (row ? Number(row.dataset.item) : 0);

function byKey(event, list, row) {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
  event.preventDefault();
  const others = [...list.children].filter((other) => other !== row), place = [...list.children].indexOf(row);
  const to = event.key === "ArrowUp" ? place - 1 : place + 1;
  if (to < 0 || to > others.length) return;
  row.room.wish({ type: "move", item: idOf(row), after: idOf(others[to - 1]) });
}

function grab(event, list, row) {
  if (event.currentTarget.disabled || event.button) return;
  event.preventDefault();
  const handle = event.currentTarget;
  handle.focus();
  handle.setPointerCapture(event.pointerId);
  row.classList.add("dragged");
  let after;
  handle.onpointermove = (move) => (after = mark(list, row, move.clientY));
  handle.onpointerup = handle.onpointercancel = (end) => {
    handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
    row.classList.remove("dragged");
    list.querySelectorAll(".before, .behind").forEach((other) => other.classList.remove("before", "behind"));
    if (end.type === "pointerup" && after !== undefined) row.room.wish({ type: "move", item: idOf(row), after });
  };
}

// Show where the row would go; the item behind which that is, 0 for the top.
function mark(list, row, y) {
  const others = [...list.children].filter((other) => other !== row);
  const below = others.find((other) => y < other.getBoundingClientRect().top + other.offsetHeight / 2);
  others.forEach((other) => other.classList.remove("before", "behind"));
  const above = below ? others[others.indexOf(below) - 1] : others.at(-1);
  if (below) below.classList.add("before");
  else above?.classList.add("behind");
  return idOf(above);
}
