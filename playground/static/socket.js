// The one door to the playground: numbered requests and unasked events over a WebSocket that
// reconnects by itself.

const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 5000;

/** A refusal from the server, with Discord's error code where there is one. */
export class Refusal extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

/** A request that had no answer because the line dropped. */
export class Disconnected extends Error {}

export class Socket {
  #url;
  #socket = null;
  #next = 1;
  #waiting = new Map();
  #delay = FIRST_DELAY_MS;

  /** `handlers`: onOpen(), onClose(), onEvent(type, data). */
  constructor(url, handlers) {
    this.#url = url;
    this.handlers = handlers;
  }

  connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#delay = FIRST_DELAY_MS;
      this.handlers.onOpen();
    });
    socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    socket.addEventListener("close", () => this.#lost());
  }

  request(verb, args = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Disconnected());
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ ...args, id, do: verb }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #receive(frame) {
    if (frame.event) {
      this.handlers.onEvent(frame.event, frame.data);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    if (!waiting) return;
    this.#waiting.delete(frame.id);
    if (frame.ok) waiting.resolve(frame.result);
    else waiting.reject(new Refusal(frame.error));
  }

  #lost() {
    for (const { reject } of this.#waiting.values()) reject(new Disconnected());
    this.#waiting.clear();
    this.handlers.onClose();
    setTimeout(() => this.connect(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }
}
