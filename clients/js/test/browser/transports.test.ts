import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Transport } from '../../src/index.js';
import { Browser } from '../tools/browser.js';
import { BlackHole } from '../tools/proxy.js';
import { OPEN, Relay, type Settings } from '../tools/relay.js';

let browser: Browser;
let relay: Relay;
beforeAll(async () => {
    const more = `${OPEN}
schemas:
  types:
    STREAM: { delivery: independent }
    DATAGRAM: { delivery: datagram }
`;
    [browser, relay] = await Promise.all([Browser.launch(), Relay.start({ more })]);
});
afterAll(() => Promise.all([browser.close(), relay.stop()]));
afterEach(() => browser.clear());

/** Begins a server in a page, as its variable `server`, and gives its id. */
function serve(page: Page, url: string, transports?: Transport[]): Promise<string> {
    return page.evaluate(
        async ([url, transports]) => {
            const server = client.connectServer({ url, ...(transports && { transports }) });
            const events: [string, string][] = [];
            server.on('peerJoined', ({ id }) => events.push(['joined', id]));
            server.on('peerGone', ({ id }) => events.push(['gone', id]));
            server.on('message', ({ from, type, message }) => server.send(from, `${type}_BACK`, message));
            Object.assign(globalThis, { server, events });
            return (await server.opened).id;
        },
        [url, transports] as const,
    );
}

/** Joins, sends a message and waits until it is sent back; gives the transport. */
function join(
    page: Page,
    url: string,
    serverId: string,
    transports?: Transport[],
    headStart?: number,
): Promise<Transport> {
    return page.evaluate(
        async ([url, serverId, transports, headStart]) => {
            // Each race is run as if it was the first.
            const memory = { getItem: () => null, setItem: () => {} };
            const options = {
                ...(transports && { transports }),
                ...(headStart !== undefined && { headStart, memory }),
            };
            const peer = client.connectClient({ url, serverId, ...options });
            const { transport } = await peer.opened;
            const answer = peer.once('message');
            await peer.send(serverId, 'CHAT', { text: 'grüße' });
            const { from, type, message } = await answer;
            if (from !== serverId || type !== 'CHAT_BACK' || message.text !== 'grüße') {
                throw new Error(JSON.stringify({ from, type, message }));
            }
            await peer.close();
            return transport;
        },
        [url, serverId, transports, headStart] as const,
    );
}

type Events = [string, string][];
const eventsOf = (page: Page) => page.evaluate(() => (globalThis as unknown as { events: Events }).events);

const KINDS: Transport[] = ['webtransport', 'websocket'];
test.each(KINDS.flatMap((server) => KINDS.map((client) => [server, client] as const)))(
    'a server over %s talks with a client over %s',
    async (one, other) => {
        const [room, guest] = [await browser.page(), await browser.page()];
        const id = await serve(room, relay.http, [one]);
        expect(await join(guest, relay.http, id, [other])).toBe(other);
        await expect.poll(() => eventsOf(room)).toHaveLength(2);
    },
);

test('WebTransport is preferred, its certificate pinned by the hash in the discovery document', async () => {
    const page = await browser.page();
    const id = await serve(page, relay.http);
    // However long its handshake takes on this machine.
    expect(await join(page, relay.http, id, undefined, 10_000)).toBe('webtransport');
});

test('messages with lanes of their own arrive, or in order where that is asked for', async () => {
    const page = await browser.page();
    const heard = await page.evaluate(async (url) => {
        const server = client.connectServer({ url });
        const { id } = await server.opened;
        const types: string[][] = [];
        for (const ordered of [false, true]) {
            const peer = client.connectClient({ url, serverId: id, ordered });
            const joined = await server.once('peerJoined');
            await peer.opened;
            const heard: string[] = [];
            const all = new Promise<void>((resolve) => {
                peer.on('message', ({ type }) => heard.push(type) === 3 && resolve());
            });
            for (const type of ['STREAM', 'DATAGRAM', 'CHAT']) {
                server.send(joined.id, type, {});
            }
            await all;
            types.push(ordered ? heard : heard.sort());
            await peer.close();
        }
        return types;
    }, relay.http);
    expect(heard).toEqual([
        ['CHAT', 'DATAGRAM', 'STREAM'],
        ['STREAM', 'DATAGRAM', 'CHAT'],
    ]);
});

