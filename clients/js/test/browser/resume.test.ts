import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Client, PeerOptions, Server, Transport } from '../../src/index.js';
import { Browser } from '../tools/browser.js';
import { type Cut, TcpProxy, UdpProxy } from '../tools/proxy.js';
import { BUFFER, OPEN, Relay } from '../tools/relay.js';
import { random } from '../tools/wait.js';

let browser: Browser;
beforeAll(async () => {
    browser = await Browser.launch();
});
afterAll(() => browser.close());

const stops: (() => unknown)[] = [];
afterEach(async () => {
    await browser.clear();
    for (const stop of stops.splice(0).reverse()) {
        await stop();
    }
});

/** What the pages of these tests have. */
interface Bench {
    peer: Server & Client;
    /** What came, by number. */
    heard: number[];
    /** Names of events. */
    events: string[];
    sent: Promise<void>[];
}
declare global {
    var bench: Bench;
}

/** Connects, as a client where there is a server's id; gives our own. */
function connect(
    page: Page,
    options: Partial<PeerOptions> & { url: string; serverId?: string; passphrase?: string },
): Promise<string> {
    return page.evaluate(async (options) => {
        const peer = (
            'serverId' in options ? client.connectClient(options as never) : client.connectServer(options)
        ) as Server & Client;
        const bench: Bench = { peer, heard: [], events: [], sent: [] };
        Object.assign(globalThis, { bench });
        for (const name of ['open', 'reconnecting', 'resumed', 'peerJoined', 'peerGone', 'close'] as const) {
            peer.on(name, () => bench.events.push(name === 'resumed' ? `resumed over ${peer.transport}` : name));
        }
        peer.on('message', ({ message }) => bench.heard.push(message.n));
        return (await peer.opened).id;
    }, options);
}

/** Sends numbered messages without end until all of them are sent, a few at a time. */
function send(page: Page, to: string, from: number, count: number): Promise<void> {
    return page.evaluate(
        async ([to, from, count]) => {
            for (let n = from; n < from + count; n += 1) {
                await bench.peer.drained();
                bench.sent.push(bench.peer.send(to, 'N', { n }));
                if (n % 10 === 0) {
                    await new Promise((resolve) => setTimeout(resolve, 5));
                }
            }
            await Promise.all(bench.sent);
        },
        [to, from, count] as const,
    );
}

const heard = (page: Page) => page.evaluate(() => bench.heard);
const events = (page: Page) => page.evaluate(() => bench.events);
const transport = (page: Page) => page.evaluate(() => bench.peer.transport as Transport);
/** As the browser does when it has a network again. */
const online = (page: Page) => page.evaluate(() => void window.dispatchEvent(new Event('online')));
/** Has a page try again at once, where it waits to: how long it would is tested elsewhere. */
const hurry = (page: Page) =>
    page.evaluate(() => {
        if (bench.peer.state === 'reconnecting') {
            window.dispatchEvent(new Event('online'));
        }
    });
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test('connections of WebSocket that break in the middle of traffic lose, double and reorder nothing', async () => {
    const relay = await Relay.start({ more: OPEN + BUFFER });
    stops.push(() => relay.stop());
    const rng = random(7);
    const proxy = await TcpProxy.start(
        () => relay.ports.websocket,
        () => ({ bytes: 3_000 + Math.floor(rng() * 20_000), cut: (rng() < 0.5 ? 'end' : 'reset') as Cut }),
    );
    stops.push(() => proxy.stop());
    const [room, guest] = [await browser.page(), await browser.page()];
    const url = `ws://127.0.0.1:${proxy.port}`;
    const id = await connect(room, { url });
    const other = await connect(guest, { url, serverId: id });
    let sent = false;
    const sending = Promise.all([send(room, other, 0, 400), send(guest, id, 0, 400)]).then(() => {
        sent = true;
    });
    const progress = async () => {
        await Promise.all([hurry(room), hurry(guest)]);
        return [sent, (await heard(room)).length, (await heard(guest)).length];
    };
    await expect.poll(progress, { timeout: 40_000 }).toEqual([true, 400, 400]);
    await sending;
    expect(await heard(room)).toEqual(upTo(400));
    expect(await heard(guest)).toEqual(upTo(400));
    expect(await events(room)).toContain('resumed over websocket');
    expect((await events(room)).filter((it) => !it.startsWith('re'))).toEqual(['open', 'peerJoined']);
    expect((await events(guest)).filter((it) => !it.startsWith('re'))).toEqual(['open']);
});

