// The page: pick a chart and a week; the newest week is followed live over server-sent events, at most one paint a frame.
import { drawBump } from "./bump.js";

const $ = (id) => document.getElementById(id);
const [scope, week, status, rows] = ["scope", "week", "status", "rows"].map($);
const MARK = { new: "new", "re-entry": "re-entry", up: "▲", down: "▼", same: "=" };
const regions = new Intl.DisplayNames(["en"], { type: "region" });
let stream = null, chosen = null, bump = null, shown = "", request = 0, bumps = 0, drawn = 0, choices = 0;

async function get(path) {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return body;
}

async function fillPickers() {
  const known = await get(`/charts/${scope.value}/weeks`);
  const places = known.scopes.filter((code) => code !== "global").map((code) => [code, regions.of(code)]);
  places.sort((a, b) => a[1].localeCompare(b[1]));
  refill(scope, [["global", "Global"], ...places]);
  const weeks = known.weeks.toReversed().map((each) => [each.week, `${each.week} ${each.state}`]);
  refill(week, [["live", "Newest, live"], ...weeks]);
}

function refill(select, options) {
  const value = select.value;
  select.replaceChildren(...options.map(([code, name]) => new Option(name, code)));
  select.value = options.some(([code]) => code === value) ? value : options[0][0];
}

async function load() {
  const mine = ++request;
  stream?.close();
  stream = null;
  if (week.value === "live") return follow(mine);
  try {
    const chart = await get(`/charts/${scope.value}/${week.value}`);
    if (mine === request) paint(chart);
  } catch (error) {
    if (mine === request) say(error.message, true);
  }
}

function follow(mine) {
  stream = new EventSource(`/charts/${scope.value}/live`);
  stream.onmessage = (event) => {
    const chart = JSON.parse(event.data);
    if (chart.error) say("No charts yet: press «Replay a week».", true);
    else requestAnimationFrame(() => { if (mine === request) paint(chart); });
  };
  stream.onerror = () => say("Connection lost; what is shown is stale. Trying again…", true);
}

function say(message, stale = false) {
  status.textContent = message;
  status.classList.toggle("stale", stale);
}

function paint(chart) {
  const before = new Map([...rows.children].map((row) => [row.dataset.artist, row.dataset.rank]));
  const sameChart = shown === `${chart.scope} ${chart.week}`;
  shown = `${chart.scope} ${chart.week}`;
  say(`Week of ${chart.week}: ${chart.state}${chart.revision ? `, revision ${chart.revision}` : ""}. ${chart.rows.length} places.`);
  $("caption").textContent = `Top 50, ${chart.scope === "global" ? "global" : regions.of(chart.scope)}, week of Friday ${chart.week}`;
  $("csv").href = `/charts/${chart.scope}/${chart.week}.csv`;
  $("csv").hidden = false;
  const focused = document.activeElement?.closest?.("#rows tr")?.dataset.artist;
  rows.replaceChildren(...chart.rows.map((row) => {
    const line = tableRow(row);
    if (sameChart && before.get(line.dataset.artist) !== String(row.rank)) line.classList.add("changed");
    return line;
  }));
  if (focused) [...rows.children].find((row) => row.dataset.artist === focused)?.querySelector("button").focus();
  loadBump(chart).catch(() => {});  // a correction may change the weeks before, and no rank of this one
}

function tableRow(row) {
  const line = document.createElement("tr");
  line.dataset.artist = row.artist_id;
  line.dataset.rank = row.rank;
  const moved = row.last_week === null ? "" : Math.abs(row.last_week - row.rank) || "";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = row.artist;
  button.setAttribute("aria-pressed", row.artist_id === chosen);
  button.addEventListener("click", () => choose(row));
  const units = (row.units / 6).toLocaleString("en", { maximumFractionDigits: 1 });
  line.append(cell(row.rank), cell(`${MARK[row.status]} ${moved}`, row.status), cell(button), cell(units, "number"), cell(row.peak, "number"),
    cell(row.weeks, "number"));
  return line;
}

function cell(content, name = "") {
  const node = document.createElement("td");
  node.className = name;
  node.append(content);
  return node;
}

async function loadBump(chart) {
  const mine = ++bumps;
  const found = await get(`/charts/${chart.scope}/bump?week=${chart.week}`);
  if (mine < drawn || shown !== `${chart.scope} ${chart.week}`) return;  // answers overtake each other
  [bump, drawn] = [found, mine];
  drawBump($("bump"), bump, chosen);
}

async function choose(row) {
  const mine = ++choices;
  chosen = row.artist_id;
  for (const line of rows.children) line.querySelector("button").setAttribute("aria-pressed", line.dataset.artist === chosen);
  if (bump) drawBump($("bump"), bump, chosen);
  const found = await get(`/charts/${scope.value}/artists/${encodeURIComponent(row.artist_id)}`);
  if (mine !== choices) return;  // somebody else was chosen meanwhile
  const title = document.createElement("h2");
  title.textContent = found.artist;
  const list = document.createElement("ol");
  list.append(...found.weeks.map((each) => {
    const item = document.createElement("li");
    item.textContent = `${each.week}: rank ${each.rank} (${each.status}), peak ${each.peak}, week ${each.weeks}, ${each.streak} in a row`;
    return item;
  }));
  $("history").replaceChildren(title, list);
}

async function replay() {
  $("replay").disabled = true;
  try {
    const response = await fetch("/charts/global/replay", { method: "POST" });
    say(response.ok ? "Replaying a week of the tiny world; the first plays arrive in a few seconds…" : (await response.json()).error, !response.ok);
    week.value = "live";
    load();
  } finally {
    setTimeout(() => { $("replay").disabled = false; fillPickers().catch(() => {}); }, 5000);
  }
}

scope.addEventListener("change", load);
week.addEventListener("change", load);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("replay").addEventListener("click", replay);
await fillPickers().catch((error) => say(error.message, true));
load();
