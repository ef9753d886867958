/** Reaches the relay by one way or another: handshake, what comes first, HELLO. */

import { broken, type End, endOf } from './codes.js';
import { discover, Remembered, type Way } from './discovery.js';
import { IntercessorError } from './errors.js';
import { type Contender, race } from './race.js';
import type { Envelope } from './session.js';
import { webTransportWorks } from './support.js';
import type { Link, Sink } from './transport/link.js';
import { WebSocketLink } from './transport/websocket.js';
import { WebTransportLink } from './transport/webtransport.js';
import type { PeerOptions, Transport, WebSocketConstructor, WebTransportConstructor } from './types.js';

/** What to ask the relay for. */
export interface Request {
    /** With its query. */
    path: string;
    /** The first envelope, LOGIN or RESUME. Without it the relay has a session for us as soon as a WebSocket is open. */
    first?: string | undefined;
    /** Is it a session that must outlive a try which fails? */
    resumes: boolean;
}

/** The connection that won: its sink still has to be set, in the same breath. */
export type OnHello = (link: Link, hello: Envelope) => Sink;

const LONGEST_TIMER = 2 ** 31 - 1;

/** Knows how a relay can be reached. */
export class Reach {
    readonly #options: PeerOptions;
    readonly #remembered: Remembered;
    readonly #webSocket: WebSocketConstructor | undefined;
    readonly #webTransport: WebTransportConstructor | undefined;
    #ways: Way[] | undefined;

    constructor(options: PeerOptions) {
        this.#options = options;
        this.#remembered = new Remembered(options);
        const global = globalThis as unknown as {
            WebSocket?: WebSocketConstructor;
            WebTransport?: WebTransportConstructor;
            navigator?: { userAgent?: string };
        };
        const allowed = options.transports ?? ['webtransport', 'websocket'];
        const works = webTransportWorks(global.navigator?.userAgent ?? '');
        this.#webSocket = allowed.includes('websocket') ? (options.WebSocket ?? global.WebSocket) : undefined;
        this.#webTransport = allowed.includes('webtransport')
            ? (options.WebTransport ?? (works ? global.WebTransport : undefined))
            : undefined;
        if (!this.#webSocket && !this.#webTransport) {
            throw new IntercessorError(
                'NO_TRANSPORT',
                'there is no WebSocket here: use Node.js 22 or later, or pass the one of the package `ws` as the option `WebSocket`',
            );
        }
    }

    /** Rejects with an {@link End}, or the signal's reason. */
    async connect(request: Request, onHello: OnHello, signal: AbortSignal): Promise<void> {
        // Certificates are changed, and relays moved: what is known is good for one try.
        const ways = this.#ways ?? (await discover(this.#options, signal));
        this.#ways = undefined;
        const of = (transport: Transport) =>
            ways
                .filter((way) => way.transport === transport)
                .map((way) => () => this.#contender(way, request, onHello));
        const lanes = [this.#webTransport ? of('webtransport') : [], this.#webSocket ? of('websocket') : []];
        if (this.#remembered.get(Date.now()) === 'websocket') {
            lanes.reverse();
        }
        const { headStart = 500, connectTimeout = 10_000 } = this.#options;
        const patience = { headStart: Math.min(headStart, LONGEST_TIMER), timeout: connectTimeout };
        this.#remembered.set(await race(lanes, patience, signal), Date.now());
        this.#ways = ways;
    }

    /** This transport fails in a way that its handshake does not show. */
    distrust(transport: Transport): void {
        if (transport === 'webtransport' && this.#webSocket) {
            this.#remembered.set('websocket', Date.now());
        }
    }

    #contender(way: Way, { path, first, resumes }: Request, onHello: OnHello): Contender<Transport> {
        let link: Link | undefined;
        let gone = false;
        let greeted: (transport: Transport) => void;
        let failed: (end: End) => void;
        const greeting = new Promise<Transport>((resolve, reject) => {
            greeted = resolve;
            failed = reject;
        });
        greeting.catch(() => {});
        const sink: Sink = {
            text: (text) => {
                const envelope = parse(text);
                if (envelope?.from === '0' && envelope.type === 'HELLO' && link) {
                    link.sink = onHello(link, envelope);
                    greeted(way.transport);
                } else {
                    failed((envelope && byeOf(envelope)) ?? broken('the relay did not say HELLO'));
                }
            },
            end: (end) => failed(end),
        };
        return {
            eager: way.transport === 'websocket' && first === undefined,
            dial: async () => {
                link = this.#dial(way, way.url + path, sink);
                await link.opened;
            },
            go: () => {
                gone = true;
                link?.begin();
                if (first !== undefined) {
                    link?.send(first);
                }
                return greeting;
            },
            // The relay may have given the session to this connection: it is not to end with it.
            quit: () => (gone && resumes ? link?.drop() : link?.leave()),
        };
    }

    #dial(way: Way, url: string, sink: Sink): Link {
        if (way.transport === 'websocket') {
            return new WebSocketLink(this.#webSocket as WebSocketConstructor, url, sink);
        }
        return new WebTransportLink(this.#webTransport as WebTransportConstructor, url, way.hashes, sink);
    }
}

/** The envelope in a text. */
export function parse(text: string): Envelope | undefined {
    try {
        const envelope = JSON.parse(text);
        return typeof envelope?.message === 'object' && envelope.message !== null ? envelope : undefined;
    } catch {
        return undefined;
    }
}

/** The end that BYE tells. */
export function byeOf({ from, type, message }: Envelope): End | undefined {
    return from === '0' && type === 'BYE' ? { ...endOf(message.code, ''), ...message, told: true } : undefined;
}
