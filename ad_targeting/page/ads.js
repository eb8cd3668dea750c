// The page: a slider along the frontier, the day's spending while it is played, and the reasons of any decision.
import { chart, ticks } from "./lines.js";

const $ = (id) => document.getElementById(id);
const euros = (micros) => `€${(micros / 1e6).toLocaleString("en", { maximumFractionDigits: 0 })}`;
const cents = (micros) => `${(micros / 1e4).toFixed(2)} ¢`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
let frontier = null, chosen = null, timer = null;

async function call(path, method = "GET", body) {
  const options = body ? { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : { method };
  const response = await fetch(`/ad-targeting/${path}`, options);
  const found = await response.json();
  if (!response.ok) throw new Error(found.error ?? found.detail?.[0]?.msg ?? `HTTP ${response.status}`);
  return found;
}

function say(message, stale = false) {
  $("status").textContent = message;
  $("status").classList.toggle("stale", stale);
}

async function showFrontier() {
  frontier = await call("frontier");
  $("kappa").max = frontier.points.length - 1;
  $("kappa").value = best();
  drawFrontier();
}

// The point with the most revenue among those that beat «fill every slot» on both axes, else with the most revenue.
function best() {
  const all = frontier.fill_all;
  const beats = frontier.points.filter((point) => point.revenue_micros > all.revenue_micros && point.retention > all.retention);
  const pool = beats.length ? beats : frontier.points;
  return frontier.points.indexOf(pool.reduce((a, b) => (b.revenue_micros > a.revenue_micros ? b : a)));
}

function drawFrontier() {
  const lines = { ours: frontier.points, ...(frontier.policies ?? {}) };
  const every = [frontier.fill_all, ...Object.values(lines).flat()];
  const [x, y] = [span(every.map((p) => p.retention), percent), span(every.map((p) => p.revenue_micros), euros)];
  const drawing = chart($("frontier"), x, y);
  const at = (point) => [point.retention, point.revenue_micros];
  for (const [name, points] of Object.entries(lines)) {
    const sorted = points.toSorted((a, b) => a.retention - b.retention);
    drawing.curve(sorted.map(at), name === "ours" ? "ours" : "other");
    if (name !== "ours") drawing.dot(at(sorted[0]), "", name, 0);
  }
  drawing.dot(at(frontier.fill_all), "fill-all", "fill every slot");
  const point = frontier.points[Number($("kappa").value)];
  drawing.dot(at(point), "dot", `κ ${point.kappa}`, 7);
  drawing.draw();
  $("kappa").setAttribute("aria-valuetext", `κ ${point.kappa}`);
  const change = (now, before) => `${now >= before ? "+" : "−"}${percent(Math.abs(now / before - 1))}`;
  const points = 100 * (point.retention - frontier.fill_all.retention);
  list($("point"), {
    "κ": point.kappa,
    "Revenue": euros(point.revenue_micros),
    "against «fill every slot»": change(point.revenue_micros, frontier.fill_all.revenue_micros),
    "Listeners kept": percent(point.retention),
    "against «fill every slot» ": `${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)} points`,
  });
}

function span(values, format) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least || most || 1) * 0.06;
  return { least: least - margin, most: most + margin, ticks: ticks(least, most), format };
}

function list(node, entries) {
  node.replaceChildren(...Object.entries(entries).flatMap(([term, value]) => {
    const [dt, dd] = ["dt", "dd"].map((name) => document.createElement(name));
    dt.textContent = term;
    dd.textContent = value;
    return [dt, dd];
  }));
}

async function showPacing() {
  const pacing = await call("pacing");
  if ($("shown").options.length === 1) {
    $("shown").append(...pacing.campaigns.map((each) => new Option(`${each.campaign_id}, ${euros(each.budget_micros)}`, each.campaign_id)));
  }
  const one = pacing.campaigns.find((each) => String(each.campaign_id) === $("shown").value) ?? pacing;
  const most = Math.max(one.budget_micros, 1);
  const hours = { least: 0, most: 24, ticks: [0, 6, 12, 18, 24], format: (hour) => `${hour}:00` };
  const drawing = chart($("pacing"), hours, { least: 0, most, ticks: ticks(0, most), format: euros });
  drawing.curve(pacing.traffic.map((share, i) => [i / 4, share * most]), "plan");
  drawing.curve(one.spent_micros.map((micros, i) => [i / 4, micros]), "ours");
  const last = one.spent_micros.length - 1;
  drawing.dot([last / 4, one.spent_micros[last]], "dot");
  drawing.draw();
  const spent = one.spent_micros[last];
  $("pacing-now").textContent = `${euros(spent)} of ${euros(one.budget_micros)} spent (${percent(spent / most)}); dashed: the budget along yesterday's traffic.`;
  $("play").disabled = pacing.playing;
  if (pacing.playing) {
    say(`Playing the day: ${new Date(pacing.now_ms).toISOString().slice(11, 16)} UTC.`);
    clearTimeout(timer);
    timer = setTimeout(() => Promise.all([showPacing(), showDecisions()]).catch(complain), 400);
  } else {
    say("");
  }
}

