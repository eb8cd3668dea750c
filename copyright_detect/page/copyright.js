// The page: play the demo or send a file in parts; look four times a second at what was heard of it; click through to the evidence.
import { clock, drawWaveform } from "./waveform.js";

const $ = (id) => document.getElementById(id);
const [status, waveform, rows] = ["status", "waveform", "rows"].map($);
const BASE = "/copyright-detect", PART_BYTES = 1 << 20, LOOK_MS = 250, DEMO_SECONDS = 100;
const MOVING = new Set(["receiving", "preparing", "running"]);
let watched = null, least = 0, report = null, wave = null, chosen = null, drawn = "";

async function ask(path, options) {
  const response = await fetch(`${BASE}/${path}`, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return body;
}

function say(message, alarm = false) {
  if (status.textContent !== message) status.textContent = message;
  status.classList.toggle("alarm", alarm);
}

async function playDemo() {
  watch((await ask(`demo?level_db=${$("level").value}`, { method: "POST" })).upload, DEMO_SECONDS);
}

async function sendFile(file) {
  if (!file) throw new Error("Choose a file first.");
  if (!file.size) throw new Error("The file is empty.");
  const { upload } = await ask(`uploads?show=${encodeURIComponent($("show").value)}`, { method: "POST" });
  const parts = Math.ceil(file.size / PART_BYTES);
  for (let part = 0; part < parts; part++) {
    say(`Sending ${file.name}: part ${part + 1} of ${parts}`);
    const body = file.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
    await ask(`uploads/${upload}/parts/${part}?last=${part === parts - 1}`, { method: "PUT", body, headers: { "Content-Type": "application/octet-stream" } });
  }
  watch(upload, 0);
}

function watch(upload, seconds) {
  [watched, least, report, wave, chosen, drawn] = [upload, seconds, null, null, null, ""];
  $("evidence").hidden = true;
  look(upload);
}

async function look(upload) {
  try {
    const found = await ask(`uploads/${upload}`);
    const sound = found.heard_s ? await ask(`uploads/${upload}/waveform`) : { heard_s: 0, peaks: [] };
    if (watched !== upload) return;
    [report, wave] = [found, sound];
    requestAnimationFrame(paint);
    if (MOVING.has(found.status)) setTimeout(look, LOOK_MS, upload);
    else listUploads();
  } catch (error) {
    if (watched === upload) say(error.message, true);
  }
}

function paint() {
  drawWaveform(waveform, report, wave, least, chosen, choose);
  waveform.setAttribute("aria-label", `Waveform of the upload, ${clock(wave.heard_s)} heard, ${report.matches.length} matches`);
  say(...summary());
  const now = JSON.stringify([report.matches, report.decisions, chosen]);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.closest?.("#rows tr")?.dataset.match;
  rows.replaceChildren(...report.matches.map(matchRow));
  $("matches").hidden = report.matches.length === 0;
  if (focused) rows.querySelector(`tr[data-match="${focused}"] button`)?.focus();
  paintRights();
}

function summary() {
  const heard = `${clock(report.heard_s)} heard`;
  const open = report.matches.filter((match) => match.kind !== "closed");
  if (report.status === "failed") return [`Failed: ${report.error}`, true];
  if (report.status === "interrupted") return [`Interrupted after ${heard}: the server stopped. Send it again.`, true];
  if (report.status === "preparing") return ["Composing and indexing the demo’s songs; this takes some seconds, once…"];
  if (open.length) return [`Alarm at ${clock(open[0].alarm_s)}: ${open[0].reference}. ${heard}, and listening on.`, true];
  const count = `${report.matches.length} ${report.matches.length === 1 ? "match" : "matches"}`;
  return [report.status === "running" ? `Listening: ${heard}, ${count} so far.` : `Upload ${report.status}: ${heard}, ${count}.`];
}

function matchRow(match) {
  const line = node("tr", ""), button = node("button", "", match.reference);
  line.dataset.match = match.match_id;
  button.type = "button";
  button.setAttribute("aria-pressed", match.match_id === chosen);
  button.addEventListener("click", () => choose(match.match_id));
  const actions = report.decisions.filter((each) => each.reference === match.reference).map((each) => each.action);
  const strictest = ["block", "monetise", "track"].find((each) => actions.includes(each)) ?? "none";
  line.append(
    cell("In the upload", `${clock(match.start_s)}–${clock(match.end_s)}${match.kind === "closed" ? "" : " …"}`), cell("", button),
    cell("In the reference", `${clock(match.ref_start_s)}–${clock(match.ref_end_s)}`), cell("Alarm at", clock(match.alarm_s), "number"),
    cell("Bits", match.score.toFixed(0), "number"), cell("False alarms", rate(match.expected_false_alarms_per_1000h), "number"),
    cell("Strictest", strictest, strictest));
  return line;
}

function rate(value) {
  return value >= 0.01 ? value.toFixed(2) : value < 1e-12 ? "< 1e-12" : value.toExponential(0);
}

function cell(name, content, className = "") {
  const made = node("td", className, content);
  made.dataset.name = name;
  return made;
}

function paintRights() {
  $("rights").hidden = report.decisions.length === 0;
  $("territories").replaceChildren(...Object.entries(report.actions).map(([territory, action]) => node("li", "", `${territory}: `, node("span", action, action))));
  $("audit").replaceChildren(...report.decisions.map((each) => node("li", "", `${each.reference}: ${each.because}`)));
}

function node(name, className, ...content) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

function choose(id) {
  chosen = id;
  const match = report.matches.find((each) => each.match_id === id), place = `${BASE}/uploads/${watched}`;
  $("evidence-title").textContent = `Evidence: ${match.reference}`;
  $("picture").src = `${place}/evidence/${id}.png`;
  $("picture").alt = `Spectrograms of the upload from ${clock(match.start_s)} to ${clock(match.end_s)} and, aligned below, of ${match.reference} from ${clock(match.ref_start_s)} to ${clock(match.ref_end_s)}`;
  $("record").href = `${place}/evidence/${id}.json`;
  $("upload-sound").src = `${place}/sound.wav?begin_s=${match.start_s}&end_s=${Math.min(match.end_s, match.start_s + 600)}`;
  $("reference-sound").src = `${place}/reference/${id}.wav`;
  $("evidence").hidden = false;
  $("evidence").focus({ preventScroll: true });
  $("evidence").scrollIntoView({ block: "nearest" });
  paint();
}

async function listUploads() {
  const { uploads } = await ask("uploads");
  $("earlier").replaceChildren(new Option("uploads", ""), ...uploads.slice(0, 50).map((each) => new Option(`${each.upload} (${each.status})`, each.upload)));
}

async function guarded(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
}

$("demo").addEventListener("click", () => guarded($("demo"), playDemo));
$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  guarded($("send"), () => sendFile($("file").files[0]));
});
$("earlier").addEventListener("change", () => $("earlier").value && watch($("earlier").value, 0));
listUploads().catch((error) => say(error.message, true));
