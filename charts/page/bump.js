// The bump chart: one line an artist over the weeks, drawn as SVG; a gap where the artist was below the places that are drawn.
const WIDTH = 480, ROW = 22, LEFT = 24, RIGHT = 150, TOP = 26, DEEPEST = 20;

const drawn = (rank) => rank > 0 && rank <= DEEPEST;

export function drawBump(svg, bump, chosen) {
  const height = TOP + DEEPEST * ROW + 8;
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, bump.weeks.length - 1);
  const x = (week) => LEFT + week * step;
  const y = (rank) => TOP + (rank - 0.5) * ROW;
  const labels = bump.weeks.map((week, i) => text(x(i), 14, week.slice(5), "middle"));
  const lines = bump.artists.map((artist) => line(artist, x, y, artist.artist_id === chosen));
  svg.replaceChildren(...labels, ...lines.sort((a, b) => a.classList.contains("chosen") - b.classList.contains("chosen")));
}

function line(artist, x, y, chosen) {
  const group = element("g", chosen ? { class: "chosen" } : {});
  let path = "";
  artist.ranks.forEach((rank, i) => {
    if (!drawn(rank)) return;
    path += `${drawn(artist.ranks[i - 1]) ? "L" : "M"}${x(i).toFixed(1)},${y(rank).toFixed(1)}`;
    group.append(element("circle", { cx: x(i), cy: y(rank), r: 3 }));
  });
  group.prepend(element("path", { d: path }));
  const last = artist.ranks.length - 1;
  const name = artist.artist.length > 22 ? `${artist.artist.slice(0, 21)}…` : artist.artist;
  group.append(text(x(last) + 8, y(artist.ranks[last]) + 3, `${artist.ranks[last]} ${name}`, "start"));
  return group;
}

function text(x, y, content, anchor) {
  const node = element("text", { x, y, "text-anchor": anchor });
  node.textContent = content;
  return node;
}

function element(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
