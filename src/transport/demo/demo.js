// Made of clients/js/demo and clients/js/src by `npm run demo` in clients/js: change it there.

/*!
QR codes are made by uqr, whose code is part of this script:

MIT License

Copyright (c) Project Nayuki
Copyright (c) 2023 Anthony Fu <https://github.com/antfu>

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
*/
"use strict";
(() => {
  // src/errors.ts
  var IntercessorError = class extends Error {
    /** `code` is what a program tells errors apart by; codes of a later relay are possible. */
    constructor(code, message, context = {}) {
      super(message);
      this.code = code;
      Object.assign(this, context);
    }
    code;
    name = "IntercessorError";
    closeCode;
    to;
    type;
    ref;
    errors;
  };

  // src/emitter.ts
  var Emitter = class {
    #listeners = /* @__PURE__ */ new Map();
    /** Adds a listener. What is returned removes it. */
    on(name, listener, options = {}) {
      const listeners = this.#listeners.get(name) ?? /* @__PURE__ */ new Set();
      this.#listeners.set(name, listeners);
      const off = () => {
        listeners.delete(call);
        options.signal?.removeEventListener("abort", off);
      };
      const call = (event) => {
        if (options.once) {
          off();
        }
        listener(event);
      };
      if (!options.signal?.aborted) {
        listeners.add(call);
        options.signal?.addEventListener("abort", off);
      }
      return off;
    }
    /** Calls who listens now. */
    emit(name, event) {
      for (const listener of [...this.#listeners.get(name) ?? []]) {
        try {
          listener(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    }
  };

  // src/inbox.ts
  var UNREAD = 1024;
  var Inbox = class {
    /** `onDone` is called once, when nothing more is to be put in. */
    constructor(limit, onDone) {
      this.limit = limit;
      this.onDone = onDone;
    }
    limit;
    onDone;
    #waiting = [];
    #takers = [];
    #done = false;
    #error;
    /** Over the bound the reader gets what waits, and then an error. */
    put(value) {
      const taker = this.#takers.shift();
      if (taker) {
        taker.resolve({ done: false, value });
      } else if (this.#waiting.length < this.limit) {
        this.#waiting.push(value);
      } else {
        const detail = `${this.limit} messages wait to be read, and this one has no place: read faster, or give a higher limit`;
        this.end(new IntercessorError("UNREAD", detail));
      }
    }
    /** Nothing comes after what waits. */
    end(error) {
      if (!this.#done) {
        this.#done = true;
        this.#error = error;
        this.onDone();
        for (const taker of this.#takers.splice(0)) {
          this.#over(taker);
        }
      }
    }
    next() {
      return new Promise((resolve, reject) => {
        if (this.#waiting.length > 0) {
          resolve({ done: false, value: this.#waiting.shift() });
        } else if (this.#done) {
          this.#over({ resolve, reject });
        } else {
          this.#takers.push({ resolve, reject });
        }
      });
    }
    /** The reader has had enough. */
    async return() {
      this.#waiting.length = 0;
      this.end();
      return { done: true, value: void 0 };
    }
    [Symbol.asyncIterator]() {
      return this;
    }
    #over({ resolve, reject }) {
      const error = this.#error;
      this.#error = void 0;
      if (error === void 0) {
        resolve({ done: true, value: void 0 });
      } else {
        reject(error);
      }
    }
  };

  // src/receipt.ts
  var Receipt = class _Receipt extends Promise {
    /** What `then` and its kin return are plain promises. */
    static get [Symbol.species]() {
      return Promise;
    }
    /** Calls `onWanted` once somebody waits for it. */
    static make(onWanted) {
      let settle = () => {
      };
      const receipt = new _Receipt((resolve, reject) => {
        settle = (error) => error ? reject(error) : resolve();
      });
      Promise.prototype.then.call(receipt, void 0, () => {
      });
      receipt.#onWanted = onWanted;
      return { receipt, settle };
    }
    #onWanted;
    then(onFulfilled, onRejected) {
      this.#onWanted?.();
      this.#onWanted = void 0;
      return super.then(onFulfilled, onRejected);
    }
  };

  // src/backoff.ts
  var FIRST = 250;
  var LONGEST = 15e3;
  function backoff(attempt, random) {
    return random() * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt - 1, 16));
  }

  // src/codes.ts
  var FINAL = [1e3, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4404, 4409, 4410, 4422];
  function broken(reason) {
    return { code: 1006, reason, told: false };
  }
  function isFinal(end) {
    return end.told && end.reconnectIn === void 0 && FINAL.includes(end.code);
  }
  function endOf(code, reason) {
    return { code, reason, told: code >= 4400 || FINAL.includes(code) && code !== 1e3 };
  }

  // src/discovery.ts
  var WELL_KNOWN = "/.well-known/intercessor";
  var DISCOVERY_TIMEOUT = 5e3;
  var REMEMBERED = 6e5;
  async function discover(options, signal) {
    const base = options.url.replace(/[?#].*$/, "").replace(/\/+$/, "");
    if (base.startsWith("ws")) {
      return [websocket(base)];
    }
    const document2 = await fetchDocument(base + WELL_KNOWN, options, signal);
    const ways = read(document2);
    const near = websocket(base.replace(/^http/, "ws"));
    if (ways.length === 0) {
      return [near];
    }
    const distance = (way2) => way2.transport === "webtransport" || origin(way2.url) === origin(near.url) ? 0 : 1;
    return ways.sort((a, b) => distance(a) - distance(b));
  }
  async function fetchDocument(url, options, signal) {
    const get = options.fetch ?? globalThis.fetch?.bind(globalThis);
    const control = new AbortController();
    const abort = () => control.abort();
    const timer = setTimeout(abort, DISCOVERY_TIMEOUT);
    signal.addEventListener("abort", abort);
    try {
      const response = await get(url, { signal: control.signal, cache: "no-store" });
      return response.ok ? await response.json() : void 0;
    } catch {
      return void 0;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
  function read(document2) {
    const ways = [];
    const transports = document2?.transports;
    for (const offer of Array.isArray(transports) ? transports : []) {
      const { kind, url, certificateHashes } = offer ?? {};
      if ((kind === "webtransport" || kind === "websocket") && typeof url === "string") {
        const hashes = Array.isArray(certificateHashes) ? certificateHashes : [];
        ways.push({
          transport: kind,
          url: url.replace(/\/+$/, ""),
          hashes: hashes.map(({ value }) => bytes(value))
        });
      }
    }
    return ways;
  }
  function bytes(base64) {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer;
  }
  function websocket(url) {
    return { transport: "websocket", url, hashes: [] };
  }
  function origin(url) {
    const { protocol, host } = new URL(url);
    return protocol + host;
  }
  var pages = /* @__PURE__ */ new Map();
  var ofPage = {
    getItem: (key) => pages.get(key) ?? null,
    setItem: (key, value) => void pages.set(key, value)
  };
  var Remembered = class {
    #memory;
    #key;
    constructor(options) {
      this.#memory = options.memory ?? ofPage;
      this.#key = `intercessor ${options.url}`;
    }
    /** The one that worked less than ten minutes ago. */
    get(now) {
      try {
        const [transport, until] = this.#memory.getItem(this.#key)?.split(" ") ?? [];
        return Number(until) > now ? transport : void 0;
      } catch {
        return void 0;
      }
    }
    /** This one works. */
    set(transport, now) {
      try {
        this.#memory.setItem(this.#key, `${transport} ${now + REMEMBERED}`);
      } catch {
      }
    }
  };

  // src/race.ts
  var GRACE = 1e3;
  function race(lanes, patience, signal) {
    return new Promise((resolve, reject) => {
      const gate = new Gate();
      const running = /* @__PURE__ */ new Set();
      const waiting = lanes.filter((lane) => lane.length > 0);
      let active = 0;
      let over = false;
      let last = broken("there is no way to the relay");
      let timer;
      const finish = (settle) => {
        if (!over) {
          over = true;
          clearTimeout(timer);
          signal.removeEventListener("abort", abort);
          running.forEach((contender) => contender.quit());
          running.clear();
          settle();
        }
      };
      const abort = () => finish(() => reject(signal.reason));
      const attempt = async (contender) => {
        let leave;
        running.add(contender);
        try {
          const forfeit = contender.eager ? await gate.enter(true) : void 0;
          leave = forfeit?.leave;
          if (over) {
            return;
          }
          await within(patience.timeout, [contender.dial(), ...forfeit ? [forfeit.lost] : []]);
          forfeit?.arrived();
          leave ??= (await gate.enter(false)).leave;
          if (over) {
            return;
          }
          const value = await within(patience.timeout, [contender.go()]);
          running.delete(contender);
          finish(() => resolve(value));
        } catch (error) {
          last = isEnd(error) ? error : broken(String(error?.message ?? error));
          if (last.told) {
            finish(() => reject(last));
          }
        } finally {
          if (running.delete(contender)) {
            contender.quit();
          }
          leave?.();
        }
      };
      const next = async () => {
        clearTimeout(timer);
        const lane = waiting.shift();
        if (!lane || over) {
          return;
        }
        active += 1;
        timer = setTimeout(next, patience.headStart);
        for (const make2 of lane) {
          if (!over) {
            await attempt(make2());
          }
        }
        active -= 1;
        if (waiting.length > 0) {
          next();
        } else if (active === 0) {
          finish(() => reject(last));
        }
      };
      if (signal.aborted) {
        abort();
      } else {
        signal.addEventListener("abort", abort);
        if (waiting.length > 0) {
          next();
        } else {
          finish(() => reject(last));
        }
      }
    });
  }
  function isEnd(error) {
    return typeof error?.told === "boolean";
  }
  function within(timeout, promises) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(broken("the relay did not answer in time")), timeout);
    });
    return Promise.race([...promises, late]).finally(() => clearTimeout(timer));
  }
  var Gate = class {
    #tail = Promise.resolve();
    /** Hurries whoever is in and has no handshake. */
    #hurry;
    async enter(eager) {
      const before = this.#tail;
      let leave = () => {
      };
      this.#tail = new Promise((resolve) => {
        leave = resolve;
      });
      this.#hurry?.();
      await before;
      let timer;
      const arrived = () => {
        clearTimeout(timer);
        this.#hurry = void 0;
      };
      const lost = new Promise((_, reject) => {
        if (eager) {
          this.#hurry = () => {
            timer ??= setTimeout(() => reject(broken("the other transport was faster")), GRACE);
          };
        }
      });
      lost.catch(() => {
      });
      return {
        arrived,
        lost,
        leave: () => {
          arrived();
          leave();
        }
      };
    }
  };

  // src/support.ts
  function webTransportWorks(userAgent) {
    const firefox = /Firefox\/(\d+)/.exec(userAgent);
    if (firefox) {
      return Number(firefox[1]) >= 153;
    }
    const webKit = /AppleWebKit\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent);
    return !webKit && !/iPhone|iPad|iPod|CriOS|FxiOS|EdgiOS/.test(userAgent);
  }

  // src/transport/link.ts
  var DROPPED = 4e3;
  var NOBODY = { text: () => {
  }, end: () => {
  } };

  // src/transport/websocket.ts
  var CONNECTING = 0;
  var PATIENCE = 1e4;
  var WebSocketLink = class {
    constructor(Constructor, url, sink) {
      this.sink = sink;
      const socket = new Constructor(url, ["intercessor"]);
      this.#socket = socket;
      socket.onmessage = ({ data }) => this.sink.text(data, true);
      this.opened = new Promise((resolve, reject) => {
        socket.onopen = () => resolve();
        socket.onclose = ({ code, reason }) => {
          this.#cut.forEach(clearTimeout);
          const end = endOf(code, reason);
          reject(end);
          const sink2 = this.sink;
          this.sink = NOBODY;
          sink2.end(end);
        };
        socket.onerror = () => {
        };
      });
      this.opened.catch(() => {
      });
    }
    sink;
    transport = "websocket";
    opened;
    #socket;
    #cut = [];
    get unsent() {
      return this.#socket.bufferedAmount;
    }
    begin() {
    }
    send(text) {
      this.#socket.send(text);
    }
    leave() {
      this.#close(1e3);
    }
    drop() {
      this.#close(DROPPED);
    }
    /**
     * A handshake that is cut off half-way may already be done for the relay, which would then keep a session that
     * nobody has. So it gets the time to end, and a word.
     */
    #close(code) {
      this.sink = NOBODY;
      const socket = this.#socket;
      if (socket.readyState !== CONNECTING) {
        socket.close(code);
        return;
      }
      socket.onopen = () => socket.close(code);
      this.#cut.push(setTimeout(() => socket.close(), PATIENCE));
    }
  };

  // src/transport/webtransport.ts
  var FAREWELL = 1e3;
  var WebTransportLink = class {
    constructor(Constructor, url, hashes, sink) {
      this.sink = sink;
      const pinned = hashes.map((value) => ({ algorithm: "sha-256", value }));
      this.#session = new Constructor(url, pinned.length ? { serverCertificateHashes: pinned } : {});
      this.opened = this.#session.ready;
      this.opened.catch(() => {
      });
      this.#session.closed.then(
        // BYE may still be in the stream.
        ({ closeCode, reason }) => this.#read.then(() => this.#end(endOf(closeCode ?? 0, reason ?? ""))),
        () => this.#read.then(() => this.#end(broken("the connection broke")))
      );
    }
    sink;
    transport = "webtransport";
    opened;
    unsent = 0;
    #session;
    #encoder = new TextEncoder();
    #writer;
    /** Ends with the last line of the session stream. */
    #read = Promise.resolve();
    begin() {
      this.#writer = this.#session.createBidirectionalStream().then((stream) => {
        this.#read = lines(stream.readable, (line) => this.sink.text(line, true)).then(
          // The relay says BYE before it ends the stream.
          () => this.#end(broken("the session stream ended")),
          () => {
          }
        );
        return stream.writable.getWriter();
      });
      this.send("");
      const session = this.#session;
      each(session.incomingUnidirectionalStreams, (stream) => {
        const parts = [];
        const decoder = new TextDecoder();
        each(stream, (chunk) => void parts.push(decoder.decode(chunk, { stream: true }))).then(
          () => this.sink.text(parts.join(""), false),
          () => {
          }
        );
      }).catch(() => {
      });
      each(session.datagrams.readable, (datagram) => this.sink.text(new TextDecoder().decode(datagram), false)).catch(
        () => {
        }
      );
    }
    send(text) {
      const bytes2 = this.#encoder.encode(`${text}
`);
      this.unsent += bytes2.length;
      this.#writer?.then((writer) => writer.write(bytes2)).then(
        () => void (this.unsent -= bytes2.length),
        () => this.#end(broken("the session stream broke"))
      );
    }
    leave() {
      this.sink = NOBODY;
      const close = () => this.#close(1e3);
      if (!this.#writer) {
        return close();
      }
      const timer = setTimeout(close, FAREWELL);
      this.#writer.then((writer) => writer.close()).catch(close);
      this.#session.closed.finally(() => clearTimeout(timer)).catch(() => {
      });
    }
    drop() {
      this.sink = NOBODY;
      this.#close(DROPPED);
    }
    #end(end) {
      const sink = this.sink;
      this.drop();
      sink.end(end);
    }
    #close(closeCode) {
      try {
        this.#session.close({ closeCode, reason: "" });
      } catch {
      }
    }
  };
  async function each(stream, take) {
    const reader = stream.getReader();
    for (; ; ) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      take(value);
    }
  }
  async function lines(stream, take) {
    const decoder = new TextDecoder();
    let rest = [];
    await each(stream, (chunk) => {
      const [first, ...more] = decoder.decode(chunk, { stream: true }).split("\n");
      rest.push(first ?? "");
      for (const part of more) {
        const line = rest.join("");
        rest = [part];
        if (line) {
          take(line);
        }
      }
    });
  }

  // src/reach.ts
  var LONGEST_TIMER = 2 ** 31 - 1;
  var Reach = class {
    #options;
    #remembered;
    #webSocket;
    #webTransport;
    #ways;
    constructor(options) {
      this.#options = options;
      this.#remembered = new Remembered(options);
      const global = globalThis;
      const allowed = options.transports ?? ["webtransport", "websocket"];
      const works = webTransportWorks(global.navigator?.userAgent ?? "");
      this.#webSocket = allowed.includes("websocket") ? options.WebSocket ?? global.WebSocket : void 0;
      this.#webTransport = allowed.includes("webtransport") ? options.WebTransport ?? (works ? global.WebTransport : void 0) : void 0;
      if (!this.#webSocket && !this.#webTransport) {
        throw new IntercessorError(
          "NO_TRANSPORT",
          "there is no WebSocket here: use Node.js 22 or later, or pass the one of the package `ws` as the option `WebSocket`"
        );
      }
    }
    /** Rejects with an {@link End}, or the signal's reason. */
    async connect(request, onHello, signal) {
      const ways = this.#ways ?? await discover(this.#options, signal);
      this.#ways = void 0;
      const of = (transport) => ways.filter((way2) => way2.transport === transport).map((way2) => () => this.#contender(way2, request, onHello));
      const lanes = [this.#webTransport ? of("webtransport") : [], this.#webSocket ? of("websocket") : []];
      if (this.#remembered.get(Date.now()) === "websocket") {
        lanes.reverse();
      }
      const { headStart = 500, connectTimeout = 1e4 } = this.#options;
      const patience = { headStart: Math.min(headStart, LONGEST_TIMER), timeout: connectTimeout };
      this.#remembered.set(await race(lanes, patience, signal), Date.now());
      this.#ways = ways;
    }
    /** This transport fails in a way that its handshake does not show. */
    distrust(transport) {
      if (transport === "webtransport" && this.#webSocket) {
        this.#remembered.set("websocket", Date.now());
      }
    }
    #contender(way2, { path, first, resumes }, onHello) {
      let link;
      let gone = false;
      let greeted;
      let failed;
      const greeting = new Promise((resolve, reject) => {
        greeted = resolve;
        failed = reject;
      });
      greeting.catch(() => {
      });
      const sink = {
        text: (text) => {
          const envelope = parse(text);
          if (envelope?.from === "0" && envelope.type === "HELLO" && link) {
            link.sink = onHello(link, envelope);
            greeted(way2.transport);
          } else {
            failed((envelope && byeOf(envelope)) ?? broken("the relay did not say HELLO"));
          }
        },
        end: (end) => failed(end)
      };
      return {
        eager: way2.transport === "websocket" && first === void 0,
        dial: async () => {
          link = this.#dial(way2, way2.url + path, sink);
          await link.opened;
        },
        go: () => {
          gone = true;
          link?.begin();
          if (first !== void 0) {
            link?.send(first);
          }
          return greeting;
        },
        // The relay may have given the session to this connection: it is not to end with it.
        quit: () => gone && resumes ? link?.drop() : link?.leave()
      };
    }
    #dial(way2, url, sink) {
      if (way2.transport === "websocket") {
        return new WebSocketLink(this.#webSocket, url, sink);
      }
      return new WebTransportLink(this.#webTransport, url, way2.hashes, sink);
    }
  };
  function parse(text) {
    try {
      const envelope = JSON.parse(text);
      return typeof envelope?.message === "object" && envelope.message !== null ? envelope : void 0;
    } catch {
      return void 0;
    }
  }
  function byeOf({ from, type, message }) {
    return from === "0" && type === "BYE" ? { ...endOf(message.code, ""), ...message, told: true } : void 0;
  }

  // src/session.ts
  var ACK_MESSAGES = 32;
  var ACK_SIZE = 16 * 1024;
  var ACK_AFTER = 1e3;
  var ASK_MESSAGES = 64;
  var ASK_SIZE = 64 * 1024;
  var ANSWER_WITHIN = 15e3;
  var DOUBT = 5e3;
  var ASLEEP = 2e3;
  var QUESTION = "PING";
  var Session = class {
    /** Our own id; `undefined` where there is no session. */
    id;
    #bounds;
    #token;
    /** What was taken in and counts, and what of it the relay was not told of. */
    #received = 0;
    #unsaid = { messages: 0, size: 0, since: 0, now: false };
    /** What the relay is not known to have, in order. The first of it are written to the present connection, or were to the last. */
    #queue = [];
    #written = 0;
    #size = 0;
    /** How many the relay has before those, */
    #acknowledged = 0;
    /** and of them those that it may still refuse. */
    #unproven = [];
    #serial = 0;
    /** The serials of: the last whose outcome somebody waits for, the last whose outcome is known, the open question. */
    #wanted = 0;
    #proven = 0;
    #asked;
    #sinceAsked = { messages: 0, size: 0 };
    /** When the connection last gave a sign of life, after how much silence it is asked for one, and when it must give it. */
    #heard = 0;
    #keepAlive = Infinity;
    #deadline;
    #doubted = false;
    constructor(bounds) {
      this.#bounds = bounds;
    }
    /** Can it go on after its connection broke? */
    get resumable() {
      return this.#token !== void 0;
    }
    /** The size of what the relay is not known to have. */
    get bufferedAmount() {
      return this.#size;
    }
    /** When the connection last gave a sign of life. */
    get heardAt() {
      return this.#heard;
    }
    /** Is there a place for this much more? */
    admits(size) {
      const { messages, size: most } = this.#bounds;
      return this.#waiting < messages && (this.#size === 0 || this.#size + size <= most);
    }
    /** Is at most half of the bounds taken? */
    get roomy() {
      const { messages, size } = this.#bounds;
      return this.#waiting <= messages / 2 && this.#size <= size / 2;
    }
    get #waiting() {
      return this.#queue.length + this.#unproven.length - (this.#asked === void 0 ? 0 : 1);
    }
    /** Queues an envelope. What is returned says that somebody waits for its outcome. */
    push(to, type, message, settle) {
      const serial = ++this.#serial;
      const head = `{"to":${JSON.stringify(to)},"type":${JSON.stringify(type)},"ref":"${serial}"`;
      const text = `${head},"message":${message}}`;
      this.#queue.push({ serial, text, ...settle && { settle } });
      this.#size += text.length;
      return () => {
        this.#wanted = Math.max(this.#wanted, serial);
      };
    }
    /** A session begins. `watched`: its transport notices a dead path by itself. */
    begin(id, offer, watched, now) {
      this.id = id;
      this.#token = offer?.token;
      this.#received = 0;
      this.#acknowledged = 0;
      this.#connected(watched, now);
    }
    /** The session goes on. `false`: the relay claims what cannot be. */
    resume(offer, watched, now) {
      this.#token = offer.token;
      const possible = this.#let(offer.received ?? 0);
      this.#connected(watched, now);
      this.#unsaid.now = true;
      return possible;
    }
    #connected(watched, now) {
      this.#unsaid = { messages: 0, size: 0, since: now, now: false };
      this.#written = 0;
      this.#keepAlive = watched ? Infinity : this.#bounds.keepAlive;
      this.#heard = now;
      this.#deadline = void 0;
      this.#doubted = false;
    }
    /** RESUME, for a new connection. */
    resumption() {
      return command("RESUME", { token: this.#token, received: this.#received });
    }
    /** What is to be written now. */
    take(now) {
      const since = this.#sinceAsked;
      for (const { text } of this.#queue.slice(this.#written)) {
        since.messages += 1;
        since.size += text.length;
      }
      const { messages, size } = this.#bounds;
      const much = since.messages >= Math.min(ASK_MESSAGES, messages / 4) || since.size >= Math.min(ASK_SIZE, size / 4);
      if (much || this.#wanted > this.#proven) {
        this.#ask();
      }
      const texts = this.#queue.slice(this.#written).map(({ text }) => text);
      this.#written = this.#queue.length;
      if (texts.length > 0 && this.#awaitsWord()) {
        this.#deadline ??= now + ANSWER_WITHIN;
      }
      if (this.#ackDue(now)) {
        this.#unsaid = { messages: 0, size: 0, since: now, now: false };
        texts.unshift(command("ACK", { received: this.#received }));
      }
      return texts;
    }
    /** Takes in what came. Returns it, unless it is between the relay and this client. */
    receive(envelope, ordered, size, now) {
      const { from, type, message } = envelope;
      const ofRelay = from === "0" ? type : "";
      if (ordered && !["HELLO", "BYE", "ACK"].includes(ofRelay)) {
        const unsaid = this.#unsaid;
        this.#received += 1;
        unsaid.since = unsaid.messages ? unsaid.since : now;
        unsaid.messages += 1;
        unsaid.size += size;
      }
      let internal = ofRelay === "ACK";
      if (internal) {
        this.#let(message.received);
      } else if (ofRelay === "ERROR") {
        internal = this.#refused(message);
      }
      this.heard(now);
      return internal ? void 0 : envelope;
    }
    /** The connection has given a sign of life. */
    heard(now) {
      this.#heard = now;
      this.#doubted = false;
      this.#deadline = this.#awaitsWord() ? now + ANSWER_WITHIN : void 0;
    }
    /** The connection may be dead: the relay has to answer soon. */
    doubt(now) {
      if (this.#doubted) {
        return;
      }
      this.#doubted = true;
      this.#deadline = now + DOUBT;
      this.#asked = void 0;
      this.#ask();
    }
    /** Looks at the clock. `true`: the connection is dead, whatever the transport says. */
    tick(now) {
      if (this.#deadline === void 0) {
        if (now >= this.#heard + this.#keepAlive) {
          this.#ask();
        }
      } else if (now >= this.#deadline) {
        if (this.#doubted || now < this.#deadline + ASLEEP) {
          return true;
        }
        this.doubt(now);
      }
      return false;
    }
    /** When to call {@link tick} and {@link take} at the latest. */
    get next() {
      const ack = this.resumable && this.#unsaid.messages ? this.#unsaid.since + ACK_AFTER : Infinity;
      return Math.min(ack, this.#deadline ?? this.#heard + this.#keepAlive);
    }
    /** The session is over: what may have been taken in or not is rejected, and returned. What was not written stays. */
    lose() {
      this.#unproven.splice(0).forEach(({ settle }) => settle?.());
      const written = this.#queue.splice(0, this.#written);
      const lost = written.filter(({ settle }) => settle);
      this.#proven = Math.max(this.#proven, written.at(-1)?.serial ?? 0);
      this.#queue = this.#queue.filter(({ settle }) => settle);
      this.#size = this.#queue.reduce((size, { text }) => size + text.length, 0);
      this.#written = 0;
      this.#asked = void 0;
      this.#sinceAsked = { messages: 0, size: 0 };
      this.id = void 0;
      this.#token = void 0;
      return lost.map(({ text, settle }) => {
        const { to, type, message } = JSON.parse(text);
        const detail = "the session ended, and it is not known whether the relay had taken this message in";
        settle?.(new IntercessorError("SESSION_LOST", detail, { to, type }));
        return { to, type, message };
      });
    }
    /** Nothing will be sent any more. */
    fail(error) {
      [...this.#unproven.splice(0), ...this.#queue.splice(0)].forEach(({ settle }) => settle?.(error));
      this.#size = 0;
    }
    /** The relay has so many of ours: they need not be kept. */
    #let(received) {
      const more = Math.max(0, received - this.#acknowledged);
      const taken = this.#queue.splice(0, more);
      this.#acknowledged += taken.length;
      this.#written = Math.max(0, this.#written - taken.length);
      for (const entry of taken) {
        this.#size -= entry.text.length;
        if (entry.settle) {
          this.#unproven.push({ ...entry, text: "" });
        }
      }
      return taken.length === more;
    }
    /** An ERROR: nothing that was sent before what it is about is refused any more. `true`: it is the answer to a question. */
    #refused({ code, detail, ...context }) {
      const serial = Number(context.ref);
      if (!serial) {
        return context.type === "LOGIN";
      }
      const after = this.#queue.findIndex((entry2) => entry2.serial > serial);
      this.#let(this.#acknowledged + (after < 0 ? this.#queue.length : after));
      this.#proven = Math.max(this.#proven, serial);
      if (serial >= (this.#asked ?? Infinity)) {
        this.#asked = void 0;
      }
      let entry;
      while ((entry = this.#unproven[0]) && entry.serial <= serial) {
        this.#unproven.shift();
        entry.settle?.(entry.serial === serial ? new IntercessorError(code, detail, context) : void 0);
      }
      return context.to === "0" && context.type === QUESTION;
    }
    /** Has the relay something to say, whatever the other peers do? */
    #awaitsWord() {
      return this.#asked !== void 0 || this.resumable && this.#written > 0;
    }
    #ackDue(now) {
      const { messages, size, since, now: at } = this.#unsaid;
      const due = messages >= ACK_MESSAGES || size >= ACK_SIZE || now >= since + ACK_AFTER;
      return this.resumable && (at || messages > 0 && due);
    }
    /**
     * Asks the relay for an answer, which comes after all others. Browsers cannot send a ping, and what goes well has
     * no answer.
     */
    #ask() {
      if (this.#asked === void 0) {
        this.push("0", QUESTION, "{}");
        this.#asked = this.#serial;
        this.#sinceAsked = { messages: 0, size: 0 };
      }
    }
  };
  function command(type, message) {
    return JSON.stringify({ to: "0", type, message });
  }

  // src/runner.ts
  var SETTLED = 2e3;
  var RECENT = 1e3;
  var LONGEST_TIMER2 = 2 ** 31 - 1;
  var Runner = class {
    session;
    #reach;
    #path;
    #options;
    #hooks;
    #stop = new AbortController();
    #live;
    /** What was not yet on its way when it was last looked at. */
    #unsent = 0;
    #timer;
    #rings = Infinity;
    /** Ends a wait between two tries. */
    #hurry;
    constructor(path, options, hooks) {
      const { limits: { messages = 1024, size = 1024 * 1024 } = {}, keepAlive = 25e3 } = options;
      this.session = new Session({ messages, size, keepAlive });
      this.#reach = new Reach(options);
      this.#path = path;
      this.#options = options;
      this.#hooks = hooks;
    }
    /** Is there a connection? */
    get connected() {
      return this.#live !== void 0;
    }
    /** Runs until the peer has ended for good. Rejects where there is no passphrase to be had. */
    async run() {
      const { giveUpAfter = Infinity } = this.#options;
      let attempt = 0;
      let since = Date.now();
      for (; ; ) {
        const began = Date.now();
        const outcome = await this.#connection();
        const { end, greeted } = outcome;
        if (this.#stop.signal.aborted) {
          return this.#stop.signal.reason;
        }
        if (this.session.id !== void 0 && this.#isLost(outcome)) {
          this.#hooks.lost(this.session.id, this.session.lose());
        }
        if (isHopeless(outcome)) {
          return { code: end.code, reason: end.reason };
        }
        const now = Date.now();
        since = greeted ? now : since;
        if (now - since >= giveUpAfter) {
          return { code: 1006, reason: `the relay was out of reach for too long: ${end.reason}` };
        }
        attempt = greeted && now - began >= SETTLED ? 1 : attempt + 1;
        const told = end.reconnectIn;
        const delay = told === void 0 ? backoff(attempt, Math.random) : told * 1e3;
        this.#hooks.reconnecting({ attempt, delay, code: end.code, reason: end.reason });
        await this.#pause(delay, told === void 0);
      }
    }
    /** Ends the peer. */
    stop(closed) {
      this.#stop.abort(closed);
      this.#live?.link.leave();
      this.#live?.end(broken("left"));
    }
    /** Writes what is queued, and what is due. */
    flush() {
      const live = this.#live;
      if (!live) {
        return;
      }
      for (const text of this.session.take(Date.now())) {
        live.link.send(text);
      }
      this.#unsent = live.link.unsent;
      const at = this.session.next;
      if (at < this.#rings) {
        clearTimeout(this.#timer);
        this.#rings = at;
        this.#timer = setTimeout(() => this.#ring(live), Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER2));
      }
    }
    /** The page woke up: a wait may be of no use any more, and the connection dead. Most likely so where its network `changed`. */
    wake(changed) {
      this.#hurry?.();
      if (this.#live && (changed || Date.now() - this.session.heardAt > RECENT)) {
        this.session.doubt(Date.now());
        this.flush();
      }
    }
    #ring(live) {
      this.#rings = Infinity;
      const now = Date.now();
      const { unsent } = live.link;
      if (unsent > 0 && unsent < this.#unsent) {
        this.session.heard(now);
      }
      if (this.session.tick(now)) {
        this.#reach.distrust(live.link.transport);
        live.link.drop();
        live.end(broken("the relay was silent for too long"));
      } else {
        this.flush();
      }
    }
    /** One connection, from its handshake to its end. */
    async #connection() {
      const resuming = this.session.resumable;
      let greeted = false;
      let resolve = () => {
      };
      const ended2 = new Promise((done) => {
        resolve = done;
      });
      const request = await unlessAborted(this.#request(resuming), this.#stop.signal);
      if (!request) {
        return { end: broken("left"), greeted, resuming };
      }
      try {
        await this.#reach.connect(
          request,
          (link, { message }) => {
            greeted = true;
            return this.#attach(link, message, resolve);
          },
          this.#stop.signal
        );
      } catch (end) {
        if (!greeted) {
          return { end, greeted, resuming };
        }
      }
      return { end: await ended2, greeted, resuming };
    }
    async #request(resuming) {
      const ordered = this.#options.ordered ? "&ordered" : "";
      return resuming ? { path: `/resume?${ordered.slice(1)}`, first: this.session.resumption(), resumes: true } : { path: `${this.#path}?resume${ordered}`, first: await this.#hooks.login(), resumes: false };
    }
    /** A connection that has just had HELLO. */
    #attach(link, hello, ended2) {
      const live = {
        link,
        end: (end) => {
          if (this.#live === live) {
            this.#live = void 0;
            clearTimeout(this.#timer);
            this.#rings = Infinity;
          }
          ended2(end);
        }
      };
      this.#live = live;
      const { session } = this;
      const watched = link.transport === "webtransport";
      if (!session.resumable) {
        session.begin(hello.id, hello.resume, watched, Date.now());
        this.#hooks.opened(hello, link.transport);
      } else if (hello.resume && session.resume(hello.resume, watched, Date.now())) {
        this.#hooks.resumed(hello, link.transport);
      } else {
        link.leave();
        live.end({ code: 1011, reason: "the relay took this session for another one", told: true });
      }
      this.flush();
      return {
        text: (text, ordered) => this.#live === live && this.#receive(live, text, ordered),
        end: live.end
      };
    }
    #receive(live, text, ordered) {
      const envelope = parse(text);
      const bye = envelope && byeOf(envelope);
      if (bye) {
        live.link.leave();
        live.end(bye);
      } else if (envelope) {
        const passed = this.session.receive(envelope, ordered, text.length, Date.now());
        this.#hooks.moved();
        if (passed) {
          this.#hooks.envelope(passed);
        }
        this.flush();
      }
    }
    /** Can the session not be resumed any more? */
    #isLost({ end, greeted, resuming }) {
      if (!this.session.resumable) {
        return true;
      }
      return end.told && (greeted ? end.code !== 4408 : resuming && end.code === 4404);
    }
    #pause(delay, hurried) {
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#stop.signal.removeEventListener("abort", done);
          this.#hurry = void 0;
          resolve();
        };
        const timer = setTimeout(done, Math.min(delay, LONGEST_TIMER2));
        this.#stop.signal.addEventListener("abort", done);
        this.#hurry = hurried ? done : void 0;
      });
    }
  };
  function isHopeless({ end, greeted, resuming }) {
    const another = !greeted && resuming && (end.code === 4404 || end.code === 4401);
    return isFinal(end) && !another;
  }
  function unlessAborted(promise, signal) {
    return new Promise((resolve, reject) => {
      const abort = () => resolve(void 0);
      signal.addEventListener("abort", abort);
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
      if (signal.aborted) {
        abort();
      }
    });
  }

  // src/wake.ts
  function onWake(listener) {
    const { document: document2, window } = globalThis;
    if (!document2 || !window?.addEventListener) {
      return () => {
      };
    }
    const visible = () => {
      if (!document2.hidden) {
        listener(false);
      }
    };
    const online = () => listener(true);
    document2.addEventListener("visibilitychange", visible);
    window.addEventListener("online", online);
    window.addEventListener("pageshow", visible);
    return () => {
      document2.removeEventListener("visibilitychange", visible);
      window.removeEventListener("online", online);
      window.removeEventListener("pageshow", visible);
    };
  }

  // src/peer.ts
  var Peer = class {
    /** Fulfils with the first session. Rejects where there never is one. */
    opened;
    /** Fulfils when the peer has ended for good. Never rejects. */
    closed;
    #events = new Emitter();
    #runner;
    #inboxes = /* @__PURE__ */ new Set();
    #waiters = [];
    #unconfirmed = [];
    #previousId;
    #transport;
    #iceServers = [];
    #ended;
    #asking = false;
    constructor(path, options, login) {
      this.#runner = new Runner(path, options, {
        login,
        opened: (hello, transport) => this.#opened(hello, transport),
        resumed: (hello, transport) => this.#resumed(hello, transport),
        lost: (id, unconfirmed) => {
          this.#previousId = id;
          this.#unconfirmed.push(...unconfirmed);
          this.onLost();
        },
        reconnecting: (event) => this.#events.emit("reconnecting", event),
        envelope: (envelope) => this.#arrived(envelope),
        moved: () => this.#moved()
      });
      const { signal } = options;
      let failure;
      const abort = () => {
        failure = signal?.reason;
        this.#runner.stop({ code: 1e3, reason: "aborted" });
      };
      const stopListening = onWake((changed) => this.#runner.wake(changed));
      this.closed = Promise.resolve().then(() => signal?.aborted ? abort() : signal?.addEventListener("abort", abort)).then(() => this.#runner.run()).catch((error) => {
        failure = error;
        return { code: 4401, reason: String(error?.message ?? error) };
      }).then((closed) => {
        stopListening();
        signal?.removeEventListener("abort", abort);
        this.#end(closed);
        return closed;
      });
      this.opened = new Promise((resolve, reject) => {
        this.on("open", resolve, { once: true });
        this.closed.then(() => reject(failure ?? this.#ended));
      });
      this.opened.catch(() => {
      });
    }
    /** Our own id, while there is a session: what a server hands out. */
    get id() {
      return this.#runner.session.id;
    }
    /** `open` while there is a connection. */
    get state() {
      if (this.#ended) {
        return "closed";
      }
      return this.#runner.connected ? "open" : this.#transport ? "reconnecting" : "connecting";
    }
    /** What carries the present connection, or carried the last one. */
    get transport() {
      return this.#transport;
    }
    /** The servers for ICE that the relay told last. */
    get iceServers() {
      return this.#iceServers;
    }
    /** The size of what was sent and the relay is not known to have, in UTF-16 code units. */
    get bufferedAmount() {
      return this.#runner.session.bufferedAmount;
    }
    /** Adds a listener. What is returned removes it. */
    on(name, listener, options) {
      return this.#events.on(name, listener, options);
    }
    /** The next event of this name. Rejects when the peer ends before, or with the signal's reason. */
    once(name, { signal } = {}) {
      return new Promise((resolve, reject) => {
        const abort = () => done(() => reject(signal?.reason));
        const done = (settle) => {
          off();
          offClose();
          signal?.removeEventListener("abort", abort);
          settle();
        };
        const off = this.on(name, (event) => done(() => resolve(event)));
        const offClose = this.on("close", () => done(() => reject(this.#ended)));
        if (signal?.aborted) {
          abort();
        }
        signal?.addEventListener("abort", abort);
        if (this.#ended) {
          done(() => reject(this.#ended));
        }
      });
    }
    /**
     * Sends a message to a peer. From one sender to one recipient messages arrive in the order in which they are sent; there is no
     * need to wait for one before the next. Where there is no connection the message waits for it.
     *
     * What arrives is the message as `JSON.stringify` writes it.
     */
    send(to, type, message) {
      return this.post(to, type, message);
    }
    /** Fulfils when at most half of the bounds in `limits` is taken, so that a sender of much may go on. */
    async drained() {
      while (!this.#ended && !this.#runner.session.roomy) {
        await new Promise((resolve) => this.#waiters.push(resolve));
      }
      if (this.#ended) {
        throw this.#ended;
      }
    }
    /** Every message from now on, until the peer ends. */
    messages({ signal, limit = UNREAD } = {}) {
      const abort = () => inbox.end(signal?.reason);
      const inbox = new Inbox(limit, () => {
        this.#inboxes.delete(inbox);
        signal?.removeEventListener("abort", abort);
      });
      this.#inboxes.add(inbox);
      signal?.addEventListener("abort", abort);
      if (this.#ended) {
        inbox.end();
      } else if (signal?.aborted) {
        abort();
      }
      return inbox;
    }
    [Symbol.asyncIterator]() {
      return this.messages();
    }
    /** Leaves. What was written arrives; what waits for a connection is rejected with `CLOSED`. */
    close() {
      this.#runner.stop({ code: 1e3, reason: "left" });
      return this.closed;
    }
    /** @internal */
    post(to, type, message) {
      const text = JSON.stringify(message);
      const { receipt, settle } = Receipt.make(() => {
        wanted();
        this.#ask();
      });
      let wanted = () => {
      };
      const { session } = this.#runner;
      if (!text?.startsWith("{")) {
        settle(new TypeError("a message is a JSON object"));
      } else if (this.#ended) {
        settle(this.#ended);
      } else if (!session.admits(text.length)) {
        const detail = "too much waits to be sent: wait for drained(), or give higher limits";
        settle(new IntercessorError("QUEUE_FULL", detail, { to, type }));
      } else {
        wanted = session.push(to, type, text, settle);
        this.#runner.flush();
      }
      return receipt;
    }
    /** @internal Another session begins, or none. */
    onLost() {
    }
    /** @internal An envelope of the relay's own. */
    onRelay({ type, message }) {
      if (type === "PEER_GONE") {
        this.#events.emit("peerGone", { id: message.id });
      } else if (type === "PEER_JOINED") {
        this.#events.emit("peerJoined", { id: message.id });
      }
    }
    /** Somebody waits for an outcome: the relay is asked, once for all that are sent in one go. */
    #ask() {
      if (!this.#asking) {
        this.#asking = true;
        setTimeout(() => {
          this.#asking = false;
          this.#runner.flush();
        });
      }
    }
    #opened(hello, transport) {
      this.#transport = transport;
      this.#iceServers = hello.iceServers ?? [];
      const opened = { id: hello.id, transport, unconfirmed: this.#unconfirmed };
      if (this.#previousId !== void 0) {
        opened.previousId = this.#previousId;
      }
      if ("serverInfo" in hello) {
        opened.serverInfo = hello.serverInfo;
      }
      if (hello.iceServers) {
        opened.iceServers = hello.iceServers;
      }
      this.#unconfirmed = [];
      this.#events.emit("open", opened);
    }
    #resumed(hello, transport) {
      this.#transport = transport;
      this.#renew(hello.iceServers);
      this.#events.emit("resumed", { transport });
    }
    #renew(iceServers) {
      if (iceServers && JSON.stringify(iceServers) !== JSON.stringify(this.#iceServers)) {
        this.#iceServers = iceServers;
        this.#events.emit("iceServers", iceServers);
      }
    }
    #arrived(envelope) {
      const { from, type, message } = envelope;
      if (from !== "0") {
        const arrived = { from, type, message };
        this.#events.emit("message", arrived);
        this.#inboxes.forEach((inbox) => inbox.put(arrived));
      } else if (type === "ERROR") {
        const { code, detail, ...context } = message;
        this.#events.emit("error", new IntercessorError(code, detail, context));
      } else if (type === "ICE_SERVERS") {
        this.#renew(message.iceServers);
      } else {
        this.onRelay(envelope);
      }
    }
    #moved() {
      if (this.#waiters.length > 0 && this.#runner.session.roomy) {
        this.#waiters.splice(0).forEach((resolve) => resolve());
      }
    }
    #end(closed) {
      const { code, reason } = closed;
      const detail = `the peer has ended: ${code}${reason && ` ${reason}`}`;
      this.#ended = new IntercessorError(code === 1006 ? "UNREACHABLE" : "CLOSED", detail, { closeCode: code });
      this.#runner.session.lose();
      this.#runner.session.fail(this.#ended);
      this.#waiters.splice(0).forEach((resolve) => resolve());
      this.#events.emit("close", closed);
      [...this.#inboxes].forEach((inbox) => inbox.end());
    }
  };
  var Server = class extends Peer {
    #clients = /* @__PURE__ */ new Set();
    /** @internal */
    constructor(options) {
      super("/server", options, async () => {
        const passphrase2 = options.getPassphrase ? await options.getPassphrase() : options.passphrase;
        const { name } = options;
        return passphrase2 === void 0 ? void 0 : command("LOGIN", { passphrase: passphrase2, ...name !== void 0 && { name } });
      });
    }
    /** The ids of the clients that are here. */
    get clients() {
      return this.#clients;
    }
    /** Sends a message to all clients. Where there is none that is no error. */
    broadcast(type, message) {
      return this.post("*", type, message);
    }
    /** Sends a client away, which sees close code 4403 and the reason. It is no ban: it may come back. */
    kick(id, reason) {
      return this.post("0", "KICK", { id, ...reason !== void 0 && { reason } });
    }
    /** @internal */
    onRelay(envelope) {
      const { type, message } = envelope;
      if (type === "PEER_JOINED") {
        this.#clients.add(message.id);
      } else if (type === "PEER_GONE") {
        this.#clients.delete(message.id);
      }
      super.onRelay(envelope);
    }
    /** @internal Its clients have lost their server, and nobody is left to say that they went. */
    onLost() {
      for (const id of this.#clients) {
        this.onRelay({ from: "0", type: "PEER_GONE", message: { id } });
      }
    }
  };
  var Client = class extends Peer {
    /** Whose client it is. */
    serverId;
    /** @internal */
    constructor(options) {
      super(`/client/${encodeURIComponent(options.serverId)}`, options, async () => void 0);
      this.serverId = options.serverId;
    }
  };
  function connectServer(options) {
    return new Server(options);
  }
  function connectClient(options) {
    return new Client(options);
  }

  // demo/dom.ts
  function byId(id) {
    const element = document.getElementById(id);
    if (!element) {
      throw new Error(`the page has no #${id}`);
    }
    return element;
  }
  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }
  function draw(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, String(value));
    }
    element.append(...children);
    return element;
  }
  function tell(element, text) {
    element.textContent = text;
    element.hidden = !text;
  }
  function chosen(name) {
    return document.querySelector(`input[name="${name}"]:checked`)?.value ?? "";
  }

  // demo/words.ts
  var NAMES = { webtransport: "WebTransport", websocket: "WebSocket" };
  function transportName(transport) {
    return transport === "webtransport" || transport === "websocket" ? NAMES[transport] : "";
  }
  function short(id) {
    return id.length > 10 ? `${id.slice(0, 8)}…` : id;
  }
  function milliseconds(time) {
    if (time >= 1e4) {
      return `${(time / 1e3).toFixed(0)} s`;
    }
    return time >= 1e3 ? `${(time / 1e3).toFixed(1)} s` : `${time.toFixed(time < 10 ? 1 : 0)} ms`;
  }
  function endInWords({ code, reason }) {
    const known = {
      1002: "The relay and this page do not understand each other.",
      1009: "A message was larger than the relay takes (limits.message_bytes).",
      4400: "The relay does not take invalid envelopes (limits.on_invalid: disconnect).",
      4401: "This is not the passphrase. In the shipped config/relay.yaml it is: open sesame",
      4403: "The server has sent you away.",
      4404: "There is no such server. Its tab may be closed: ask for a new link.",
      4409: "Another login with the same fixed id has taken this place.",
      4410: "The server has left, and its room with it. Ask for a new link.",
      4422: "The relay does not keep who breaks a schema (on_violation: disconnect)."
    };
    return `${known[code] ?? (reason || "The session is over.")} (${code})`;
  }
  function outOfReach(origin2, only) {
    if (only) {
      return `The relay cannot be reached over ${NAMES[only]}. Choose Automatic to come back over what works.`;
    }
    return `The relay cannot be reached. Does it run? Where its configuration has \`origins\`, they must list ${origin2}.`;
  }
  function isLoopback(host) {
    return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);
  }

  // demo/people.ts
  function showPeople(room) {
    const list = byId("peers");
    const nobody = byId("nobody");
    const rows = /* @__PURE__ */ new Map();
    if (!room.isServer) {
      nobody.textContent = "The server is not here.";
    }
    const show = () => {
      nobody.hidden = rows.size > 0;
      rows.forEach(({ update }) => update());
    };
    room.events.on("joined", (other) => {
      const transport = make("span", { className: "pill" });
      const direct = make("span", { className: "pill" });
      const row = make("li", {}, make("b", { textContent: nameOf(room, other), title: other.id }), transport, direct);
      if (room.isServer) {
        const kick = make("button", { type: "button", textContent: "Kick" });
        kick.setAttribute("aria-label", `Kick ${short(other.id)}`);
        kick.onclick = () => room.peer.kick(other.id);
        row.append(kick);
      }
      const update = () => {
        const name = transportName(other.transport);
        mark(transport, name !== "", name || "joining");
        mark(direct, other.channel !== void 0, other.channel ? "direct" : "relay only");
      };
      rows.set(other, { row, update });
      list.append(row);
      show();
    });
    room.events.on("gone", (other) => {
      rows.get(other)?.row.remove();
      rows.delete(other);
      show();
    });
    room.events.on("changed", show);
  }
  function nameOf(room, other) {
    return room.isServer ? `Client ${short(other.id)}` : "The server";
  }
  function mark(pill, on, text) {
    pill.dataset.state = on ? "on" : "off";
    pill.textContent = text;
  }

  // demo/chat.ts
  var KEPT = 200;
  function showChat(room) {
    const lines2 = byId("lines");
    const text = byId("text");
    const direct = document.querySelector('input[name="path"][value="direct"]');
    const relay2 = document.querySelector('input[name="path"][value="relay"]');
    const empty = make("li", { className: "empty", textContent: "Nothing said yet." });
    lines2.append(empty);
    const add = (words, note2, own) => {
      empty.remove();
      const follows = lines2.scrollHeight - lines2.scrollTop - lines2.clientHeight < 8;
      const line = make("li", { className: own ? "own" : "" }, words, make("small", { textContent: note2 }));
      lines2.append(line);
      while (lines2.childElementCount > KEPT) {
        lines2.firstElementChild?.remove();
      }
      if (own || follows) {
        lines2.scrollTop = lines2.scrollHeight;
      }
      return line;
    };
    const note = (line, words) => {
      const small = line.querySelector("small");
      if (small) {
        small.textContent = words;
      }
    };
    byId("say").onsubmit = (event) => {
      event.preventDefault();
      const words = text.value.trim();
      if (!words) {
        return;
      }
      text.value = "";
      if (chosen("path") === "direct") {
        const reached = [...room.others.values()].filter(({ channel }) => channel);
        reached.forEach((other) => other.tell({ type: "TEXT", text: words }));
        const all = reached.length === room.others.size;
        add(words, all ? "you, direct" : `you, direct to ${reached.length} of ${room.others.size}`, true);
        return;
      }
      const line = add(words, "you, on the way to the relay", true);
      const receipt = room.isServer ? room.peer.broadcast("CHAT", { text: words }) : room.peer.send([...room.others.keys()][0] ?? "", "CHAT", { text: words });
      receipt.then(
        () => note(line, "you, through the relay"),
        (error) => {
          const { code, message, errors = [] } = error;
          line.classList.add("refused");
          note(line, `${code}: ${[message, ...errors.map(({ detail }) => detail)].join(" ")}`);
        }
      );
    };
    room.events.on("heard", ({ from, type, message }) => {
      if (type !== "CHAT") {
        return;
      }
      if (room.isServer) {
        add(message.text, `${nameOf(room, from)}, through the relay`, false);
        room.peer.broadcast("CHAT", { text: message.text, by: from.id });
      } else if (message.by !== room.peer.id) {
        const name = message.by === void 0 ? nameOf(room, from) : `Client ${short(message.by)}`;
        add(message.text, `${name}, through the relay`, false);
      }
    });
    room.events.on("heardDirectly", ({ from, message }) => {
      if (message.type === "TEXT") {
        add(message.text, `${nameOf(room, from)}, direct`, false);
      }
    });
    const update = () => {
      const open = [...room.others.values()].some(({ channel }) => channel);
      if (direct && relay2 && direct.disabled === open) {
        direct.disabled = !open;
        relay2.checked ||= !open;
      }
    };
    room.events.on("changed", update);
    room.events.on("gone", update);
  }

  // demo/lines.ts
  var Lines = class _Lines {
    /** A change counts for connections from now on. */
    choice = "auto";
    #open = /* @__PURE__ */ new Set();
    #deadUntil = 0;
    /** May this page use WebTransport? */
    static get webTransport() {
      return "WebTransport" in globalThis && webTransportWorks(navigator.userAgent);
    }
    /** Is it on purpose that there is no connection? */
    get areCut() {
      return performance.now() < this.#deadUntil;
    }
    /** Breaks what is connected, and whatever is tried for a while. */
    cut(milliseconds2) {
      this.#deadUntil = performance.now() + milliseconds2;
      [...this.#open].forEach((breakIt) => breakIt());
    }
    /** Options for the client. */
    options() {
      const admit = (transport) => this.#admit(transport);
      const open = this.#open;
      const options = {
        // What is chosen here counts, and not what worked last.
        memory: { getItem: () => null, setItem: () => {
        } },
        WebSocket: class extends WebSocket {
          constructor(url, protocols) {
            admit("websocket");
            super(url, protocols);
            const breakIt = () => this.close(DROPPED);
            open.add(breakIt);
            this.addEventListener("close", () => open.delete(breakIt));
          }
        }
      };
      if (_Lines.webTransport) {
        options.WebTransport = class extends WebTransport {
          constructor(url, init) {
            admit("webtransport");
            super(url, init);
            const breakIt = () => this.close({ closeCode: DROPPED, reason: "" });
            open.add(breakIt);
            const gone = () => void open.delete(breakIt);
            this.closed.then(gone, gone);
          }
        };
      }
      return options;
    }
    #admit(transport) {
      if (this.areCut) {
        throw new Error("the connection is cut");
      }
      if (this.choice !== "auto" && this.choice !== transport) {
        throw new Error("another transport is chosen");
      }
    }
  };

  // demo/tally.ts
  function count(tally, { run, n }) {
    if (tally?.run !== run) {
      return { run, last: n, arrived: 1, missing: n - 1, wrong: 0 };
    }
    return n > tally.last ? { ...tally, last: n, arrived: tally.arrived + 1, missing: tally.missing + n - tally.last - 1 } : { ...tally, wrong: tally.wrong + 1 };
  }

  // demo/counting.ts
  var EVERY = 100;
  var CELLS = 60;
  var AHEAD = 4;
  var CUT_FOR = 2e3;
  function showCounting(room, lines2, target) {
    const button = byId("count");
    const cut = byId("cut");
    const cells = Array.from({ length: CELLS }, () => make("i"));
    byId("cells").append(...cells);
    let timer;
    let to;
    let run = "";
    let sent = 0;
    let known = 0;
    const cell = (n) => cells[(n - 1) % CELLS];
    const show = ({ arrived, missing, wrong }) => {
      byId("arrived").textContent = String(arrived);
      byId("missing").textContent = String(missing);
      byId("wrong").textContent = String(wrong);
      showWaiting();
    };
    const showWaiting = () => {
      byId("sent").textContent = String(sent);
      byId("waiting").textContent = String(sent - known);
    };
    const stop = () => {
      clearInterval(timer);
      timer = void 0;
      button.setAttribute("aria-pressed", "false");
    };
    const start = () => {
      to = target();
      if (!to) {
        return;
      }
      const other = to;
      run = Math.random().toString(36).slice(2);
      sent = 0;
      known = 0;
      cells.forEach((one) => delete one.dataset.state);
      show({ arrived: 0, missing: 0, wrong: 0 });
      button.setAttribute("aria-pressed", "true");
      timer = setInterval(() => {
        sent += 1;
        cell(sent).dataset.state = "sent";
        for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
          delete cell(sent + ahead).dataset.state;
        }
        room.send(other, "DEMO_COUNT", { run, n: sent });
        showWaiting();
      }, EVERY);
    };
    button.onclick = () => timer ? stop() : start();
    cut.onclick = () => {
      if (!timer) {
        start();
      }
      lines2.cut(CUT_FOR);
    };
    showTarget();
    for (const event of ["joined", "gone"]) {
      room.events.on(event, showTarget);
    }
    function showTarget() {
      button.disabled = room.others.size === 0;
      if (to && room.others.get(to.id) !== to) {
        stop();
      }
    }
    const tallies = /* @__PURE__ */ new Map();
    room.events.on("gone", (other) => tallies.delete(other));
    room.events.on("heard", ({ from, type, message }) => {
      if (type === "DEMO_COUNT") {
        const tally = count(tallies.get(from), message);
        tallies.set(from, tally);
        room.send(from, "DEMO_COUNTED", tally);
      } else if (type === "DEMO_COUNTED" && from === to && message.run === run && message.last <= sent) {
        for (let n = Math.max(known + 1, sent - CELLS + 1 + AHEAD); n <= message.last; n += 1) {
          cell(n).dataset.state = "arrived";
        }
        known = Math.max(known, message.last);
        show(message);
      }
    });
    let resumes = 0;
    const resumed = byId("resumed");
    room.peer.on("resumed", () => {
      resumes += 1;
      resumed.dataset.state = "on";
      resumed.textContent = resumes === 1 ? "Resumed once" : `Resumed ${resumes} times`;
    });
    chooseTransport(lines2);
  }
  function chooseTransport(lines2) {
    if (!Lines.webTransport) {
      const radio = document.querySelector('input[name="transport"][value="webtransport"]');
      if (radio) {
        radio.disabled = true;
      }
      tell(
        byId("transport-hint"),
        isSecureContext ? "This browser has no WebTransport that works: WebSocket carries everything." : "WebTransport is for secure pages only (https, or this machine itself): WebSocket carries everything."
      );
    }
    document.querySelectorAll('input[name="transport"]').forEach((radio) => {
      radio.onchange = () => {
        lines2.choice = chosen("transport");
        lines2.cut(0);
      };
    });
  }

  // src/webrtc.ts
  function negotiate(peer, remoteId, options = {}) {
    const { configuration = {}, types = {}, onError = console.error } = options;
    const { offer = "OFFER", answer = "ANSWER", candidate = "CANDIDATE" } = types;
    const { polite = "serverId" in peer } = options;
    const RTCPeerConnection2 = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    const withServers = (iceServers) => ({
      ...configuration,
      iceServers: [...configuration.iceServers ?? [], ...iceServers]
    });
    const connection = new RTCPeerConnection2(withServers(peer.iceServers));
    const ours = new AbortController();
    const { signal } = ours;
    let ignored = false;
    let offering = false;
    let answering = false;
    const send2 = (type, message) => void peer.send(remoteId, type, message);
    const describe = () => {
      const description = connection.localDescription;
      if (description) {
        send2(description.type === "offer" ? offer : answer, { type: description.type, sdp: description.sdp });
      }
    };
    const unlessClosed = (work) => work.catch((error) => signal.aborted || onError(error));
    connection.addEventListener("negotiationneeded", () => {
      offering = true;
      unlessClosed(connection.setLocalDescription().then(describe)).finally(() => {
        offering = false;
      });
    });
    connection.addEventListener("icecandidate", (event) => {
      send2(candidate, event.candidate?.toJSON() ?? { candidate: "" });
    });
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed") {
        connection.restartIce();
      }
    });
    const takeDescription = async (description) => {
      const stable = connection.signalingState === "stable" || connection.signalingState === "have-local-offer" && answering;
      const collision = description.type === "offer" && (offering || !stable);
      ignored = !polite && collision;
      if (ignored) {
        return;
      }
      answering = description.type === "answer";
      await connection.setRemoteDescription(description).finally(() => {
        answering = false;
      });
      if (description.type === "offer") {
        await connection.setLocalDescription();
        describe();
      }
    };
    const takeCandidate = (init) => {
      const ofIgnored = ignored;
      return connection.addIceCandidate(init).catch((error) => {
        if (!ofIgnored && init.candidate) {
          throw error;
        }
      });
    };
    peer.on(
      "message",
      ({ from, type, message }) => {
        if (from === remoteId && (type === offer || type === answer)) {
          unlessClosed(takeDescription(message));
        } else if (from === remoteId && type === candidate) {
          unlessClosed(takeCandidate(message));
        }
      },
      { signal }
    );
    peer.on(
      "error",
      (error) => {
        if (error.to === remoteId && [offer, answer, candidate].includes(error.type ?? "")) {
          onError(error);
        }
      },
      { signal }
    );
    peer.on("iceServers", (iceServers) => connection.setConfiguration(withServers(iceServers)), { signal });
    const closed = new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    const close = () => {
      ours.abort();
      connection.close();
    };
    peer.on("peerGone", ({ id }) => id === remoteId && close(), { signal });
    peer.on("open", ({ previousId }) => previousId !== void 0 && close(), { signal });
    peer.on("close", close, { signal });
    return { connection, closed, close };
  }

  // demo/messages.ts
  var EXAMPLE = "example";
  function isExample(type, message) {
    switch (type) {
      case "OFFER":
      case "ANSWER":
        return typeof message.sdp !== "string" || !/\r\ns=-\r\n/.test(message.sdp);
      case "CANDIDATE":
        return typeof message.candidate !== "string" || message.usernameFragment === EXAMPLE;
      case "CHAT":
        return typeof message.text !== "string";
      default:
        return false;
    }
  }
  var LONGEST2 = 1e3;
  var isWord = (word) => typeof word === "string" && word.length <= 64;
  var isText = (text) => typeof text === "string" && text.length <= LONGEST2;
  var areNumbers = (...numbers) => numbers.every(Number.isSafeInteger);
  function isOurs(type, message) {
    switch (type) {
      case "CHAT":
        return isText(message.text) && (message.by === void 0 || isWord(message.by));
      case "DEMO_PING":
      case "DEMO_PONG":
        return areNumbers(message.n);
      case "DEMO_COUNT":
        return isWord(message.run) && areNumbers(message.n);
      case "DEMO_COUNTED":
        return isWord(message.run) && areNumbers(message.last, message.arrived, message.missing, message.wrong);
      case "DEMO_ARRIVED":
        return isWord(message.type);
      default:
        return false;
    }
  }
  function isOursDirectly(message) {
    return message?.type === "TEXT" ? isText(message.text) : (message?.type === "PING" || message?.type === "PONG") && areNumbers(message.n);
  }

  // demo/direct.ts
  function connectDirectly(room, hooks) {
    const pill = byId("channel");
    if (typeof RTCPeerConnection === "undefined") {
      pill.textContent = "This browser has no WebRTC";
      return;
    }
    const show = () => {
      const open = [...room.others.values()].filter(({ channel }) => channel).length;
      pill.dataset.state = open > 0 ? "on" : "off";
      const word = open > 0 ? "open" : room.others.size > 0 ? "connecting" : "closed";
      pill.textContent = open > 1 ? `Data channels: ${open} open` : `Data channel: ${word}`;
    };
    const peer = withoutExamples(room.peer);
    room.events.on("joined", (other) => {
      const { connection } = negotiate(peer, other.id, { onError: hooks.failed });
      const attach = (channel) => {
        channel.onopen = () => {
          other.channel = channel;
          room.events.emit("changed", void 0);
        };
        channel.onclose = () => {
          other.channel = void 0;
          room.events.emit("changed", void 0);
        };
        channel.onmessage = ({ data }) => room.takeDirectly(other, data);
      };
      if (room.isServer) {
        attach(connection.createDataChannel("demo"));
      } else {
        connection.addEventListener("datachannel", ({ channel }) => attach(channel), { once: true });
      }
      hooks.connection(other, connection);
    });
    for (const event of ["joined", "gone", "changed"]) {
      room.events.on(event, show);
    }
  }
  function withoutExamples(peer) {
    const on = (name, listener, options) => peer.on(
      name,
      (event) => {
        if (name !== "message" || !isExample(event.type, event.message)) {
          listener(event);
        }
      },
      options
    );
    return new Proxy(peer, {
      get(target, name) {
        if (name === "on") {
          return on;
        }
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      }
    });
  }

  // node_modules/uqr/dist/index.mjs
  var QrCodeDataType = /* @__PURE__ */ ((QrCodeDataType2) => {
    QrCodeDataType2[QrCodeDataType2["Border"] = -1] = "Border";
    QrCodeDataType2[QrCodeDataType2["Data"] = 0] = "Data";
    QrCodeDataType2[QrCodeDataType2["Function"] = 1] = "Function";
    QrCodeDataType2[QrCodeDataType2["Position"] = 2] = "Position";
    QrCodeDataType2[QrCodeDataType2["Timing"] = 3] = "Timing";
    QrCodeDataType2[QrCodeDataType2["Alignment"] = 4] = "Alignment";
    return QrCodeDataType2;
  })(QrCodeDataType || {});
  var LOW = [0, 1];
  var MEDIUM = [1, 0];
  var QUARTILE = [2, 3];
  var HIGH = [3, 2];
  var EccMap = {
    L: LOW,
    M: MEDIUM,
    Q: QUARTILE,
    H: HIGH
  };
  var NUMERIC_REGEX = /^\d*$/;
  var ALPHANUMERIC_REGEX = /^[A-Z0-9 $%*+./:-]*$/;
  var ALPHANUMERIC_CHARSET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
  var MIN_VERSION = 1;
  var MAX_VERSION = 40;
  var PENALTY_N1 = 3;
  var PENALTY_N2 = 3;
  var PENALTY_N3 = 40;
  var PENALTY_N4 = 10;
  var ECC_CODEWORDS_PER_BLOCK = [
    // Version: (note that index 0 is for padding, and is set to an illegal value)
    // 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40    Error correction level
    [-1, 7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
    // Low
    [-1, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28],
    // Medium
    [-1, 13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30, 28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30],
    // Quartile
    [-1, 17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28, 30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]
    // High
  ];
  var NUM_ERROR_CORRECTION_BLOCKS = [
    // Version: (note that index 0 is for padding, and is set to an illegal value)
    // 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40    Error correction level
    [-1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25],
    // Low
    [-1, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49],
    // Medium
    [-1, 1, 1, 2, 2, 4, 4, 6, 6, 8, 8, 8, 10, 12, 16, 12, 17, 16, 18, 21, 20, 23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68],
    // Quartile
    [-1, 1, 1, 2, 4, 4, 4, 5, 6, 8, 8, 11, 11, 16, 16, 18, 16, 19, 21, 25, 25, 25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81]
    // High
  ];
  var QrCode = class {
    /* -- Constructor (low level) and fields -- */
    // Creates a new QR Code with the given version number,
    // error correction level, data codeword bytes, and mask number.
    // This is a low-level API that most users should not use directly.
    // A mid-level API is the encodeSegments() function.
    constructor(version, ecc, dataCodewords, msk) {
      this.version = version;
      this.ecc = ecc;
      if (version < MIN_VERSION || version > MAX_VERSION)
        throw new RangeError("Version value out of range");
      if (msk < -1 || msk > 7)
        throw new RangeError("Mask value out of range");
      this.size = version * 4 + 17;
      const row = Array.from({ length: this.size }).fill(false);
      for (let i = 0; i < this.size; i++) {
        this.modules.push(row.slice());
        this.types.push(row.map(() => 0));
      }
      this.drawFunctionPatterns();
      const allCodewords = this.addEccAndInterleave(dataCodewords);
      this.drawCodewords(allCodewords);
      if (msk === -1) {
        let minPenalty = 1e9;
        for (let i = 0; i < 8; i++) {
          this.applyMask(i);
          this.drawFormatBits(i);
          const penalty = this.getPenaltyScore();
          if (penalty < minPenalty) {
            msk = i;
            minPenalty = penalty;
          }
          this.applyMask(i);
        }
      }
      this.mask = msk;
      this.applyMask(msk);
      this.drawFormatBits(msk);
    }
    /* -- Fields -- */
    // The width and height of this QR Code, measured in modules, between
    // 21 and 177 (inclusive). This is equal to version * 4 + 17.
    size;
    // The index of the mask pattern used in this QR Code, which is between 0 and 7 (inclusive).
    // Even if a QR Code is created with automatic masking requested (mask = -1),
    // the resulting object still has a mask value between 0 and 7.
    mask;
    // The modules of this QR Code (false = light, true = dark).
    // Immutable after constructor finishes. Accessed through getModule().
    modules = [];
    types = [];
    /* -- Accessor methods -- */
    // Returns the color of the module (pixel) at the given coordinates, which is false
    // for light or true for dark. The top left corner has the coordinates (x=0, y=0).
    // If the given coordinates are out of bounds, then false (light) is returned.
    getModule(x, y) {
      return x >= 0 && x < this.size && y >= 0 && y < this.size && this.modules[y][x];
    }
    /* -- Private helper methods for constructor: Drawing function modules -- */
    // Reads this object's version field, and draws and marks all function modules.
    drawFunctionPatterns() {
      for (let i = 0; i < this.size; i++) {
        this.setFunctionModule(6, i, i % 2 === 0, QrCodeDataType.Timing);
        this.setFunctionModule(i, 6, i % 2 === 0, QrCodeDataType.Timing);
      }
      this.drawFinderPattern(3, 3);
      this.drawFinderPattern(this.size - 4, 3);
      this.drawFinderPattern(3, this.size - 4);
      const alignPatPos = this.getAlignmentPatternPositions();
      const numAlign = alignPatPos.length;
      for (let i = 0; i < numAlign; i++) {
        for (let j = 0; j < numAlign; j++) {
          if (!(i === 0 && j === 0 || i === 0 && j === numAlign - 1 || i === numAlign - 1 && j === 0))
            this.drawAlignmentPattern(alignPatPos[i], alignPatPos[j]);
        }
      }
      this.drawFormatBits(0);
      this.drawVersion();
    }
    // Draws two copies of the format bits (with its own error correction code)
    // based on the given mask and this object's error correction level field.
    drawFormatBits(mask) {
      const data = this.ecc[1] << 3 | mask;
      let rem = data;
      for (let i = 0; i < 10; i++)
        rem = rem << 1 ^ (rem >>> 9) * 1335;
      const bits = (data << 10 | rem) ^ 21522;
      for (let i = 0; i <= 5; i++)
        this.setFunctionModule(8, i, getBit(bits, i));
      this.setFunctionModule(8, 7, getBit(bits, 6));
      this.setFunctionModule(8, 8, getBit(bits, 7));
      this.setFunctionModule(7, 8, getBit(bits, 8));
      for (let i = 9; i < 15; i++)
        this.setFunctionModule(14 - i, 8, getBit(bits, i));
      for (let i = 0; i < 8; i++)
        this.setFunctionModule(this.size - 1 - i, 8, getBit(bits, i));
      for (let i = 8; i < 15; i++)
        this.setFunctionModule(8, this.size - 15 + i, getBit(bits, i));
      this.setFunctionModule(8, this.size - 8, true);
    }
    // Draws two copies of the version bits (with its own error correction code),
    // based on this object's version field, iff 7 <= version <= 40.
    drawVersion() {
      if (this.version < 7)
        return;
      let rem = this.version;
      for (let i = 0; i < 12; i++)
        rem = rem << 1 ^ (rem >>> 11) * 7973;
      const bits = this.version << 12 | rem;
      for (let i = 0; i < 18; i++) {
        const color = getBit(bits, i);
        const a = this.size - 11 + i % 3;
        const b = Math.floor(i / 3);
        this.setFunctionModule(a, b, color);
        this.setFunctionModule(b, a, color);
      }
    }
    // Draws a 9*9 finder pattern including the border separator,
    // with the center module at (x, y). Modules can be out of bounds.
    drawFinderPattern(x, y) {
      for (let dy = -4; dy <= 4; dy++) {
        for (let dx = -4; dx <= 4; dx++) {
          const dist = Math.max(Math.abs(dx), Math.abs(dy));
          const xx = x + dx;
          const yy = y + dy;
          if (xx >= 0 && xx < this.size && yy >= 0 && yy < this.size)
            this.setFunctionModule(xx, yy, dist !== 2 && dist !== 4, QrCodeDataType.Position);
        }
      }
    }
    // Draws a 5*5 alignment pattern, with the center module
    // at (x, y). All modules must be in bounds.
    drawAlignmentPattern(x, y) {
      for (let dy = -2; dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) {
          this.setFunctionModule(
            x + dx,
            y + dy,
            Math.max(Math.abs(dx), Math.abs(dy)) !== 1,
            QrCodeDataType.Alignment
          );
        }
      }
    }
    // Sets the color of a module and marks it as a function module.
    // Only used by the constructor. Coordinates must be in bounds.
    setFunctionModule(x, y, isDark, type = QrCodeDataType.Function) {
      this.modules[y][x] = isDark;
      this.types[y][x] = type;
    }
    /* -- Private helper methods for constructor: Codewords and masking -- */
    // Returns a new byte string representing the given data with the appropriate error correction
    // codewords appended to it, based on this object's version and error correction level.
    addEccAndInterleave(data) {
      const ver = this.version;
      const ecl = this.ecc;
      if (data.length !== getNumDataCodewords(ver, ecl))
        throw new RangeError("Invalid argument");
      const numBlocks = NUM_ERROR_CORRECTION_BLOCKS[ecl[0]][ver];
      const blockEccLen = ECC_CODEWORDS_PER_BLOCK[ecl[0]][ver];
      const rawCodewords = Math.floor(getNumRawDataModules(ver) / 8);
      const numShortBlocks = numBlocks - rawCodewords % numBlocks;
      const shortBlockLen = Math.floor(rawCodewords / numBlocks);
      const blocks = [];
      const rsDiv = reedSolomonComputeDivisor(blockEccLen);
      for (let i = 0, k = 0; i < numBlocks; i++) {
        const dat = data.slice(k, k + shortBlockLen - blockEccLen + (i < numShortBlocks ? 0 : 1));
        k += dat.length;
        const ecc = reedSolomonComputeRemainder(dat, rsDiv);
        if (i < numShortBlocks)
          dat.push(0);
        blocks.push(dat.concat(ecc));
      }
      const result = [];
      for (let i = 0; i < blocks[0].length; i++) {
        blocks.forEach((block, j) => {
          if (i !== shortBlockLen - blockEccLen || j >= numShortBlocks)
            result.push(block[i]);
        });
      }
      return result;
    }
    // Draws the given sequence of 8-bit codewords (data and error correction) onto the entire
    // data area of this QR Code. Function modules need to be marked off before this is called.
    drawCodewords(data) {
      if (data.length !== Math.floor(getNumRawDataModules(this.version) / 8))
        throw new RangeError("Invalid argument");
      let i = 0;
      for (let right = this.size - 1; right >= 1; right -= 2) {
        if (right === 6)
          right = 5;
        for (let vert = 0; vert < this.size; vert++) {
          for (let j = 0; j < 2; j++) {
            const x = right - j;
            const upward = (right + 1 & 2) === 0;
            const y = upward ? this.size - 1 - vert : vert;
            if (!this.types[y][x] && i < data.length * 8) {
              this.modules[y][x] = getBit(data[i >>> 3], 7 - (i & 7));
              i++;
            }
          }
        }
      }
    }
    // XORs the codeword modules in this QR Code with the given mask pattern.
    // The function modules must be marked and the codeword bits must be drawn
    // before masking. Due to the arithmetic of XOR, calling applyMask() with
    // the same mask value a second time will undo the mask. A final well-formed
    // QR Code needs exactly one (not zero, two, etc.) mask applied.
    applyMask(mask) {
      if (mask < 0 || mask > 7)
        throw new RangeError("Mask value out of range");
      for (let y = 0; y < this.size; y++) {
        for (let x = 0; x < this.size; x++) {
          let invert;
          switch (mask) {
            case 0:
              invert = (x + y) % 2 === 0;
              break;
            case 1:
              invert = y % 2 === 0;
              break;
            case 2:
              invert = x % 3 === 0;
              break;
            case 3:
              invert = (x + y) % 3 === 0;
              break;
            case 4:
              invert = (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0;
              break;
            case 5:
              invert = x * y % 2 + x * y % 3 === 0;
              break;
            case 6:
              invert = (x * y % 2 + x * y % 3) % 2 === 0;
              break;
            case 7:
              invert = ((x + y) % 2 + x * y % 3) % 2 === 0;
              break;
            default:
              throw new Error("Unreachable");
          }
          if (!this.types[y][x] && invert)
            this.modules[y][x] = !this.modules[y][x];
        }
      }
    }
    // Calculates and returns the penalty score based on state of this QR Code's current modules.
    // This is used by the automatic mask choice algorithm to find the mask pattern that yields the lowest score.
    getPenaltyScore() {
      let result = 0;
      for (let y = 0; y < this.size; y++) {
        let runColor = false;
        let runX = 0;
        const runHistory = [0, 0, 0, 0, 0, 0, 0];
        for (let x = 0; x < this.size; x++) {
          if (this.modules[y][x] === runColor) {
            runX++;
            if (runX === 5)
              result += PENALTY_N1;
            else if (runX > 5)
              result++;
          } else {
            this.finderPenaltyAddHistory(runX, runHistory);
            if (!runColor)
              result += this.finderPenaltyCountPatterns(runHistory) * PENALTY_N3;
            runColor = this.modules[y][x];
            runX = 1;
          }
        }
        result += this.finderPenaltyTerminateAndCount(runColor, runX, runHistory) * PENALTY_N3;
      }
      for (let x = 0; x < this.size; x++) {
        let runColor = false;
        let runY = 0;
        const runHistory = [0, 0, 0, 0, 0, 0, 0];
        for (let y = 0; y < this.size; y++) {
          if (this.modules[y][x] === runColor) {
            runY++;
            if (runY === 5)
              result += PENALTY_N1;
            else if (runY > 5)
              result++;
          } else {
            this.finderPenaltyAddHistory(runY, runHistory);
            if (!runColor)
              result += this.finderPenaltyCountPatterns(runHistory) * PENALTY_N3;
            runColor = this.modules[y][x];
            runY = 1;
          }
        }
        result += this.finderPenaltyTerminateAndCount(runColor, runY, runHistory) * PENALTY_N3;
      }
      for (let y = 0; y < this.size - 1; y++) {
        for (let x = 0; x < this.size - 1; x++) {
          const color = this.modules[y][x];
          if (color === this.modules[y][x + 1] && color === this.modules[y + 1][x] && color === this.modules[y + 1][x + 1]) {
            result += PENALTY_N2;
          }
        }
      }
      let dark = 0;
      for (const row of this.modules)
        dark = row.reduce((sum, color) => sum + (color ? 1 : 0), dark);
      const total = this.size * this.size;
      const k = Math.ceil(Math.abs(dark * 20 - total * 10) / total) - 1;
      result += k * PENALTY_N4;
      return result;
    }
    /* -- Private helper functions -- */
    // Returns an ascending list of positions of alignment patterns for this version number.
    // Each position is in the range [0,177), and are used on both the x and y axes.
    // This could be implemented as lookup table of 40 variable-length lists of integers.
    getAlignmentPatternPositions() {
      if (this.version === 1) {
        return [];
      } else {
        const numAlign = Math.floor(this.version / 7) + 2;
        const step = this.version === 32 ? 26 : Math.ceil((this.version * 4 + 4) / (numAlign * 2 - 2)) * 2;
        const result = [6];
        for (let pos = this.size - 7; result.length < numAlign; pos -= step)
          result.splice(1, 0, pos);
        return result;
      }
    }
    // Can only be called immediately after a light run is added, and
    // returns either 0, 1, or 2. A helper function for getPenaltyScore().
    finderPenaltyCountPatterns(runHistory) {
      const n = runHistory[1];
      const core = n > 0 && runHistory[2] === n && runHistory[3] === n * 3 && runHistory[4] === n && runHistory[5] === n;
      return (core && runHistory[0] >= n * 4 && runHistory[6] >= n ? 1 : 0) + (core && runHistory[6] >= n * 4 && runHistory[0] >= n ? 1 : 0);
    }
    // Must be called at the end of a line (row or column) of modules. A helper function for getPenaltyScore().
    finderPenaltyTerminateAndCount(currentRunColor, currentRunLength, runHistory) {
      if (currentRunColor) {
        this.finderPenaltyAddHistory(currentRunLength, runHistory);
        currentRunLength = 0;
      }
      currentRunLength += this.size;
      this.finderPenaltyAddHistory(currentRunLength, runHistory);
      return this.finderPenaltyCountPatterns(runHistory);
    }
    // Pushes the given value to the front and drops the last value. A helper function for getPenaltyScore().
    finderPenaltyAddHistory(currentRunLength, runHistory) {
      if (runHistory[0] === 0)
        currentRunLength += this.size;
      runHistory.pop();
      runHistory.unshift(currentRunLength);
    }
  };
  function appendBits(val, len, bb) {
    if (len < 0 || len > 31 || val >>> len !== 0)
      throw new RangeError("Value out of range");
    for (let i = len - 1; i >= 0; i--)
      bb.push(val >>> i & 1);
  }
  function getBit(x, i) {
    return (x >>> i & 1) !== 0;
  }
  var QrSegment = class {
    // Creates a new QR Code segment with the given attributes and data.
    // The character count (numChars) must agree with the mode and the bit buffer length,
    // but the constraint isn't checked. The given bit buffer is cloned and stored.
    constructor(mode, numChars, bitData) {
      this.mode = mode;
      this.numChars = numChars;
      this.bitData = bitData;
      if (numChars < 0)
        throw new RangeError("Invalid argument");
      this.bitData = bitData.slice();
    }
    /* -- Methods -- */
    // Returns a new copy of the data bits of this segment.
    getData() {
      return this.bitData.slice();
    }
  };
  var MODE_NUMERIC = [1, 10, 12, 14];
  var MODE_ALPHANUMERIC = [2, 9, 11, 13];
  var MODE_BYTE = [4, 8, 16, 16];
  function numCharCountBits(mode, ver) {
    return mode[Math.floor((ver + 7) / 17) + 1];
  }
  function makeBytes(data) {
    const bb = [];
    for (const b of data)
      appendBits(b, 8, bb);
    return new QrSegment(MODE_BYTE, data.length, bb);
  }
  function makeNumeric(digits) {
    if (!isNumeric(digits))
      throw new RangeError("String contains non-numeric characters");
    const bb = [];
    for (let i = 0; i < digits.length; ) {
      const n = Math.min(digits.length - i, 3);
      appendBits(Number.parseInt(digits.substring(i, i + n), 10), n * 3 + 1, bb);
      i += n;
    }
    return new QrSegment(MODE_NUMERIC, digits.length, bb);
  }
  function makeAlphanumeric(text) {
    if (!isAlphanumeric(text))
      throw new RangeError("String contains unencodable characters in alphanumeric mode");
    const bb = [];
    let i;
    for (i = 0; i + 2 <= text.length; i += 2) {
      let temp = ALPHANUMERIC_CHARSET.indexOf(text.charAt(i)) * 45;
      temp += ALPHANUMERIC_CHARSET.indexOf(text.charAt(i + 1));
      appendBits(temp, 11, bb);
    }
    if (i < text.length)
      appendBits(ALPHANUMERIC_CHARSET.indexOf(text.charAt(i)), 6, bb);
    return new QrSegment(MODE_ALPHANUMERIC, text.length, bb);
  }
  function makeSegments(text) {
    if (text === "")
      return [];
    else if (isNumeric(text))
      return [makeNumeric(text)];
    else if (isAlphanumeric(text))
      return [makeAlphanumeric(text)];
    else
      return [makeBytes(toUtf8ByteArray(text))];
  }
  function isNumeric(text) {
    return NUMERIC_REGEX.test(text);
  }
  function isAlphanumeric(text) {
    return ALPHANUMERIC_REGEX.test(text);
  }
  function getTotalBits(segs, version) {
    let result = 0;
    for (const seg of segs) {
      const ccbits = numCharCountBits(seg.mode, version);
      if (seg.numChars >= 1 << ccbits)
        return Number.POSITIVE_INFINITY;
      result += 4 + ccbits + seg.bitData.length;
    }
    return result;
  }
  function toUtf8ByteArray(str) {
    str = encodeURI(str);
    const result = [];
    for (let i = 0; i < str.length; i++) {
      if (str.charAt(i) !== "%") {
        result.push(str.charCodeAt(i));
      } else {
        result.push(Number.parseInt(str.substring(i + 1, i + 3), 16));
        i += 2;
      }
    }
    return result;
  }
  function getNumRawDataModules(ver) {
    if (ver < MIN_VERSION || ver > MAX_VERSION)
      throw new RangeError("Version number out of range");
    let result = (16 * ver + 128) * ver + 64;
    if (ver >= 2) {
      const numAlign = Math.floor(ver / 7) + 2;
      result -= (25 * numAlign - 10) * numAlign - 55;
      if (ver >= 7)
        result -= 36;
    }
    return result;
  }
  function getNumDataCodewords(ver, ecl) {
    return Math.floor(getNumRawDataModules(ver) / 8) - ECC_CODEWORDS_PER_BLOCK[ecl[0]][ver] * NUM_ERROR_CORRECTION_BLOCKS[ecl[0]][ver];
  }
  function reedSolomonComputeDivisor(degree) {
    if (degree < 1 || degree > 255)
      throw new RangeError("Degree out of range");
    const result = [];
    for (let i = 0; i < degree - 1; i++)
      result.push(0);
    result.push(1);
    let root = 1;
    for (let i = 0; i < degree; i++) {
      for (let j = 0; j < result.length; j++) {
        result[j] = reedSolomonMultiply(result[j], root);
        if (j + 1 < result.length)
          result[j] ^= result[j + 1];
      }
      root = reedSolomonMultiply(root, 2);
    }
    return result;
  }
  function reedSolomonComputeRemainder(data, divisor) {
    const result = divisor.map((_) => 0);
    for (const b of data) {
      const factor = b ^ result.shift();
      result.push(0);
      divisor.forEach((coef, i) => result[i] ^= reedSolomonMultiply(coef, factor));
    }
    return result;
  }
  function reedSolomonMultiply(x, y) {
    if (x >>> 8 !== 0 || y >>> 8 !== 0)
      throw new RangeError("Byte out of range");
    let z = 0;
    for (let i = 7; i >= 0; i--) {
      z = z << 1 ^ (z >>> 7) * 285;
      z ^= (y >>> i & 1) * x;
    }
    return z;
  }
  function encodeSegments(segs, ecl, minVersion = 1, maxVersion = 40, mask = -1, boostEcl = true) {
    if (!(MIN_VERSION <= minVersion && minVersion <= maxVersion && maxVersion <= MAX_VERSION) || mask < -1 || mask > 7) {
      throw new RangeError("Invalid value");
    }
    let version;
    let dataUsedBits;
    for (version = minVersion; ; version++) {
      const dataCapacityBits2 = getNumDataCodewords(version, ecl) * 8;
      const usedBits = getTotalBits(segs, version);
      if (usedBits <= dataCapacityBits2) {
        dataUsedBits = usedBits;
        break;
      }
      if (version >= maxVersion)
        throw new RangeError("Data too long");
    }
    for (const newEcl of [MEDIUM, QUARTILE, HIGH]) {
      if (boostEcl && dataUsedBits <= getNumDataCodewords(version, newEcl) * 8)
        ecl = newEcl;
    }
    const bb = [];
    for (const seg of segs) {
      appendBits(seg.mode[0], 4, bb);
      appendBits(seg.numChars, numCharCountBits(seg.mode, version), bb);
      for (const b of seg.getData())
        bb.push(b);
    }
    const dataCapacityBits = getNumDataCodewords(version, ecl) * 8;
    appendBits(0, Math.min(4, dataCapacityBits - bb.length), bb);
    appendBits(0, (8 - bb.length % 8) % 8, bb);
    for (let padByte = 236; bb.length < dataCapacityBits; padByte ^= 236 ^ 17)
      appendBits(padByte, 8, bb);
    const dataCodewords = Array.from({ length: Math.ceil(bb.length / 8) }, () => 0);
    bb.forEach((b, i) => dataCodewords[i >>> 3] |= b << 7 - (i & 7));
    return new QrCode(version, ecl, dataCodewords, mask);
  }
  function encode(data, options) {
    const {
      ecc = "L",
      boostEcc = false,
      minVersion = 1,
      maxVersion = 40,
      maskPattern = -1,
      border = 1
    } = options || {};
    const segment = typeof data === "string" ? makeSegments(data) : Array.isArray(data) ? [makeBytes(data)] : void 0;
    if (!segment)
      throw new Error(`uqr only supports encoding string and binary data, but got: ${typeof data}`);
    const qr = encodeSegments(
      segment,
      EccMap[ecc],
      minVersion,
      maxVersion,
      maskPattern,
      boostEcc
    );
    const result = addBorder({
      version: qr.version,
      maskPattern: qr.mask,
      size: qr.size,
      data: qr.modules,
      types: qr.types
    }, border);
    if (options?.invert)
      result.data = result.data.map((row) => row.map((mod) => !mod));
    options?.onEncoded?.(result);
    return result;
  }
  function addBorder(input, border = 1) {
    if (!border)
      return input;
    const { size } = input;
    const newSize = size + border * 2;
    input.size = newSize;
    input.data.forEach((row) => {
      for (let i = 0; i < border; i++) {
        row.unshift(false);
        row.push(false);
      }
    });
    for (let i = 0; i < border; i++) {
      input.data.unshift(Array.from({ length: newSize }, (_) => false));
      input.data.push(Array.from({ length: newSize }, (_) => false));
    }
    const b = QrCodeDataType.Border;
    input.types.forEach((row) => {
      for (let i = 0; i < border; i++) {
        row.unshift(b);
        row.push(b);
      }
    });
    for (let i = 0; i < border; i++) {
      input.types.unshift(Array.from({ length: newSize }, (_) => b));
      input.types.push(Array.from({ length: newSize }, (_) => b));
    }
    return input;
  }

  // demo/invite.ts
  var QUIET_ZONE = 4;
  var COPIED_FOR = 1500;
  function showInvite(room) {
    const id = byId("server-id");
    const link = byId("link");
    copies(byId("copy-id"), id);
    copies(byId("copy-link"), link);
    byId("loopback").hidden = !isLoopback(location.hostname);
    room.events.on("began", (opened) => {
      const url = linkTo(opened.id);
      id.value = opened.id;
      link.value = url;
      byId("open-client").href = url;
      drawCode(byId("qr"), url);
    });
  }
  function linkTo(id) {
    return `${location.origin}${location.pathname}#${encodeURIComponent(id)}`;
  }
  function drawCode(svg, text) {
    const { data, size } = encode(text, { ecc: "M", border: QUIET_ZONE });
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => isDark ? [`M${x} ${y}h1v1h-1z`] : []));
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    svg.setAttribute("shape-rendering", "crispEdges");
    svg.replaceChildren(
      draw("rect", { width: size, height: size, fill: "#fff" }),
      draw("path", { d: dark.join(""), fill: "#000" })
    );
  }
  function copies(button, field) {
    field.onfocus = () => field.select();
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        field.select();
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => button.textContent = "Copy", COPIED_FOR);
    };
  }

  // demo/plot.ts
  var MINUTE = 6e4;
  var WIDTH = 480;
  var HEIGHT = 200;
  var LEFT = 68;
  var RIGHT = WIDTH - 8;
  var TOP = 12;
  var BOTTOM = HEIGHT - 24;
  var GAP = 3500;
  function plot(svg, paths, now) {
    const times = paths.flat().map(({ time }) => Math.max(time, 0.1));
    const least = Math.floor(Math.log10(Math.min(...times, 1)));
    const most = Math.max(Math.ceil(Math.log10(Math.max(...times, 1))), least + 1);
    const x = (at) => RIGHT - (now - at) / MINUTE * (RIGHT - LEFT);
    const y = (time) => {
      const share = (Math.log10(Math.max(time, 0.1)) - least) / (most - least);
      return BOTTOM - share * (BOTTOM - TOP);
    };
    const drawn = [];
    for (let power = least; power <= most; power += 1) {
      const at = y(10 ** power);
      drawn.push(
        draw("path", { class: "grid", d: `M${LEFT} ${at}H${RIGHT}` }),
        draw("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, label(10 ** power))
      );
    }
    drawn.push(
      draw("text", { x: LEFT, y: HEIGHT - 5 }, "1 min ago"),
      draw("text", { x: RIGHT, y: HEIGHT - 5, "text-anchor": "end" }, "now")
    );
    paths.forEach((samples, index) => {
      let before = -Infinity;
      const steps = samples.map(({ at, time }) => {
        const step = `${at - before > GAP ? "M" : "L"}${x(at).toFixed(1)} ${y(time).toFixed(1)}`;
        before = at;
        return step;
      });
      drawn.push(draw("path", { class: `curve style-${index + 1}`, d: steps.join("") }));
    });
    svg.replaceChildren(...drawn);
  }
  function median(samples) {
    const times = samples.map(({ time }) => time).sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)];
  }
  function label(time) {
    return time < 1 ? `${time * 1e3} µs` : milliseconds(time).replace(/\.0/, "");
  }

  // demo/latency.ts
  var EVERY2 = 1e3;
  var Path = class {
    samples = [];
    #under = /* @__PURE__ */ new Map();
    #n = 0;
    /** Numbers a ping that is sent now. */
    begin(now) {
      this.#n += 1;
      this.#under.set(this.#n, now);
      return this.#n;
    }
    /** It has come back. `false`: it is none of ours. */
    end(n, now) {
      const began = this.#under.get(n);
      if (began === void 0) {
        return false;
      }
      this.#under.delete(n);
      this.samples.push({ at: now, time: now - began });
      return true;
    }
    forget(now) {
      this.samples = this.samples.filter(({ at }) => now - at < MINUTE);
      for (const [n, began] of this.#under) {
        if (now - began > MINUTE) {
          this.#under.delete(n);
        }
      }
    }
    clear() {
      this.samples = [];
      this.#under.clear();
    }
  };
  function showLatency(room) {
    const paths = { relay: new Path(), direct: new Path() };
    const select = byId("target");
    const target = () => room.others.get(select.value);
    const show = () => {
      const now = performance.now();
      for (const [name, path] of Object.entries(paths)) {
        path.forget(now);
        const last = path.samples.at(-1);
        const middle = median(path.samples);
        byId(`${name}-now`).textContent = last ? milliseconds(last.time) : "–";
        byId(`${name}-median`).textContent = `median ${middle === void 0 ? "–" : milliseconds(middle)}`;
      }
      plot(byId("plot"), [paths.relay.samples, paths.direct.samples], now);
    };
    const options = () => {
      const before = select.value;
      select.replaceChildren(
        ...[...room.others.values()].map(
          (other) => make("option", { value: other.id, textContent: nameOf(room, other) })
        )
      );
      select.value = room.others.has(before) ? before : [...room.others.keys()][0] ?? "";
      byId("target-label").hidden = room.others.size < 2;
      if (select.value !== before) {
        Object.values(paths).forEach((path) => path.clear());
      }
      show();
    };
    select.onchange = () => {
      Object.values(paths).forEach((path) => path.clear());
      show();
    };
    room.events.on("joined", options);
    room.events.on("gone", options);
    room.events.on("heard", ({ from, type, message }) => {
      if (type === "DEMO_PING") {
        room.send(from, "DEMO_PONG", { n: message.n });
      } else if (type === "DEMO_PONG" && from === target() && paths.relay.end(message.n, performance.now())) {
        show();
      }
    });
    room.events.on("heardDirectly", ({ from, message }) => {
      if (message.type === "PING") {
        from.tell({ type: "PONG", n: message.n });
      } else if (message.type === "PONG" && from === target() && paths.direct.end(message.n, performance.now())) {
        show();
      }
    });
    show();
    setInterval(() => {
      const other = target();
      if (other) {
        const now = performance.now();
        if (room.connected) {
          room.send(other, "DEMO_PING", { n: paths.relay.begin(now) });
        }
        if (other.channel) {
          other.tell({ type: "PING", n: paths.direct.begin(now) });
        }
      }
      show();
    }, EVERY2);
    return target;
  }

  // demo/moving.ts
  var WIDTH2 = 480;
  var HEIGHT2 = 360;
  var PER_SECOND = 20;
  var STRANDS = 5;
  var STEP = 8;
  var MICROSECONDS = 1e6;
  var RIBBONS = ["#7db0ff", "#4f86dd", "#f2a65e", "#cb9ff2", "#72cf9b"];
  var standsStillWhenHidden = typeof MediaStreamTrackGenerator === "undefined";
  function movingPicture(caption) {
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH2;
    canvas.height = HEIGHT2;
    const context = canvas.getContext("2d", { alpha: false });
    const began = performance.now();
    const paint = () => paintFrame(context, (performance.now() - began) / 1e3, caption);
    paint();
    if (typeof MediaStreamTrackGenerator === "undefined") {
      return { stream: canvas.captureStream(PER_SECOND), stop: tick(paint) };
    }
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    let frames = 0;
    const stop = tick(() => {
      paint();
      frames += 1;
      const frame = new VideoFrame(canvas, { timestamp: frames * MICROSECONDS / PER_SECOND });
      writer.write(frame).catch(() => frame.close());
    });
    return { stream: new MediaStream([track]), stop };
  }
  function tick(frame) {
    const source = `setInterval(() => postMessage(0), ${1e3 / PER_SECOND});`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(trusted(url));
    URL.revokeObjectURL(url);
    worker.onmessage = frame;
    return () => worker.terminate();
  }
  function trusted(url) {
    const { trustedTypes } = globalThis;
    policy ??= trustedTypes?.createPolicy("clock", { createScriptURL: (url2) => url2 });
    return policy?.createScriptURL(url) ?? url;
  }
  var policy;
  function paintFrame(context, time, caption) {
    context.fillStyle = "#121826";
    context.fillRect(0, 0, WIDTH2, HEIGHT2);
    context.lineWidth = 2;
    RIBBONS.forEach((color, ribbon) => {
      context.strokeStyle = color;
      for (let strand = 0; strand < STRANDS; strand += 1) {
        context.globalAlpha = 0.9 - strand / STRANDS * 0.75;
        context.beginPath();
        for (let x = -STEP; x <= WIDTH2 + STEP; x += STEP) {
          const phase = time * (0.5 + ribbon * 0.13) + ribbon * 1.7 + strand * 0.13;
          const swell = Math.sin(x / WIDTH2 * Math.PI) * (58 + 24 * Math.sin(time * 0.4 + ribbon));
          const y = HEIGHT2 * 0.46 + Math.sin(x / 66 + phase) * swell + Math.sin(x / 31 - phase * 1.3) * 12;
          context.lineTo(x, y);
        }
        context.stroke();
      }
    });
    context.globalAlpha = 1;
    context.fillStyle = "#fff";
    context.font = "600 21px system-ui, sans-serif";
    context.fillText(caption, 18, HEIGHT2 - 20);
    context.textAlign = "right";
    context.fillText(clock(time), WIDTH2 - 18, HEIGHT2 - 20);
    context.textAlign = "left";
  }
  function clock(time) {
    const minutes = Math.floor(time / 60) % 60;
    return `${String(minutes).padStart(2, "0")}:${(time % 60).toFixed(1).padStart(4, "0")}`;
  }

  // demo/media.ts
  var NOT_SECURE = "A camera is for secure pages only: https, or this machine itself. docs/demo.md has a configuration for a phone.";
  var REFUSALS = {
    NotAllowedError: "The browser, or you, did not allow the camera.",
    NotFoundError: "There is no camera here. The moving picture needs none.",
    NotReadableError: "The camera is in use by another program."
  };
  var Media = class {
    #room;
    #connections = /* @__PURE__ */ new Map();
    #tiles = /* @__PURE__ */ new Map();
    #buttons;
    /** What tells the others that our tracks belong together: whatever is shown, it is one video of ours to them. */
    #outgoing = new MediaStream();
    /** Counts what was chosen: a camera that is allowed only afterwards comes too late. */
    #turn = 0;
    #kind;
    #stream;
    #stop = () => {
    };
    constructor(room) {
      this.#room = room;
      this.#buttons = {
        picture: byId("show-picture"),
        camera: byId("show-camera")
      };
      for (const kind of ["picture", "camera"]) {
        this.#buttons[kind].onclick = () => void this.#choose(this.#kind === kind ? void 0 : kind);
      }
      if (!navigator.mediaDevices) {
        this.#buttons.camera.disabled = true;
        this.#hint(NOT_SECURE);
      }
      room.peer.on("close", () => {
        this.#turn += 1;
        this.#end();
      });
      room.events.on("gone", (other) => {
        this.#connections.delete(other);
        this.#show(other, void 0);
      });
    }
    /** A connection begins. */
    connection(other, connection) {
      const entry = { connection };
      this.#connections.set(other, entry);
      this.#give(entry);
      connection.addEventListener("track", ({ track, streams: [stream] }) => {
        if (stream && track.kind === "video") {
          this.#show(other, stream);
          stream.onremovetrack = () => this.#show(other, void 0);
        }
      });
    }
    async #choose(kind) {
      this.#turn += 1;
      const turn = this.#turn;
      this.#end();
      if (navigator.mediaDevices) {
        this.#hint("");
      }
      if (kind === "camera") {
        try {
          const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
          if (turn !== this.#turn) {
            stream.getTracks().forEach((track) => track.stop());
            return;
          }
          this.#stream = stream;
        } catch (error) {
          const { name, message } = error;
          this.#hint(REFUSALS[name] ?? message);
          return;
        }
      } else if (kind === "picture") {
        const moving = movingPicture(
          this.#room.isServer ? "from the server" : `from ${short(this.#room.peer.id ?? "")}`
        );
        this.#stream = moving.stream;
        this.#stop = moving.stop;
        if (standsStillWhenHidden) {
          this.#hint("In this browser it stands still while the tab is hidden: put two windows side by side.");
        }
      }
      this.#kind = kind;
      this.#press();
      this.#show(void 0, this.#stream);
      this.#connections.forEach((entry) => this.#give(entry));
    }
    #end() {
      this.#stop();
      this.#stop = () => {
      };
      this.#stream?.getTracks().forEach((track) => track.stop());
      this.#stream = void 0;
      this.#kind = void 0;
      for (const { connection, sender } of this.#connections.values()) {
        if (sender) {
          send(connection, sender, null);
        }
      }
      this.#press();
      this.#show(void 0, void 0);
    }
    #give(entry) {
      const [track] = this.#stream?.getVideoTracks() ?? [];
      if (!track || entry.connection.signalingState === "closed") {
        return;
      }
      if (entry.sender) {
        send(entry.connection, entry.sender, track);
      } else {
        entry.sender = entry.connection.addTrack(track, this.#outgoing);
      }
    }
    #press() {
      for (const kind of ["picture", "camera"]) {
        this.#buttons[kind].setAttribute("aria-pressed", String(this.#kind === kind));
      }
    }
    #hint(text) {
      tell(byId("video-hint"), text);
    }
    /** Shows somebody's video, or our own; or no more. */
    #show(other, stream) {
      this.#tiles.get(other)?.remove();
      this.#tiles.delete(other);
      if (stream) {
        const video = make("video", { autoplay: true, muted: true, playsInline: true, srcObject: stream });
        const name = other ? nameOf(this.#room, other) : "You";
        const tile = make("figure", {}, video, make("figcaption", { textContent: name }));
        tile.dataset.of = other ? other.id : "self";
        video.setAttribute("aria-label", `Video of ${name}`);
        this.#tiles.set(other, tile);
        byId("tiles").append(tile);
        video.play().catch(() => {
        });
      }
      byId("no-video").hidden = this.#tiles.size > 0;
    }
  };
  function send(connection, sender, track) {
    const transceiver = connection.getTransceivers().find((one) => one.sender === sender);
    if (transceiver && connection.signalingState !== "closed") {
      transceiver.direction = track ? "sendrecv" : "recvonly";
      sender.replaceTrack(track).catch(() => {
      });
    }
  }

  // demo/picture.ts
  var BUSY = 900;
  function showPicture(room) {
    const own = room.isServer ? "server" : "client";
    const far = room.isServer ? "client" : "server";
    byId(`node-${own}`).classList.add("self");
    byId(`name-${own}`).textContent = "you";
    byId("node-relay").classList.add("here");
    const show = () => {
      const others = [...room.others.values()];
      const [first] = others;
      const transports = [...new Set(others.map(({ transport: transport2 }) => transportName(transport2)).filter(Boolean))];
      const direct = others.filter(({ channel }) => channel).length;
      const transport = transportName(room.peer.transport);
      const offline = room.ended ? "not connected" : "reconnecting";
      way(own, room.connected ? "lit" : room.ended ? "" : "lost", room.connected ? transport : offline);
      way(far, first && room.connected ? "lit" : "", first ? transports.join(", ") || "joining" : "not connected");
      way("direct", direct > 0 ? "lit" : "", direct > 0 ? "direct: WebRTC" : "no direct path yet");
      byId(`node-${far}`).classList.toggle("here", first !== void 0);
      const name = others.length > 1 ? `${others.length} clients` : first && short(first.id);
      byId(`name-${far}`).textContent = name ?? "nobody yet";
      byId("picture-title").textContent = `You are the ${own}, ${room.connected ? `connected over ${transport}` : offline}; ${name === void 0 ? `no ${far} is here` : `${name} here, ${transports.join(", ") || "joining"}`}; ` + (direct > 0 ? "the direct path is open" : "there is no direct path");
    };
    for (const event of ["began", "joined", "gone", "changed"]) {
      room.events.on(event, show);
    }
    room.events.on("heard", ({ type }) => {
      if (type === "CHAT" || type === "DEMO_COUNT" || type === "DEMO_COUNTED") {
        move("server");
        move("client");
      }
    });
    room.events.on("heardDirectly", ({ message }) => message.type === "TEXT" && move("direct"));
  }
  function way(name, state2, text) {
    for (const element of [byId(`edge-${name}`), byId(`label-${name}`)]) {
      element.classList.toggle("lit", state2 === "lit");
      element.classList.toggle("lost", state2 === "lost");
    }
    byId(`label-${name}`).textContent = text;
  }
  var rests = /* @__PURE__ */ new Map();
  function move(name) {
    const edge = byId(`edge-${name}`);
    edge.classList.add("busy");
    clearTimeout(rests.get(name));
    rests.set(
      name,
      setTimeout(() => edge.classList.remove("busy"), BUSY)
    );
  }

  // demo/room.ts
  var Other = class {
    constructor(id) {
      this.id = id;
    }
    id;
    /** By what it has reached the relay, once it has said so. */
    transport;
    /** The way past the relay, while it is open. */
    channel;
    /** Says something past the relay. */
    tell(message) {
      if (this.channel?.readyState === "open") {
        this.channel.send(JSON.stringify(message));
      }
    }
  };
  var Room = class {
    constructor(peer) {
      this.peer = peer;
      peer.on("open", (opened) => this.begin(opened));
      peer.on("reconnecting", () => this.#connection(false));
      peer.on("resumed", () => {
        this.#connection(true);
        this.others.forEach((other) => this.#introduce(other));
      });
      peer.on("peerJoined", ({ id }) => this.#join(id));
      peer.on("peerGone", ({ id }) => this.#leave(id));
      peer.on("close", () => {
        this.ended = true;
        [...this.others.keys()].forEach((id) => this.#leave(id));
        this.#connection(false);
      });
      peer.on("message", ({ from, type, message }) => {
        const other = this.others.get(from);
        if (!other) {
          return;
        }
        if (isExample(type, message)) {
          this.events.emit("example", { from: other, type, message });
        } else if (type === "DEMO_STATE") {
          other.transport = transportName(message.transport) ? message.transport : void 0;
          this.events.emit("changed", void 0);
        } else if (isOurs(type, message)) {
          this.events.emit("heard", { from: other, type, message });
        }
      });
    }
    peer;
    events = new Emitter();
    others = /* @__PURE__ */ new Map();
    /** Is there a connection? */
    connected = true;
    /** Is it over? */
    ended = false;
    /** Are we the server? */
    get isServer() {
      return !("serverId" in this.peer);
    }
    /** Sends a message through the relay. */
    send(other, type, message) {
      return this.peer.send(other.id, type, message);
    }
    /** A session begins. */
    begin(opened) {
      this.#connection(true);
      this.events.emit("began", opened);
      if ("serverId" in this.peer) {
        this.#leave(this.peer.serverId);
        this.#join(this.peer.serverId);
      }
    }
    /** Takes what has come past the relay. */
    takeDirectly(from, text) {
      try {
        const message = JSON.parse(String(text));
        if (isOursDirectly(message)) {
          this.events.emit("heardDirectly", { from, message });
        }
      } catch {
      }
    }
    #connection(connected) {
      this.connected = connected;
      this.events.emit("changed", void 0);
    }
    #join(id) {
      const other = new Other(id);
      this.others.set(id, other);
      this.events.emit("joined", other);
      this.#introduce(other);
    }
    #leave(id) {
      const other = this.others.get(id);
      if (other) {
        this.others.delete(id);
        this.events.emit("gone", other);
      }
    }
    #introduce(other) {
      if (this.peer.transport) {
        this.send(other, "DEMO_STATE", { transport: this.peer.transport });
      }
    }
  };

  // demo/pointer.ts
  function locate(text) {
    const ranges = /* @__PURE__ */ new Map();
    let at = 0;
    const space = () => {
      while (/\s/.test(text[at] ?? "")) {
        at += 1;
      }
    };
    const string = () => {
      const start = at;
      at += 1;
      while (text[at] !== '"') {
        at += text[at] === "\\" ? 2 : 1;
      }
      at += 1;
      return JSON.parse(text.slice(start, at));
    };
    const all = (close, one) => {
      at += 1;
      space();
      for (let index = 0; text[at] !== close; index += 1) {
        one(index);
        space();
        if (text[at] === ",") {
          at += 1;
          space();
        }
      }
      at += 1;
    };
    const value = (pointer) => {
      space();
      const start = at;
      if (text[at] === "{") {
        all("}", () => {
          const name = string().replaceAll("~", "~0").replaceAll("/", "~1");
          space();
          at += 1;
          value(`${pointer}/${name}`);
        });
      } else if (text[at] === "[") {
        all("]", (index) => value(`${pointer}/${index}`));
      } else if (text[at] === '"') {
        string();
      } else {
        at += /^[\w.+-]+/.exec(text.slice(at))?.[0].length ?? 1;
      }
      ranges.set(pointer, { start, end: at });
    };
    value("");
    return ranges;
  }

  // demo/schema.ts
  var SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=example\r\nt=0 0\r\n";
  var CANDIDATE = "candidate:1 1 udp 2113937151 192.0.2.1 9 typ host";
  var EXAMPLES = {
    OFFER: {
      // As a description of the other side, trimmed.
      broken: { type: "answer", sdp: SDP.trim() },
      mended: { type: "offer", sdp: SDP }
    },
    CANDIDATE: {
      broken: {
        candidate: CANDIDATE.replace("candidate:", ""),
        sdpMid: 0,
        sdpMLineIndex: -1,
        usernameFragment: EXAMPLE
      },
      mended: { candidate: CANDIDATE, sdpMid: "0", sdpMLineIndex: 0, usernameFragment: EXAMPLE }
    },
    CHAT: {
      broken: { txt: "hello" },
      mended: { text: "hello" }
    }
  };
  function showSchema(room, target) {
    const form2 = byId("try");
    const text = byId("json");
    const send2 = byId("send-json");
    const mend = byId("mend");
    const spoil = byId("spoil");
    const verdict = new Verdict(byId("verdict"));
    let underWay = 0;
    const kind = () => chosen("kind");
    const fill = (which) => {
      text.value = JSON.stringify(EXAMPLES[kind()][which], null, 2);
      mend.hidden = which === "mended";
      spoil.hidden = which === "broken";
    };
    fill("broken");
    document.querySelectorAll('input[name="kind"]').forEach((radio) => {
      radio.onchange = () => fill("broken");
    });
    mend.onclick = () => fill("mended");
    spoil.onclick = () => fill("broken");
    form2.onsubmit = async (event) => {
      event.preventDefault();
      const other = target();
      const type = kind();
      const written = text.value;
      let message;
      try {
        message = JSON.parse(written);
      } catch (error) {
        verdict.refused("This is no JSON, so it was not sent.", error.message, written, []);
        return;
      }
      if (typeof message !== "object" || message === null || Array.isArray(message)) {
        verdict.refused(
          "A message is a JSON object, so it was not sent.",
          "It begins with { and ends with }.",
          written,
          []
        );
        return;
      }
      if (!other) {
        return;
      }
      underWay += 1;
      verdict.waiting(type);
      try {
        await room.peer.send(other.id, type, message);
        verdict.passed(type, written, type === "CHAT" && !isExample(type, message));
      } catch (error) {
        const { code, message: detail, errors = [] } = error;
        verdict.refused(code, detail, written, errors);
      } finally {
        underWay -= 1;
      }
    };
    const update = () => {
      send2.disabled = room.others.size === 0;
      byId("try-hint").hidden = room.others.size > 0;
    };
    update();
    room.events.on("joined", update);
    room.events.on("gone", update);
    room.events.on("example", ({ from, type }) => room.send(from, "DEMO_ARRIVED", { type }));
    room.events.on("heard", ({ type, message }) => {
      if (type === "DEMO_ARRIVED") {
        verdict.arrived(message.type);
      }
    });
    return () => underWay > 0;
  }
  var Verdict = class {
    #place;
    /** The other side may have it before the relay has said that it let it pass. */
    #arrived = "";
    constructor(place) {
      this.#place = place;
    }
    waiting(type) {
      this.#arrived = "";
      this.#show("", make("p", { className: "empty", textContent: `The ${type} is on the way to the relay.` }));
    }
    refused(code, detail, written, violations) {
      const list = violations.map(
        ({ path, keyword, detail: detail2 }) => make(
          "li",
          {},
          make("span", {}, make("code", { textContent: path || "the message" }), ` breaks ${keyword}`),
          detail2
        )
      );
      this.#show(
        "bad",
        make("p", { className: "code", textContent: code }),
        make("p", { textContent: sentence(detail) }),
        ...list.length > 0 ? [make("ul", { className: "violations" }, ...list)] : [],
        marked(written, violations)
      );
    }
    /** The relay took it in; `said`: and the other side shows it in its chat. */
    passed(type, written, said) {
      const note = make("p", { className: "muted" });
      note.dataset.note = said ? "said" : type;
      this.#show(
        "good",
        make("p", { className: "code", textContent: "Let pass" }),
        make("p", {
          textContent: `The relay took this ${type} in: it meets its schema, or the relay has none for ${type}.`
        }),
        note,
        marked(written, [])
      );
      this.#note();
    }
    arrived(type) {
      this.#arrived = type;
      this.#note();
    }
    #note() {
      const note = this.#place.querySelector("[data-note]");
      if (note?.dataset.note === this.#arrived) {
        note.textContent = "The other side has it.";
      } else if (note) {
        note.textContent = note.dataset.note === "said" ? "It is in the chat of the other side." : "The other side has not said yet that it has it.";
      }
    }
    #show(kind, ...children) {
      this.#place.className = `verdict ${kind}`;
      this.#place.replaceChildren(...children);
    }
  };
  function marked(written, violations) {
    const pre = make("pre");
    let at = 0;
    if (violations.length > 0) {
      const ranges = locate(written);
      const found = violations.flatMap(({ path }) => path === "" ? [] : ranges.get(path) ?? []);
      found.sort((a, b) => a.start - b.start);
      for (const { start, end } of found) {
        if (start >= at) {
          pre.append(written.slice(at, start), make("mark", { textContent: written.slice(start, end) }));
          at = end;
        }
      }
    }
    pre.append(written.slice(at));
    return pre;
  }
  function sentence(text) {
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
  }

  // demo/main.ts
  var PATIENT = 3;
  var HEAD_START = 2e3;
  var FOR_GOOD = ["UNKNOWN_TYPE", "FORBIDDEN_TYPE", "SCHEMA_VIOLATION"];
  var serverId = fragment();
  var relay = { url: location.origin, headStart: HEAD_START };
  var form = byId("start");
  var passphrase = byId("passphrase");
  var become = byId("become");
  var needsPassphrase = document.documentElement.dataset.servers !== "open";
  addEventListener("hashchange", () => location.reload());
  byId("again-button").onclick = () => location.reload();
  byId("passphrase-field").hidden = !needsPassphrase;
  passphrase.required = needsPassphrase;
  form.onsubmit = (event) => {
    event.preventDefault();
    become.disabled = true;
    const lines2 = new Lines();
    const login = needsPassphrase ? { passphrase: passphrase.value } : {};
    follow(() => connectServer({ ...relay, ...login, ...lines2.options() }), lines2);
  };
  if (serverId) {
    document.title = "A client – Intercessor";
    form.hidden = true;
    const lines2 = new Lines();
    follow(() => connectClient({ ...relay, serverId, ...lines2.options() }), lines2);
  }
  function follow(connect, lines2) {
    tell(byId("problem"), "");
    state("connecting", "Connecting");
    let peer;
    try {
      peer = connect();
    } catch (error) {
      ended(error.message, false);
      return;
    }
    let began = false;
    peer.on("open", (opened) => {
      state("open", `Connected over ${transportName(opened.transport)}`);
      tell(byId("problem"), "");
      if (!began) {
        began = true;
        begin(peer, lines2, opened);
      }
    });
    peer.on("resumed", ({ transport }) => {
      state("open", `Resumed over ${transportName(transport)}`);
      tell(byId("problem"), "");
    });
    peer.on("reconnecting", (event) => reconnecting(event, began, lines2));
    peer.on("close", (closed) => ended(endInWords(closed), began));
  }
  function begin(peer, lines2, opened) {
    const room = new Room(peer);
    form.hidden = true;
    byId("h-hero").focus();
    document.body.classList.add("connected");
    byId("me").hidden = false;
    byId("cards").hidden = false;
    byId("invite").hidden = !room.isServer;
    byId("direct").classList.toggle("wide", room.isServer);
    const notice = byId("notice");
    peer.on("resumed", () => tell(notice, ""));
    room.events.on("began", ({ id, previousId }) => {
      const anew = "The session could not be resumed, so you have another id now.";
      tell(notice, previousId === void 0 ? "" : room.isServer ? `${anew} Hand the new link out.` : anew);
      byId("h-hero").textContent = room.isServer ? "You are the server." : "You are a client.";
      byId("me").textContent = room.isServer ? `Your id is ${id}. It is the right to join you: hand the link out.` : `Your id is ${id}. The relay gives what you send to your server alone, which passes the chat on to all.`;
      if (room.isServer) {
        document.title = "The server – Intercessor";
      }
    });
    if (room.isServer) {
      showInvite(room);
    }
    showPicture(room);
    showPeople(room);
    showChat(room);
    const target = showLatency(room);
    showCounting(room, lines2, target);
    const isExampleUnderWay = showSchema(room, target);
    const media = new Media(room);
    connectDirectly(room, {
      connection: (other, connection) => media.connection(other, connection),
      failed: (error) => {
        if (!isExampleUnderWay()) {
          tell(notice, `The direct path: ${error.message}`);
        }
      }
    });
    peer.on("error", ({ code, type, message }) => {
      if (type?.startsWith("DEMO_") && FOR_GOOD.includes(code)) {
        tell(notice, `This relay refuses ${type}, which parts of this page need: ${message}`);
      }
    });
    room.begin(opened);
  }
  function reconnecting({ attempt, delay, code, reason }, began, lines2) {
    const why = code === 1006 || !reason ? "" : `: ${reason} (${code})`;
    state(
      "reconnecting",
      `${began ? "Reconnecting" : "Connecting"}, attempt ${attempt} in ${milliseconds(delay)}${why}`
    );
    if (attempt >= PATIENT && code === 1006 && !lines2.areCut) {
      const only = lines2.choice === "auto" ? void 0 : lines2.choice;
      tell(byId("problem"), outOfReach(location.origin, only));
    }
  }
  function ended(words, began) {
    state("closed", "Closed");
    tell(byId("problem"), words);
    become.disabled = false;
    const here = !began && !serverId;
    byId("again").hidden = here;
    byId("invite").hidden = true;
    if (here) {
      passphrase.select();
      passphrase.focus();
    }
  }
  function state(name, text) {
    byId("state").dataset.state = name;
    byId("state-text").textContent = text;
  }
  function fragment() {
    const raw = location.hash.slice(1);
    try {
      return decodeURIComponent(raw);
    } catch {
      return raw;
    }
  }
})();