test('a session goes on from WebTransport over WebSocket and back', async () => {
    const relays: Relay[] = [];
    const [tcp, udp] = [
        await TcpProxy.start(() => (relays[0] as Relay).ports.websocket),
        await UdpProxy.start(() => (relays[0] as Relay).ports.webtransport),
    ];
    stops.push(
        () => tcp.stop(),
        () => udp.stop(),
    );
    const relay = await Relay.start({
        more: OPEN,
        publicWebSocket: `ws://127.0.0.1:${tcp.port}`,
        publicWebTransport: `https://127.0.0.1:${udp.port}`,
    });
    relays.push(relay);
    stops.push(() => relay.stop());
    const [room, guest] = [await browser.page(), await browser.page()];
    const id = await connect(room, { url: relay.websocket });
    await connect(guest, { url: `http://127.0.0.1:${tcp.port}`, serverId: id, headStart: 10_000 });
    expect(await transport(guest)).toBe('webtransport');

    // The network changes: the old path is dead, and nobody says so.
    let sent = send(guest, id, 0, 200);
    await expect.poll(() => heard(room)).not.toHaveLength(0);
    udp.block();
    await online(guest);
    await sent;
    await expect.poll(() => heard(room), { timeout: 40_000 }).toHaveLength(200);
    await expect.poll(() => events(guest), { timeout: 40_000 }).toContain('resumed over websocket');

    // And now it is TCP that does not work any more.
    udp.unblock();
    sent = send(guest, id, 200, 200);
    await expect.poll(async () => (await heard(room)).length).toBeGreaterThan(200);
    tcp.refuse();
    await sent;
    await expect.poll(() => heard(room), { timeout: 40_000 }).toHaveLength(400);
    await expect.poll(() => events(guest), { timeout: 40_000 }).toContain('resumed over webtransport');
    expect(await heard(room)).toEqual(upTo(400));
    const all = await events(guest);
    expect(all.filter((it) => !it.startsWith('reconnecting'))).toEqual([
        'open',
        'resumed over websocket',
        'resumed over webtransport',
    ]);
});

test('a WebTransport path that dies is left for another one of its kind', async () => {
    const relays: Relay[] = [];
    const udp = await UdpProxy.start(() => (relays[0] as Relay).ports.webtransport);
    stops.push(() => udp.stop());
    const relay = await Relay.start({ more: OPEN, publicWebTransport: `https://127.0.0.1:${udp.port}` });
    relays.push(relay);
    stops.push(() => relay.stop());
    const [room, guest] = [await browser.page(), await browser.page()];
    const id = await connect(room, { url: relay.websocket });
    await connect(guest, { url: relay.http, serverId: id, transports: ['webtransport'] });
    const sent = send(guest, id, 0, 200);
    await expect.poll(() => heard(room)).not.toHaveLength(0);
    udp.block();
    await online(guest);
    await expect.poll(() => events(guest), { timeout: 20_000 }).toContain('reconnecting');
    udp.unblock();
    await sent;
    await expect.poll(() => heard(room)).toHaveLength(200);
    expect(await heard(room)).toEqual(upTo(200));
    expect(await events(guest)).toContain('resumed over webtransport');
});

test('a relay that restarts, with another certificate, is found again over WebTransport', async () => {
    const more = `
servers:
  passphrases: [{ name: a, id: camera, hash: '$argon2id$v=19$m=19456,t=2,p=1$XZN98nWQcuEy16Lww5OQZQ$tyx+rtWD+Y6Xm3hC2dPwHMU9z3C3fWvrjPadlYVQcQA' }]
`;
    let relay = await Relay.start({ more });
    stops.push(() => relay.stop());
    const [room, guest] = [await browser.page(), await browser.page()];
    const transports: Transport[] = ['webtransport'];
    await connect(room, { url: relay.http, passphrase: 'open sesame', transports });
    const before = await connect(guest, { url: relay.http, serverId: 'camera', transports });
    const { ports } = relay;
    await relay.stop();
    relay = await Relay.start({ more, ...ports });
    await expect
        .poll(async () => (await events(guest)).filter((it) => it === 'open'), { timeout: 40_000 })
        .toHaveLength(2);
    expect(await guest.evaluate(() => bench.peer.id)).not.toBe(before);
    await send(guest, 'camera', 0, 10);
    await expect.poll(() => heard(room)).toEqual(upTo(10));
});
