// The waveform as SVG: one path of peaks, a band for each match, a line where the hearing stands.
const HEIGHT = 176, TOP = 10, FLOOR = 150;

// report: of an upload; wave: {heard_s, peaks}; least: seconds to show at least; choose: called with a match's id.
export function drawWaveform(svg, report, wave, least, chosen, choose) {
  const width = svg.clientWidth || 1000;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const seconds = Math.max(wave.heard_s, least, 1);
  const x = (second) => (second / seconds) * width;
  const bands = report.matches.map((match) => {
    const names = `match ${match.kind}${match.match_id === chosen ? " chosen" : ""}`;
    const band = element("rect", { x: x(match.start_s), y: TOP, width: Math.max(x(match.end_s) - x(match.start_s), 3), height: FLOOR - TOP, class: names });
    const title = element("title", {});
    title.textContent = match.reference;
    band.append(title);
    band.addEventListener("click", () => choose(match.match_id));
    return band;
  });
  const heard = element("line", { x1: x(wave.heard_s), x2: x(wave.heard_s), y1: TOP, y2: FLOOR, class: "heard" });
  svg.replaceChildren(...axis(seconds, x, width), element("path", { d: outline(wave, x), class: "wave" }), ...bands, ...(report.status === "running" ? [heard] : []));
}

function outline(wave, x) {
  const middle = (TOP + FLOOR) / 2, step = wave.heard_s / Math.max(wave.peaks.length, 1);
  const half = wave.peaks.map((peak) => Math.max((peak / 255) * (FLOOR - TOP) / 2, 0.4));
  const above = half.map((size, i) => `${x((i + 0.5) * step).toFixed(1)},${(middle - size).toFixed(1)}`);
  const below = half.map((size, i) => `${x((i + 0.5) * step).toFixed(1)},${(middle + size).toFixed(1)}`).reverse();
  return above.length ? `M${above.join("L")}L${below.join("L")}Z` : "";
}

function axis(seconds, x, width) {
  const step = [1, 5, 10, 30, 60, 300, 600, 1800, 3600].find((each) => seconds / each <= width / 60) ?? 7200;
  const nodes = [element("line", { x1: 0, x2: width, y1: FLOOR, y2: FLOOR, class: "axis" })];
  for (let at = step; at < seconds * 0.97; at += step) {
    nodes.push(element("line", { x1: x(at), x2: x(at), y1: FLOOR, y2: FLOOR + 5, class: "axis" }));
    const label = element("text", { x: x(at), y: FLOOR + 19, "text-anchor": "middle" });
    label.textContent = clock(at);
    nodes.push(label);
  }
  return nodes;
}

export function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function element(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
