// A home slate: every control asks for a new one; what the listener does goes to the events, and the next slate follows from it.
const at = (id) => document.getElementById(id);
const BASE = "/podcast-recs";
let asked = 0, before = new Set();

async function call(path, options) {
  const response = await fetch(BASE + path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

const post = (path, body) => call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
const eventId = () => crypto.getRandomValues(new Uint32Array(1))[0] * 2 ** 20 + (Date.now() % 2 ** 20); // below 2^53, and never the log's own
const element = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name ?? "" });

async function refresh(said) {
  const mine = ++asked;
  const intent = document.querySelector("input[name=intent]:checked").value;
  const parameters = new URLSearchParams({ user: at("listener").value, intent, minutes: at("minutes").value, hour: at("hour").value });
  at("hour-text").textContent = `${at("hour").value}:00`;
  try {
    const began = performance.now();
    const slate = await call(`/slate?${parameters}`);
    if (mine !== asked) return; // an older answer never paints over a newer one
    at("slate").replaceChildren(...slate.slots.map(slot));
    at("slate").dataset.minutes = at("minutes").value;
    before = new Set(slate.slots.map((each) => each.episode));
    await post("/events", slate.slots.map(({ episode, rank, propensity }) => ({
      event_id: eventId(), user: slate.user, episode, what: "shown", position: rank - 1, propensity })));
    const shows = new Map(slate.slots.map((each) => [each.show_id, each.show]));
    at("publish-show").replaceChildren(...[...shows].map(([id, title]) => new Option(title, id)));
    at("status").textContent = `${said ? `${said} ` : ""}${slate.slots.length} episodes in ${(performance.now() - began).toFixed(0)} ms`;
  } catch (error) {
    if (mine === asked) at("status").textContent = error.message;
  }
}

function slot(each) {
  const item = element("li", "", before.size && !before.has(each.episode) ? "new" : "");
  item.dataset.episode = each.episode;
  const minutes = `${each.show} · ${each.kind} · ${each.minutes} min · ${each.published.slice(0, 10)}`;
  const drawn = each.source === "explore" ? ` (drawn with chance ${each.propensity})` : "";
  const acts = element("div", "", "acts");
  acts.append(
    act("Listen", () => listened(each)),
    act("Follow show", () => report([{ what: "followed", episode: each.episode }], `You follow ${each.show}.`)),
    act("Not this show", () => report([{ what: "refused", episode: each.episode }], `No more of ${each.show}.`)),
    act("Show page", () => showPage(each.show_id)),
  );
  item.append(element("strong", each.title), element("small", minutes), element("span", each.reason + drawn, "reason"), acts);
  return item;
}

function act(label, does) {
  const button = element("button", label);
  button.type = "button";
  button.addEventListener("click", does);
  return button;
}

const listened = (each) => report(
  [{ what: "started", episode: each.episode }, { what: "stopped", episode: each.episode, played_ms: each.minutes * 60000 }],
  `You heard «${each.title}».`,
);

async function report(events, said) {
  const user = Number(at("listener").value);
  try {
    await post("/events", events.map((event) => ({ event_id: eventId(), user, ...event })));
    await refresh(said);
  } catch (error) {
    at("status").textContent = error.message;
  }
}

async function showPage(id) {
  const show = await call(`/shows/${id}`);
  const list = document.createElement("ul");
  list.append(...show.episodes.slice(0, 10).map((each) => element("li", `${each.number}. ${each.title} (${each.minutes} min)`)));
  const order = show.oldest_first ? "heard oldest first" : "heard newest first";
  at("show").replaceChildren(element("h2", show.title), element("small", `${show.kind}, ${order}, ${show.followers} followers`), list);
}

at("publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { show: Number(at("publish-show").value), title: at("title").value, description: at("about").value, minutes: Number(at("length").value) };
  try {
    const { episode } = await post("/episodes", body);
    await refresh(`Published as ${episode}.`);
  } catch (error) {
    at("status").textContent = error.message;
  }
});

at("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { episodes } = await call(`/search?q=${encodeURIComponent(at("query").value)}`);
  at("found").replaceChildren(...episodes.map((each) => {
    const item = document.createElement("li");
    item.append(element("strong", each.title), element("small", `${each.show} · ${each.score}`));
    return item;
  }));
  if (!episodes.length) at("found").replaceChildren(element("li", "Nothing found"));
});

at("controls").addEventListener("input", () => refresh());
call("/listeners").then((users) => {
  at("listener").replaceChildren(...users.map((user) => new Option(user, user)));
  refresh();
}).catch((error) => { at("status").textContent = error.message; });
