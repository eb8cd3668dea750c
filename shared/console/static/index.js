// The landing page: one card per system that this console serves.
const list = document.querySelector("#systems");
const response = await fetch("/systems");
for (const system of await response.json()) {
  const item = document.createElement("li");
  const title = document.createElement(system.page ? "a" : "strong");
  title.textContent = system.title;
  if (system.page) title.href = `/${system.verb}/`;
  const answer = document.createElement("p");
  answer.textContent = system.answer;
  item.append(title, answer);
  list.append(item);
}