async function showDecisions() {
  const { decisions } = await call("decisions");
  const focused = document.activeElement?.closest?.("#decisions li")?.dataset.decision;
  $("decisions").replaceChildren(...decisions.map((each) => {
    const [line, button] = [document.createElement("li"), document.createElement("button")];
    line.dataset.decision = each.decision;
    button.type = "button";
    button.textContent = `${each.decision}: ${describe(each.request)} → ${each.ads.map((ad) => ad.campaign).join(" + ") || "no ad"}`;
    button.setAttribute("aria-pressed", each.decision === chosen);
    button.addEventListener("click", () => explain(each.decision).catch(complain));
    line.append(button);
    return line;
  }));
  if (focused) $("decisions").querySelector(`[data-decision="${focused}"] button`)?.focus();
}

const describe = (request) => `${request.country ?? "?"}, ${request.age ?? "age unknown"}, ${request.context}, ${request.hour}:00, ${request.slots} slot${request.slots > 1 ? "s" : ""}`;

async function explain(decision) {
  chosen = decision;
  for (const line of $("decisions").children) line.querySelector("button").setAttribute("aria-pressed", line.dataset.decision === chosen);
  const found = await call(`decisions/${encodeURIComponent(decision)}`);
  const [title, note, table] = ["h3", "p", "table"].map((name) => document.createElement(name));
  title.textContent = `${decision}: ${found.ads.length ? `${found.ads.length} of ${found.request.slots} slots` : found.instead}`;
  note.className = "quiet";
  note.textContent = `${describe(found.request)}, ${found.request.consent ? "consents" : "no consent"}. ${found.replays_identically ? "Made again from its record: the same bytes." : "Made again from its record: NOT the same bytes."}`;
  table.append(row("th", "Campaign", "Category", "Why", "Price", "Value"));
  for (const each of found.campaigns) {
    const priced = each.price_micros > 0;
    const line = row("td", each.campaign, each.category, each.because, priced ? cents(each.price_micros) : "", priced ? cents(each.value_micros) : "");
    line.classList.toggle("served", each.reason === "SERVED");
    table.append(line);
  }
  $("why").replaceChildren(title, note, table);
}

function row(kind, ...values) {
  const line = document.createElement("tr");
  line.append(...values.map((value, i) => {
    const cell = document.createElement(kind);
    cell.textContent = value ?? "";
    if (i > 2) cell.className = "number";
    return cell;
  }));
  return line;
}

async function ask(event) {
  event.preventDefault();
  const { now_ms: now } = await call("pacing");
  const moment = now - (now % 86_400_000) + Number($("hour").value) * 3_600_000;
  const asked = {
    user: 2_000_000_000 + Math.floor(Math.random() * 1e8), country: $("country").value || null, age: $("age").value || null,
    context: $("context").value, rating: "everyone", consent: $("consent").checked, slots: Number($("slots").value), zone: "UTC", moment_ms: moment,
  };
  const { decision } = await call("decide", "POST", asked);
  await showDecisions();
  await explain(decision);
}

async function play() {
  $("play").disabled = true;
  await call("play", "POST");
  say("Playing the day: the first breaks arrive in a few seconds…");
  setTimeout(() => showPacing().catch(complain), 300);
}

async function fillNames() {
  const names = await call("names");
  const fill = (id, values, unknown) => $(id).replaceChildren(...(unknown ? [new Option(unknown, "")] : []), ...values.map((name) => new Option(name, name)));
  fill("country", names.countries, "unknown");
  fill("age", names.ages, "unknown");
  fill("context", names.contexts);
  $("country").value = "US";
  $("age").value = "25-34";
}

const complain = (error) => say(error.message, true);
$("kappa").addEventListener("input", drawFrontier);
$("shown").addEventListener("change", () => showPacing().catch(complain));
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("play").addEventListener("click", () => play().catch(complain));
$("ask").addEventListener("submit", (event) => ask(event).catch(complain));
say("");
for (const step of [fillNames, showPacing, showDecisions, showFrontier]) await step().catch(complain);
