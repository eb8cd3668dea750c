// The page: a slider along the frontier, the day's spending while it is played, and the reasons of any decision.
import { chart, ticks } from "./lines.js";

const $ = (id) => document.getElementById(id);
const euros = (micros) => `€${(micros / 1e6).toLocaleString("en", { maximumFractionDigits: micros < 1e8 ? 2 : 0 })}`;
const cents = (micros) => `${(micros / 1e4).toFixed(2)} ¢`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const signed = (value, text) => `${value >= 0 ? "+" : "−"}${text(Math.abs(value))}`;
let frontier = null, chosen = null, timer = null;

async function call(path, body) {
  const options = body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
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
  const { points, beats_fill_all: best } = frontier;
  $("kappa").max = points.length - 1;
  $("kappa").value = points.findIndex((point) => point.kappa === best?.kappa); // none beats it on both axes: the first
  drawFrontier();
}

function drawFrontier() {
  const { points, fill_all: all, policies = {} } = frontier;
  const every = [all, ...points, ...Object.values(policies).flat()];
  const at = (point) => [point.retention, point.revenue_micros];
  const drawing = chart($("frontier"), span(every.map((p) => p.retention), percent), span(every.map((p) => p.revenue_micros), euros));
  for (const [name, others] of Object.entries(policies)) {
    const sorted = others.toSorted((a, b) => a.retention - b.retention);
    drawing.curve(sorted.map(at), "other");
    if (!name.startsWith("churn price")) drawing.dot(at(sorted.at(-1)), "", name, 0); // those are ours, with other estimates
  }
  drawing.curve(points.toSorted((a, b) => a.retention - b.retention).map(at), "ours");
  drawing.dot(at(all), "fill-all", "fill every slot");
  const point = points[Number($("kappa").value)];
  drawing.dot(at(point), "dot", `κ ${point.kappa}`, 7);
  drawing.draw();
  $("kappa").setAttribute("aria-valuetext", `κ ${point.kappa}`);
  const kept = (value) => `${(100 * value).toFixed(1)} points`;
  $("point").replaceChildren(
    row("td", "", `κ ${point.kappa}`, "against «fill every slot»"),
    row("td", "Revenue", euros(point.revenue_micros), signed(point.revenue_micros / all.revenue_micros - 1, percent)),
    row("td", "Listeners kept", percent(point.retention), signed(point.retention - all.retention, kept)),
  );
}

function span(values, format) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most - least || most || 1) * 0.06;
  return { least: least - margin, most: most + margin, ticks: ticks(least, most), format };
}

async function showPacing() {
  const pacing = await call("pacing");
  if ($("shown").options.length === 1) {
    $("shown").append(...pacing.campaigns.map((each) => new Option(`${each.campaign_id}, ${euros(each.budget_micros)}`, each.campaign_id)));
  }
  const one = pacing.campaigns.find((each) => String(each.campaign_id) === $("shown").value) ?? pacing;
  const most = Math.max(one.budget_micros, 1), last = one.spent_micros.length - 1, spent = one.spent_micros[last];
  const hours = { least: 0, most: 24, ticks: [0, 6, 12, 18, 24], format: (hour) => `${hour}:00` };
  const drawing = chart($("pacing"), hours, { least: 0, most, ticks: ticks(0, most), format: euros });
  drawing.curve(pacing.traffic.map((share, i) => [i / 4, share * most]), "plan");
  drawing.curve(one.spent_micros.map((micros, i) => [i / 4, micros]), "ours");
  drawing.dot([last / 4, spent], "dot");
  drawing.draw();
  $("pacing-now").textContent = `${euros(spent)} of ${euros(one.budget_micros)} spent (${percent(spent / most)}); dashed: the budget along yesterday's traffic.`;
  $("play").disabled = pacing.playing;
  say(pacing.playing ? `Playing the day: ${new Date(pacing.now_ms).toISOString().slice(11, 16)} UTC.` : "");
  clearTimeout(timer);
  if (pacing.playing) timer = setTimeout(() => Promise.all([showPacing(), showDecisions()]).catch(complain), 400);
}

const describe = (request) => `${request.country ?? "?"}, ${request.age ?? "age unknown"}, ${request.context}, ${request.hour}:00, ${request.slots} slot${request.slots > 1 ? "s" : ""}`;

async function showDecisions() {
  const { decisions } = await call("decisions");
  const focused = document.activeElement?.closest?.("#decisions li")?.dataset.decision;
  $("decisions").replaceChildren(...decisions.map((each) => {
    const [line, button] = [element("li"), element("button", `${each.decision}: ${describe(each.request)} → ${each.ads.map((ad) => ad.campaign).join(" + ") || "no ad"}`)];
    line.dataset.decision = each.decision;
    button.type = "button";
    button.setAttribute("aria-pressed", each.decision === chosen);
    button.addEventListener("click", () => explain(each.decision).catch(complain));
    line.append(button);
    return line;
  }));
  if (focused) $("decisions").querySelector(`[data-decision="${focused}"] button`)?.focus();
}

async function explain(decision) {
  chosen = decision;
  for (const line of $("decisions").children) line.querySelector("button").setAttribute("aria-pressed", line.dataset.decision === chosen);
  const found = await call(`decisions/${encodeURIComponent(decision)}`);
  const title = element("h3", `${decision}: ${found.ads.length ? `${found.ads.length} of ${found.request.slots} slots` : found.instead}`);
  const same = found.replays_identically ? "the same bytes" : "NOT the same bytes";
  const note = element("p", `${describe(found.request)}, ${found.request.consent ? "consents" : "no consent"}. Made again from its record: ${same}.`);
  const table = element("table");
  table.append(row("th", "Campaign", "Category", "Why", "Price", "Value"));
  for (const each of found.campaigns) {
    const money = each.price_micros > 0 ? [cents(each.price_micros), cents(each.value_micros)] : ["", ""];
    const line = row("td", each.campaign, each.category, each.because, ...money);
    line.classList.toggle("served", each.reason === "SERVED");
    table.append(line);
  }
  $("why").replaceChildren(title, note, table);
}

function row(kind, ...values) {
  const line = element("tr");
  line.append(...values.map((value) => element(kind, value ?? "")));
  return line;
}

function element(name, text = "") {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

async function ask(event) {
  event.preventDefault();
  const { decision } = await call("decide", {
    user: 2_000_000_000 + Math.floor(Math.random() * 1e8), country: $("country").value || null, age: $("age").value || null,
    context: $("context").value, rating: "everyone", consent: $("consent").checked, slots: Number($("slots").value),
  });
  await showDecisions();
  await explain(decision);
}

async function play() {
  $("play").disabled = true;
  await call("play", {});
  await showPacing();
}

async function fillNames() {
  const names = await call("names");
  const fill = (id, values, first) => $(id).append(...first, ...values.map((name) => new Option(name, name, false, name === "US" || name === "25-34")));
  fill("country", names.countries, [new Option("unknown", "")]);
  fill("age", names.ages, [new Option("unknown", "")]);
  fill("context", names.contexts, []);
}

const complain = (error) => say(error.message, true);
$("kappa").addEventListener("input", drawFrontier);
$("shown").addEventListener("change", () => showPacing().catch(complain));
$("play").addEventListener("click", () => play().catch(complain));
$("ask").addEventListener("submit", (event) => ask(event).catch(complain));
say("");
for (const step of [fillNames, showPacing, showDecisions, showFrontier]) await step().catch(complain);
