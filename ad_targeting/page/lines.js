// A small line chart in SVG: axes with a few labels, curves, dots. Values in, no library.
const WIDTH = 640, HEIGHT = 300, LEFT = 58, RIGHT = 16, TOP = 16, BOTTOM = 34;

export function chart(svg, x, y) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const across = (value) => LEFT + ((value - x.least) / (x.most - x.least || 1)) * (WIDTH - LEFT - RIGHT);
  const up = (value) => HEIGHT - BOTTOM - ((value - y.least) / (y.most - y.least || 1)) * (HEIGHT - TOP - BOTTOM);
  const nodes = [];
  for (const value of x.ticks) {
    nodes.push(text(across(value), HEIGHT - 12, x.format(value), value === x.ticks.at(-1) ? "end" : "middle"));
  }
  for (const value of y.ticks) {
    nodes.push(element("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: up(value), y2: up(value) }));
    nodes.push(text(LEFT - 6, up(value) + 4, y.format(value), "end"));
  }
  return {
    curve(points, name) {
      const path = points.map(([a, b], i) => `${i ? "L" : "M"}${across(a).toFixed(1)},${up(b).toFixed(1)}`).join("");
      nodes.push(element("path", { d: path, class: name }));
    },
    dot([a, b], name, label = "", radius = 4) {
      nodes.push(element("circle", { cx: across(a), cy: up(b), r: radius, class: name }));
      const right = across(a) > WIDTH - 130;
      if (label) nodes.push(text(across(a) + (right ? -8 : 8), up(b) - 8, label, right ? "end" : "start", "chosen"));
    },
    draw: () => svg.replaceChildren(...nodes),
  };
}

export function ticks(least, most, count = 4) {
  return Array.from({ length: count + 1 }, (_, i) => least + ((most - least) * i) / count);
}

function text(x, y, content, anchor, name = "") {
  const node = element("text", { x, y, "text-anchor": anchor, class: name });
  node.textContent = content;
  return node;
}

function element(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
