/** Keeps a session with the relay: connects, comes back, begins anew, and knows when to stop. */

import { backoff } from './backoff.js';
import { broken, type End, isFinal } from './codes.js';
import { byeOf, parse, Reach, type Request } from './reach.js';
import { type Envelope, Session } from './session.js';
import type { Link, Sink } from './transport/link.js';
import type { Closed, PeerOptions, Reconnecting, Transport, Unconfirmed } from './types.js';

/** After so long a connection was a good one, and the waits begin anew. */
const SETTLED = 2_000;
/** Who was heard so recently is not asked for a sign of life. */
const RECENT = 1_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** What HELLO holds. */
export type Hello = any;

/** Who is told. */
export interface Hooks {
    /** The LOGIN of a new session, where one is needed. */
    login(): Promise<string | undefined>;
    /** A session has begun, */
    opened(hello: Hello, transport: Transport): void;
    /** goes on over a new connection, */
    resumed(hello: Hello, transport: Transport): void;
    /** or is over. */
    lost(id: string, unconfirmed: Unconfirmed[]): void;
    reconnecting(event: Reconnecting): void;
    envelope(envelope: Envelope): void;
    /** There may be a place again for what is to be sent. */
    moved(): void;
}

/** The present connection. */
interface Live {
    link: Link;
    end(end: End): void;
}

/** How a connection was. */
interface Outcome {
    end: End;
    /** Did it come to HELLO? */
    greeted: boolean;
    /** Was it to resume a session? */
    resuming: boolean;
}

/** Keeps one peer's sessions going, one after the other. */
export class Runner {
    readonly session: Session;
    readonly #reach: Reach;
    readonly #path: string;
    readonly #options: PeerOptions;
    readonly #hooks: Hooks;
    readonly #stop = new AbortController();
    #live: Live | undefined;
    /** What was not yet on its way when it was last looked at. */
    #unsent = 0;
    #timer: ReturnType<typeof setTimeout> | undefined;
    #rings = Infinity;
    /** Ends a wait between two tries. */
    #hurry: (() => void) | undefined;

    constructor(path: string, options: PeerOptions, hooks: Hooks) {
        const { limits: { messages = 1024, size = 1024 * 1024 } = {}, keepAlive = 25_000 } = options;
        this.session = new Session({ messages, size, keepAlive });
        this.#reach = new Reach(options);
        this.#path = path;
        this.#options = options;
        this.#hooks = hooks;
    }

    /** Is there a connection? */
    get connected(): boolean {
        return this.#live !== undefined;
    }

    /** Runs until the peer has ended for good. Rejects where there is no passphrase to be had. */
    async run(): Promise<Closed> {
        const { giveUpAfter = Infinity } = this.#options;
        let attempt = 0;
        let since = Date.now();
        for (;;) {
            const began = Date.now();
            const outcome = await this.#connection();
            const { end, greeted } = outcome;
            if (this.#stop.signal.aborted) {
                return this.#stop.signal.reason as Closed;
            }
            if (this.session.id !== undefined && this.#isLost(outcome)) {
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
            const delay = told === undefined ? backoff(attempt, Math.random) : told * 1_000;
            this.#hooks.reconnecting({ attempt, delay, code: end.code, reason: end.reason });
            await this.#pause(delay, told === undefined);
        }
    }

    /** Ends the peer. */
    stop(closed: Closed): void {
        this.#stop.abort(closed);
        this.#live?.link.leave();
        this.#live?.end(broken('left'));
    }

    /** Writes what is queued, and what is due. */
    flush(): void {
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
            this.#timer = setTimeout(() => this.#ring(live), Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER));
        }
    }

    /** The page woke up: a wait may be of no use any more, and the connection dead. Most likely so where its network `changed`. */
    wake(changed: boolean): void {
        this.#hurry?.();
        if (this.#live && (changed || Date.now() - this.session.heardAt > RECENT)) {
            this.session.doubt(Date.now());
            this.flush();
        }
    }

