// The story of a year: one card at a time, by tap, swipe or key. Cards come as SVG from the service and are put in as elements, so their
// text can be read, and animated by style sheets alone. Nothing plays by itself: the reader turns the page.

const at = (id) => document.getElementById(id);
const SWIPE = 40;

let story = { cards: [] };
let place = 0;
let turn = 0; // drops what arrives for a card that was left meanwhile
let touched = null;

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({}));
    throw new Error(error ?? `The service answered ${answer.status}.`);
  }
  return answer;
}

const address = (name, kind) => `stories/${story.year}/${encodeURIComponent(story.user)}/${name}.${kind}`;

async function draw(name) {
  const text = await (await ask(address(name, "svg"))).text();
  const drawing = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  drawing.querySelector("title")?.remove(); // aria-label says it; a tooltip would only be in the way
  return document.importNode(drawing, true);
}

async function show(next, step = 1) {
  place = Math.max(0, Math.min(next, story.cards.length - 1));
  const card = story.cards[place];
  const mine = ++turn;
  at("back").disabled = place === 0;
  at("next").disabled = place === story.cards.length - 1;
  [...at("progress").children].forEach((bar, number) => bar.classList.toggle("seen", number <= place));
  const drawing = await draw(card.name);
  if (mine !== turn) return;
  at("stage").style.setProperty("--from", step < 0 ? "-4%" : "4%");
  at("stage").replaceChildren(drawing);
  at("story").style.setProperty("background", card.ground);
  at("spoken").textContent = `Card ${place + 1} of ${story.cards.length}. ${card.alt}`;
  at("save").href = address(card.name, "png");
  at("save").download = `wrapped-${story.year}-${card.name}.png`;
  if (story.cards[place + 1]) fetch(address(story.cards[place + 1].name, "svg")); // so that the next turn is immediate
}

async function open(year, user) {
  story = await (await ask(`stories/${encodeURIComponent(year)}/${encodeURIComponent(user)}`)).json();
  at("progress").replaceChildren(...story.cards.map(() => document.createElement("li")));
  at("user").value = user;
  at("year").value = year;
  history.replaceState(null, "", `?user=${encodeURIComponent(user)}&year=${encodeURIComponent(year)}`);
  await show(0);
}

function tell(work) {
  at("problem").hidden = true;
  return work().catch((error) => {
    at("problem").textContent = error.message;
    at("problem").hidden = false;
  });
}

const move = (step) => tell(async () => { if (step && story.cards.length) await show(place + step, step); });

at("choose").addEventListener("submit", (event) => {
  event.preventDefault();
  tell(() => open(at("year").value, at("user").value));
});

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
  const steps = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1, Home: -story.cards.length, End: story.cards.length };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  }
});

// A finger or a mouse turns the page when it is lifted: a swipe by its direction, a tap by its side. What a browser makes of it as a click
// (or not, after a swipe) is then spent; clicks without a pointer are those of a keyboard or a reader's tool.
const sides = { back: -1, next: 1 };
at("story").addEventListener("pointerdown", (event) => { touched = event.button ? null : { x: event.clientX, y: event.clientY }; });
at("story").addEventListener("pointerup", (event) => {
  if (!touched) return;
  const across = event.clientX - touched.x;
  const down = event.clientY - touched.y;
  if (Math.abs(across) > SWIPE && Math.abs(across) > Math.abs(down)) move(across < 0 ? 1 : -1);
  else if (Math.hypot(across, down) < SWIPE) move(sides[event.target.id] ?? 0);
});
at("story").addEventListener("click", (event) => {
  if (event.detail === 0 || !touched) move(sides[event.target.id] ?? 0);
  touched = null;
});

tell(async () => {
  const { years, users } = await (await ask("stories")).json();
  if (!years.length) throw new Error("No year has been published yet. Run: liner wrapped demo");
  const option = (value) => Object.assign(document.createElement("option"), { value, textContent: value });
  at("year").replaceChildren(...years.map(option));
  at("users").replaceChildren(...users.map(option));
  const wanted = new URLSearchParams(location.search);
  if (!users.length && !wanted.get("user")) throw new Error("Nobody is left in the newest year. Choose a user and a year.");
  await open(wanted.get("year") ?? years[0], wanted.get("user") ?? users[0]);
});
