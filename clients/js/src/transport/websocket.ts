/** A connection over WebSocket: an envelope is a text message. */

import { endOf } from '../codes.js';
import type { WebSocketConstructor, WebSocketLike } from '../types.js';
import { DROPPED, type Link, NOBODY, type Sink } from './link.js';

const CONNECTING = 0;
/** How long a handshake that nobody waits for any more may take until it is cut off. */
const PATIENCE = 10_000;

export class WebSocketLink implements Link {
    readonly transport = 'websocket';
    readonly opened: Promise<void>;
    readonly #socket: WebSocketLike;
    readonly #cut: ReturnType<typeof setTimeout>[] = [];

    constructor(
        Constructor: WebSocketConstructor,
        url: string,
        public sink: Sink,
    ) {
        const socket = new Constructor(url, ['intercessor']);
        this.#socket = socket;
        socket.onmessage = ({ data }) => this.sink.text(data, true);
        this.opened = new Promise((resolve, reject) => {
            socket.onopen = () => resolve();
            socket.onclose = ({ code, reason }) => {
                this.#cut.forEach(clearTimeout);
                const end = endOf(code, reason);
                reject(end);
                const sink = this.sink;
                this.sink = NOBODY;
                sink.end(end);
            };
            // The close event follows.
            socket.onerror = () => {};
        });
        this.opened.catch(() => {});
    }

    get unsent(): number {
        return this.#socket.bufferedAmount;
    }

    begin(): void {}

    send(text: string): void {
        this.#socket.send(text);
    }

    leave(): void {
        this.#close(1000);
    }

    drop(): void {
        this.#close(DROPPED);
    }

    /**
     * A handshake that is cut off half-way may already be done for the relay, which would then keep a session that
     * nobody has. So it gets the time to end, and a word.
     */
    #close(code: number): void {
        this.sink = NOBODY;
        const socket = this.#socket;
        if (socket.readyState !== CONNECTING) {
            socket.close(code);
            return;
        }
        socket.onopen = () => socket.close(code);
        this.#cut.push(setTimeout(() => socket.close(), PATIENCE));
    }
}
