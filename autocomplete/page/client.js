// One request a keystroke, and no stale answer: the first key asks at once, the keys of a fast typist are gathered,
// a newer question aborts the older one, and an answer that is not the newest question's is never handed on.
const GATHER_MS = 30;

export class Suggestions {
  #newest = 0;
  #asked = -Infinity;
  #timer = 0;
  #abort = null;

  constructor(onAnswer, onError) {
    this.onAnswer = onAnswer;
    this.onError = onError;
  }

  ask(text, since) {
    this.forget();
    const wait = this.#asked + GATHER_MS - performance.now();
    if (wait <= 0) this.#send(text, since);
    else this.#timer = setTimeout(() => this.#send(text, since), wait);
  }

  forget() {
    clearTimeout(this.#timer);
    this.#newest += 1;
    this.#abort?.abort();
  }

  async #send(text, since) {
    const mine = this.#newest;
    this.#asked = performance.now();
    this.#abort = new AbortController();
    try {
      const response = await fetch(`/autocomplete/suggest?k=8&q=${encodeURIComponent(text.toWellFormed())}`, { signal: this.#abort.signal });
      const answer = await response.json();
      if (mine !== this.#newest) return;
      if (!response.ok) this.onError(answer.error ?? `HTTP ${response.status}`);
      else this.onAnswer(answer, since, response.headers.get("Server-Timing"));
    } catch (error) {
      if (error.name !== "AbortError" && mine === this.#newest) this.onError("No connection; what is shown is stale.");
    }
  }
}
