// A member at a socket: comes back after every break, catches up from his version, sends each wish until it is answered.
import { Gap, follow } from "./follow.js";

const BEAT_MS = 5000, SILENT_MS = 12_000, AGAIN_MS = [100, 200, 400, 800, 1600, 3000];
const UNANSWERED = new Set(["log_full", "slow_down", "not_here"]);
const FORBIDDEN = 4403, OVER = 4410;

export class Seat {
  constructor(card, { painted, said, refused, ended }) {
    Object.assign(this, { card, painted, said, refused, ended });
    this.room = null;
    this.waiting = new Map(); // wishes without an answer, by their number
    this.tries = 0;
    this.connect();
    this.beats = setInterval(() => this.beat(), BEAT_MS);
  }

  connect() {
    const url = new URL(`/jam-recs/rooms/${this.card.room}/socket`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.heardAt = this.beatAt = performance.now();
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => {
      this.say({ type: "hello", token: this.card.token, version: this.room?.version ?? 0 });
      this.say({ type: "beat" }); // answered even when nothing was missed
      for (const ask of this.waiting.values()) this.say(ask);
    };
    socket.onmessage = (message) => socket === this.socket && this.hear(JSON.parse(message.data));
    socket.onclose = (event) => socket === this.socket && this.closed(event);
  }

  closed({ code, reason }) {
    this.socket = null;
    if (code === FORBIDDEN || code === OVER || this.left) {
      clearInterval(this.beats);
      this.ended(reason);
      return;
    }
    this.said("Connection lost; trying again …", true);
    setTimeout(() => this.connect(), AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
  }

  wish(wish) {
    const ask = { type: "ask", seq: this.card.next++, wish };
    this.card.keep();
    this.waiting.set(ask.seq, ask);
    this.say(ask);
    return ask.seq;
  }

  say(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  beat() { // in a hidden tab once a minute
    const now = performance.now(), answered = this.heardAt >= this.beatAt;
    if (this.socket && !answered && now - this.beatAt > SILENT_MS) this.socket.close(); // a dead line does not say so
    if (answered) this.beatAt = now;
    this.say({ type: "beat" });
  }

  hear(frame) {
    this.heardAt = performance.now();
    if (this.tries) this.said("");
    this.tries = 0;
    if (frame.type === "reset") this.room = null; // the server's log never had this version
    if (frame.type === "resync") this.waiting.forEach((ask) => this.say(ask)); // answers were dropped too
    if (["beat", "resync", "reset"].includes(frame.type)) return;
    if (frame.type === "rejected") return this.rejected(frame);
    if (frame.kind === "again") return this.answered(frame.seq);
    try {
      this.room = follow(this.room, frame);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      this.socket.close();
      return;
    }
    if (frame.member === this.card.member) this.answered(frame.seq);
    this.painted(this.room, frame);
  }

  answered(seq) {
    this.waiting.delete(seq);
  }

  rejected({ seq, code }) {
    const ask = this.waiting.get(seq);
    if (ask && UNANSWERED.has(code)) return setTimeout(() => this.waiting.has(seq) && this.say(ask), 300);
    this.answered(seq);
    this.refused(code);
  }

  leave() {
    this.left = true;
    this.wish({ type: "leave" });
  }
}
