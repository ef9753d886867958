/** What the page says of ids, times, transports and ends. */

import type { Closed, Transport } from '../src/types.js';

const NAMES: Record<Transport, string> = { webtransport: 'WebTransport', websocket: 'WebSocket' };

/** A transport as people write it; empty where it is none. */
export function transportName(transport: unknown): string {
    return transport === 'webtransport' || transport === 'websocket' ? NAMES[transport] : '';
}

/** The beginning of an id, enough to tell a few apart. */
export function short(id: string): string {
    return id.length > 10 ? `${id.slice(0, 8)}…` : id;
}

/** A time in milliseconds. */
export function milliseconds(time: number): string {
    if (time >= 10_000) {
        return `${(time / 1_000).toFixed(0)} s`;
    }
    return time >= 1_000 ? `${(time / 1_000).toFixed(1)} s` : `${time.toFixed(time < 10 ? 1 : 0)} ms`;
}

/** What the end of a peer means, and what to do. */
export function endInWords({ code, reason }: Closed): string {
    const known: Record<number, string> = {
        1002: 'The relay and this page do not understand each other.',
        1009: 'A message was larger than the relay takes (limits.message_bytes).',
        4400: 'The relay does not take invalid envelopes (limits.on_invalid: disconnect).',
        4401: 'This is not the passphrase. In the shipped config/relay.yaml it is: open sesame',
        4403: 'The server has sent you away.',
        4404: 'There is no such server. Its tab may be closed: ask for a new link.',
        4409: 'Another login with the same fixed id has taken this place.',
        4410: 'The server has left, and its room with it. Ask for a new link.',
        4422: 'The relay does not keep who breaks a schema (on_violation: disconnect).',
    };
    return `${known[code] ?? (reason || 'The session is over.')} (${code})`;
}

/** Why the relay is not there, where nobody says so; with the transport that is to be used, where one is chosen. */
export function outOfReach(origin: string, only: Transport | undefined): string {
    if (only) {
        return `The relay cannot be reached over ${NAMES[only]}. Choose Automatic to come back over what works.`;
    }
    return `The relay cannot be reached. Does it run? Where its configuration has \`origins\`, they must list ${origin}.`;
}

/** Is this a name of the machine itself? */
export function isLoopback(host: string): boolean {
    return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);
}