describe('nobody sees a session that comes and goes', () => {
    test.each([0, 3, 10, 25])('where WebSocket starts %i ms after WebTransport', async (headStart) => {
        const page = await browser.page();
        const id = await serve(page, relay.http);
        for (let round = 0; round < 10; round += 1) {
            await join(page, relay.http, id, undefined, headStart);
        }
        await expect.poll(() => eventsOf(page)).toHaveLength(20);
        const events = await eventsOf(page);
        const joined = events.filter(([what]) => what === 'joined').map(([, who]) => who);
        expect(new Set(joined).size).toBe(10);
    });
});

describe('where WebTransport', () => {
    async function relayWith(settings: Settings): Promise<Relay> {
        return Relay.start({ more: OPEN, ...settings });
    }

    test('hangs, because datagrams vanish, WebSocket takes its place, and is remembered', async () => {
        const hole = await BlackHole.open();
        const blocked = await relayWith({ publicWebTransport: `https://127.0.0.1:${hole.port}` });
        const page = await browser.page();
        const began = Date.now();
        const id = await serve(page, blocked.http);
        expect(Date.now() - began).toBeLessThan(5_000);
        expect(hole.swallowed).toBeGreaterThan(0);
        await page.evaluate(() => {
            const { WebTransport } = globalThis;
            const tried: string[] = [];
            globalThis.WebTransport = class extends WebTransport {
                constructor(url: string | URL, options?: WebTransportOptions) {
                    super(url, options);
                    tried.push(String(url));
                }
            };
            Object.assign(globalThis, { tried });
        });
        expect(await join(page, blocked.http, id)).toBe('websocket');
        expect(await page.evaluate(() => (globalThis as unknown as { tried: string[] }).tried)).toEqual([]);
        await blocked.stop();
        hole.close();
    });

    test('is refused, because nobody listens there, WebSocket takes its place', async () => {
        const hole = await BlackHole.open();
        const nobody = hole.port;
        hole.close();
        const blocked = await relayWith({ publicWebTransport: `https://127.0.0.1:${nobody}` });
        const page = await browser.page();
        const id = await serve(page, blocked.http);
        expect(await join(page, blocked.http, id)).toBe('websocket');
        await blocked.stop();
    });

    test('has another certificate than discovery tells, WebSocket takes its place', async () => {
        const page = await browser.page();
        const id = await serve(page, relay.http);
        const transport = await page.evaluate(
            async ([url, serverId]) => {
                const peer = client.connectClient({
                    url,
                    serverId,
                    fetch: async (url, init) => {
                        const response = await fetch(url, init);
                        return {
                            ok: response.ok,
                            json: async () =>
                                JSON.parse(
                                    (await response.text()).replace(
                                        /"value":"[^"]+"/g,
                                        `"value":"${btoa('x'.repeat(32))}"`,
                                    ),
                                ),
                        };
                    },
                });
                return (await peer.opened).transport;
            },
            [relay.http, id] as const,
        );
        expect(transport).toBe('websocket');
    });
});

test('whoever is refused after the handshake is told over either transport', async () => {
    const page = await browser.page();
    for (const transport of KINDS) {
        const closed = await page.evaluate(
            async ([url, transport]) =>
                client.connectClient({ url, serverId: 'nobody', transports: [transport] }).closed,
            [relay.http, transport] as const,
        );
        expect(closed.code).toBe(4404);
    }
});

test('a kicked client hears it over either transport', async () => {
    const page = await browser.page();
    const id = await serve(page, relay.http);
    for (const transport of KINDS) {
        const closed = await page.evaluate(
            async ([url, serverId, transport]) => {
                const { server } = globalThis as unknown as { server: ReturnType<typeof client.connectServer> };
                const peer = client.connectClient({ url, serverId, transports: [transport] });
                const opened = await peer.opened;
                await server.kick(opened.id, 'out');
                return peer.closed;
            },
            [relay.http, id, transport] as const,
        );
        expect(closed).toEqual({ code: 4403, reason: 'out' });
    }
});

test.each(['close', 'leave'] as const)('a page that they %s leaves cleanly', async (how) => {
    const page = await browser.page();
    const id = await serve(page, relay.http);
    for (const transport of KINDS) {
        const guest = await browser.page();
        await guest.evaluate(
            async ([url, serverId, transport]) =>
                client.connectClient({ url, serverId, transports: [transport] }).opened.then(() => {}),
            [relay.http, id, transport] as const,
        );
        const before = (await eventsOf(page)).length;
        await (how === 'close' ? guest.close() : guest.goto('about:blank'));
        // And not when the time to resume is over.
        await expect.poll(async () => (await eventsOf(page)).length, { timeout: 20_000 }).toBeGreaterThan(before);
        expect((await eventsOf(page)).at(-1)?.[0]).toBe('gone');
    }
});