    #ring(live: Live): void {
        this.#rings = Infinity;
        const now = Date.now();
        const { unsent } = live.link;
        if (unsent > 0 && unsent < this.#unsent) {
            // A slow path, and no dead one: what is on its way already leaves room for more.
            this.session.heard(now);
        }
        if (this.session.tick(now)) {
            this.#reach.distrust(live.link.transport);
            live.link.drop();
            live.end(broken('the relay was silent for too long'));
        } else {
            this.flush();
        }
    }

    /** One connection, from its handshake to its end. */
    async #connection(): Promise<Outcome> {
        const resuming = this.session.resumable;
        let greeted = false;
        let resolve: (end: End) => void = () => {};
        const ended = new Promise<End>((done) => {
            resolve = done;
        });
        const request = await unlessAborted(this.#request(resuming), this.#stop.signal);
        if (!request) {
            return { end: broken('left'), greeted, resuming };
        }
        try {
            await this.#reach.connect(
                request,
                (link, { message }) => {
                    greeted = true;
                    return this.#attach(link, message, resolve);
                },
                this.#stop.signal,
            );
        } catch (end) {
            if (!greeted) {
                return { end: end as End, greeted, resuming };
            }
        }
        return { end: await ended, greeted, resuming };
    }

    async #request(resuming: boolean): Promise<Request> {
        const ordered = this.#options.ordered ? '&ordered' : '';
        return resuming
            ? { path: `/resume?${ordered.slice(1)}`, first: this.session.resumption(), resumes: true }
            : { path: `${this.#path}?resume${ordered}`, first: await this.#hooks.login(), resumes: false };
    }

    /** A connection that has just had HELLO. */
    #attach(link: Link, hello: Hello, ended: (end: End) => void): Sink {
        const live: Live = {
            link,
            end: (end) => {
                if (this.#live === live) {
                    this.#live = undefined;
                    clearTimeout(this.#timer);
                    this.#rings = Infinity;
                }
                ended(end);
            },
        };
        this.#live = live;
        const { session } = this;
        const watched = link.transport === 'webtransport';
        if (!session.resumable) {
            session.begin(hello.id, hello.resume, watched, Date.now());
            this.#hooks.opened(hello, link.transport);
        } else if (hello.resume && session.resume(hello.resume, watched, Date.now())) {
            this.#hooks.resumed(hello, link.transport);
        } else {
            link.leave();
            live.end({ code: 1011, reason: 'the relay took this session for another one', told: true });
        }
        this.flush();
        return {
            text: (text, ordered) => this.#live === live && this.#receive(live, text, ordered),
            end: live.end,
        };
    }

    #receive(live: Live, text: string, ordered: boolean): void {
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
    #isLost({ end, greeted, resuming }: Outcome): boolean {
        if (!this.session.resumable) {
            return true;
        }
        // The relay keeps a session that did not answer its pings, and it says nothing else of it.
        return end.told && (greeted ? end.code !== 4408 : resuming && end.code === 4404);
    }

    #pause(delay: number, hurried: boolean): Promise<void> {
        return new Promise((resolve) => {
            const done = () => {
                clearTimeout(timer);
                this.#stop.signal.removeEventListener('abort', done);
                this.#hurry = undefined;
                resolve();
            };
            const timer = setTimeout(done, Math.min(delay, LONGEST_TIMER));
            this.#stop.signal.addEventListener('abort', done);
            this.#hurry = hurried ? done : undefined;
        });
    }
}

/** Is there no use in another try? */
function isHopeless({ end, greeted, resuming }: Outcome): boolean {
    // A session that is not there is begun anew, and a RESUME that came too late is sent again.
    const another = !greeted && resuming && (end.code === 4404 || end.code === 4401);
    return isFinal(end) && !another;
}

/** Whoever is asked for a passphrase may take long. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
        const abort = () => resolve(undefined);
        signal.addEventListener('abort', abort);
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
        if (signal.aborted) {
            abort();
        }
    });
}
