// The page: a door (make a party, or come in by its link) and the room, painted from what the seat has heard.
import { paintQueue } from "./queue.js";
import { Seat } from "./socket.js";

const $ = (id) => document.getElementById(id);
const REFUSALS = {
  no_right: "The host keeps that to the host.", not_playing: "That track is over already.", queue_full: "The queue is full.",
  no_such_item: "That track has left the queue already.", no_such_track: "There is no such track.",
  in_queue: "That track is in the queue already.", explicit: "Explicit tracks are off in this room.",
};
const RIGHTS = ["move", "skip", "add", "explicit"];
const TYPING_MS = 120;
let seat = null, names = new Map(), searched = 0, painting = false;

const [, room, invite] = location.hash.match(/^#([^.]+)\.(.+)$/) ?? [];
if (room) {
  $("door-title").textContent = $("enter").textContent = "Join the party";
  const kept = sessionStorage.getItem(`jam:${room}`);
  if (kept) attend(JSON.parse(kept));
}

function send(path, body) {
  return fetch(`/jam-recs${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function post(path, body) {
  const response = await send(path, body), answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? (typeof answer.detail === "string" ? answer.detail : "please check what you typed"));
  return answer;
}

$("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  const guest = { name: $("name").value, minor: $("minor").checked };
  if ($("listener").value !== "") guest.user_id = Number($("listener").value);
  say(room ? "Coming in …" : "Making the party …");
  try {
    const card = room ? await post(`/rooms/${room}/members`, { ...guest, invite }) : await post("/rooms", guest);
    if (card.invite) history.replaceState(null, "", `#${card.room}.${card.invite}`);
    attend({ ...card, next: 1 });
  } catch (error) {
    say(error.message, true);
  }
});

function attend(card) {
  card.keep = () => sessionStorage.setItem(`jam:${card.room}`, JSON.stringify(card));
  card.keep();
  $("door").hidden = true;
  if (card.link) {
    $("invite").hidden = false;
    $("link").href = card.link;
    drawCode(card);
  }
  seat = new Seat(card, { painted: soon, said: say, refused: (code) => say(REFUSALS[code] ?? code, true), ended });
}

async function drawCode({ room: name, invite: held }) {
  const response = await send(`/rooms/${name}/qr`, { invite: held });
  if (response.ok) $("qr").src = `data:image/svg+xml,${encodeURIComponent(await response.text())}`;
}

function ended(reason) {
  sessionStorage.removeItem(`jam:${seat.card.room}`);
  $("room").hidden = true;
  say(seat.left ? "You have left the party." : reason, !seat.left);
}

function say(message, wrong = false) {
  $("status").textContent = message;
  $("status").classList.toggle("wrong", wrong);
}

function soon(_, frame) {
  if (frame.type === "room") say("");
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    paint(seat.room);
  });
}

function paint(state) {
  names = new Map(state.members.map((face) => [face.member, face.name]));
  const me = seat.card.member, host = state.host === me, now = state.now?.item;
  $("room").hidden = false;
  $("now-title").textContent = now ? named(now.track) : "Nothing plays yet.";
  $("now-whose").textContent = now ? whose(now) : "Add a track, or wait for the room's first picks.";
  $("skip").disabled = !now || !(host || state.rights.skip || now.added_by === me);
  $("skip").dataset.item = now?.item ?? "";
  paintQueue($("queue"), state, { me, host, names, named, whose, wish: (wish) => seat.wish(wish) });
  $("exhausted").hidden = !state.exhausted;
  paintMembers(state, me, host);
  $("host").hidden = !host;
  paintRights(state.rights);
  $("version").textContent = `Room ${state.room}, version ${state.version}.`;
  document.body.dataset.version = state.version;
}

const named = (track) => (track.artist ? `${track.title} · ${track.artist}` : track.title);
const whose = (item) =>
  item.added_by ? `wished by ${names.get(item.added_by) ?? "somebody"}` : `picked for ${names.get(item.served) ?? "everybody"}`;

function paintMembers(state, me, host) {
  const levels = new Map(state.levels), most = Math.max(1, ...levels.values());
  const rows = state.members.filter((face) => face.present !== false).map((face) => {
    const said = face.name + (face.member === me ? " (you)" : "") + (face.member === state.host ? " ★ host" : "");
    const bar = make("meter", `${Math.round((100 * (levels.get(face.member) ?? 0)) / most)} %`, `what ${face.name} has had lately`);
    Object.assign(bar, { max: most, value: levels.get(face.member) ?? 0 });
    const asked = host && face.member !== me ? { "Make host": ["handover", `Make ${face.name} host`], Remove: ["kick", `Put ${face.name} out`] } : {};
    const buttons = Object.entries(asked).map(([text, [type, label]]) => make("button", text, label, () => seat.wish({ type, member: face.member })));
    return row(make("span", said), bar, ...buttons);
  });
  $("members").replaceChildren(...rows);
}

function make(tag, text, label, act) {
  const made = Object.assign(document.createElement(tag), { textContent: text });
  if (label) made.setAttribute("aria-label", label);
  if (act) Object.assign(made, { type: "button", onclick: act });
  return made;
}

function row(...parts) {
  const made = document.createElement("li");
  made.append(...parts);
  return made;
}

function paintRights(rights) {
  if (document.activeElement !== $("alpha")) $("alpha").value = rights.alpha_tenths;
  $("alpha-says").textContent = rights.alpha_tenths === 0 ? "plain average" : (rights.alpha_tenths / 10).toFixed(1);
  for (const right of RIGHTS) $(`may-${right}`).checked = rights[right];
}

$("host").addEventListener("change", () => {
  const allowed = RIGHTS.map((right) => [right, $(`may-${right}`).checked]);
  seat.wish({ type: "rights", rights: { alpha_tenths: Number($("alpha").value), ...Object.fromEntries(allowed) } });
});
$("skip").addEventListener("click", () => seat.wish({ type: "skip", item: Number($("skip").dataset.item) }));
$("leave").addEventListener("click", () => seat.leave());

$("search").addEventListener("input", async () => {
  const mine = ++searched, text = $("search").value.trim();
  if (!text) return $("found").replaceChildren();
  await new Promise((later) => setTimeout(later, TYPING_MS));
  if (mine !== searched) return;
  const response = await fetch(`/jam-recs/tracks?q=${encodeURIComponent(text)}`).catch(() => null);
  const tracks = response ? await response.json() : { error: "No answer; try again." };
  if (mine !== searched) return;
  if (!response?.ok) say(tracks.error, true);
  else $("found").replaceChildren(...tracks.slice(0, 8).map(offer));
});

function offer(track) {
  return row(make("span", named(track)), make("button", "Add", `Add ${named(track)}`, () => {
    seat.wish({ type: "add", track_id: track.track_id });
    $("search").value = "";
    $("found").replaceChildren();
    $("search").focus();
  }));
}
