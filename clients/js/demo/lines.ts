/** The lines between this page and the relay: they can be cut, and kept to one transport. */

import { webTransportWorks } from '../src/support.js';
import { DROPPED } from '../src/transport/link.js';
import type { PeerOptions, Transport, WebSocketConstructor, WebTransportConstructor } from '../src/types.js';

/** Which transports may be used. */
export type Choice = Transport | 'auto';

/** What the client gets in place of the browser's own constructors. */
export class Lines {
    /** A change counts for connections from now on. */
    choice: Choice = 'auto';
    readonly #open = new Set<() => void>();
    #deadUntil = 0;

    /** May this page use WebTransport? */
    static get webTransport(): boolean {
        return 'WebTransport' in globalThis && webTransportWorks(navigator.userAgent);
    }

    /** Is it on purpose that there is no connection? */
    get areCut(): boolean {
        return performance.now() < this.#deadUntil;
    }

    /** Breaks what is connected, and whatever is tried for a while. */
    cut(milliseconds: number): void {
        this.#deadUntil = performance.now() + milliseconds;
        [...this.#open].forEach((breakIt) => breakIt());
    }

    /** Options for the client. */
    options(): Pick<PeerOptions, 'WebSocket' | 'WebTransport' | 'memory'> {
        const admit = (transport: Transport) => this.#admit(transport);
        const open = this.#open;
        const options: Pick<PeerOptions, 'WebSocket' | 'WebTransport' | 'memory'> = {
            // What is chosen here counts, and not what worked last.
            memory: { getItem: () => null, setItem: () => {} },
            WebSocket: class extends WebSocket {
                constructor(url: string, protocols?: string[]) {
                    admit('websocket');
                    super(url, protocols);
                    const breakIt = () => this.close(DROPPED);
                    open.add(breakIt);
                    this.addEventListener('close', () => open.delete(breakIt));
                }
            } as unknown as WebSocketConstructor,
        };
        if (Lines.webTransport) {
            options.WebTransport = class extends WebTransport {
                constructor(url: string, init?: WebTransportOptions) {
                    admit('webtransport');
                    super(url, init);
                    const breakIt = () => this.close({ closeCode: DROPPED, reason: '' });
                    open.add(breakIt);
                    const gone = () => void open.delete(breakIt);
                    this.closed.then(gone, gone);
                }
            } as unknown as WebTransportConstructor;
        }
        return options;
    }

    #admit(transport: Transport): void {
        if (this.areCut) {
            throw new Error('the connection is cut');
        }
        if (this.choice !== 'auto' && this.choice !== transport) {
            throw new Error('another transport is chosen');
        }
    }
}
