/** Which ways lead to a relay: its discovery document, and which of them worked before. */

import type { Memory, PeerOptions, Transport } from './types.js';

/** One listener of the relay. */
export interface Way {
    transport: Transport;
    /** Without a slash at the end. */
    url: string;
    /** SHA-256 of the certificates to pin. */
    hashes: ArrayBuffer[];
}

const WELL_KNOWN = '/.well-known/intercessor';
const DISCOVERY_TIMEOUT = 5_000;
/** How long a transport that worked is tried first. */
const REMEMBERED = 600_000;

/** The relay's own list of its listeners, or what its URL alone says. */
export async function discover(options: PeerOptions, signal: AbortSignal): Promise<Way[]> {
    const base = options.url.replace(/[?#].*$/, '').replace(/\/+$/, '');
    if (base.startsWith('ws')) {
        return [websocket(base)];
    }
    const document = await fetchDocument(base + WELL_KNOWN, options, signal);
    const ways = read(document);
    // A certificate that was good enough for discovery is for this one too.
    const near = websocket(base.replace(/^http/, 'ws'));
    if (ways.length === 0) {
        return [near];
    }
    const distance = (way: Way) => (way.transport === 'webtransport' || origin(way.url) === origin(near.url) ? 0 : 1);
    return ways.sort((a, b) => distance(a) - distance(b));
}

async function fetchDocument(url: string, options: PeerOptions, signal: AbortSignal): Promise<unknown> {
    const get = options.fetch ?? globalThis.fetch?.bind(globalThis);
    const control = new AbortController();
    const abort = () => control.abort();
    const timer = setTimeout(abort, DISCOVERY_TIMEOUT);
    signal.addEventListener('abort', abort);
    try {
        const response = await get(url, { signal: control.signal, cache: 'no-store' });
        return response.ok ? await response.json() : undefined;
    } catch {
        // What could not be asked may still be reached.
        return undefined;
    } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
    }
}

function read(document: unknown): Way[] {
    const ways: Way[] = [];
    const transports = (document as { transports?: unknown } | undefined)?.transports;
    for (const offer of Array.isArray(transports) ? transports : []) {
        const { kind, url, certificateHashes } = offer ?? {};
        if ((kind === 'webtransport' || kind === 'websocket') && typeof url === 'string') {
            const hashes = Array.isArray(certificateHashes) ? certificateHashes : [];
            ways.push({
                transport: kind,
                url: url.replace(/\/+$/, ''),
                hashes: hashes.map(({ value }) => bytes(value)),
            });
        }
    }
    return ways;
}

function bytes(base64: string): ArrayBuffer {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer;
}

function websocket(url: string): Way {
    return { transport: 'websocket', url, hashes: [] };
}

/** `URL.origin` tells nothing of ws URLs in some runtimes. */
function origin(url: string): string {
    const { protocol, host } = new URL(url);
    return protocol + host;
}

const pages = new Map<string, string>();
const ofPage: Memory = {
    getItem: (key) => pages.get(key) ?? null,
    setItem: (key, value) => void pages.set(key, value),
};

/** Remembers which transport reached a relay. */
export class Remembered {
    readonly #memory: Memory;
    readonly #key: string;

    constructor(options: PeerOptions) {
        this.#memory = options.memory ?? ofPage;
        this.#key = `intercessor ${options.url}`;
    }

    /** The one that worked less than ten minutes ago. */
    get(now: number): Transport | undefined {
        try {
            const [transport, until] = this.#memory.getItem(this.#key)?.split(' ') ?? [];
            return Number(until) > now ? (transport as Transport) : undefined;
        } catch {
            // Storage may be forbidden.
            return undefined;
        }
    }

    /** This one works. */
    set(transport: Transport, now: number): void {
        try {
            this.#memory.setItem(this.#key, `${transport} ${now + REMEMBERED}`);
        } catch {
            // It may be full as well.
        }
    }
}
