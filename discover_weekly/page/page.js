// One listener's list: ask, paint as text, say what went wrong in words.
const said = document.querySelector("#said");
const tracks = document.querySelector("#tracks");
let latest = 0;

async function show(user) {
  const mine = ++latest; // an answer that a newer question has overtaken is not painted
  const response = await fetch(`/discover-weekly/${encodeURIComponent(user)}`).catch(() => null);
  if (mine !== latest) return;
  if (!response) return say("The console does not answer.");
  const answer = await response.json();
  if (mine !== latest) return;
  if (!response.ok) return say(answer.error ?? "That is no listener.");
  say(`Week ${answer.week}, ${answer.tracks.length} tracks`);
  tracks.replaceChildren(...answer.tracks.map(row));
}

function say(text) {
  said.textContent = text;
  tracks.replaceChildren();
}

function row(track) {
  const item = document.createElement("li");
  const reason = document.createElement("small");
  if (track.because_of >= 0) {
    const share = document.createElement("meter");
    share.value = track.share;
    share.ariaLabel = "share of what speaks for it";
    reason.append(share);
  }
  reason.append(track.reason);
  item.append(track.title, reason);
  return item;
}

document.querySelector("#who").addEventListener("submit", (event) => {
  event.preventDefault();
  show(document.querySelector("#user").value);
});
show(0);
