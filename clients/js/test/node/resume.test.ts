import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { connectClient, connectServer, type Peer } from '../../src/index.js';
import { type Cut, TcpProxy } from '../tools/proxy.js';
import { BUFFER, OPEN, Relay } from '../tools/relay.js';
import { random, until } from '../tools/wait.js';

const stops: (() => unknown)[] = [];
afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) {
        await stop();
    }
    vi.restoreAllMocks();
});
beforeEach(() => {
    // Peers come back at once.
    vi.spyOn(Math, 'random').mockReturnValue(0);
});

async function relayWith(more = OPEN, ports = {}): Promise<Relay> {
    const relay = await Relay.start({ more, ...ports });
    stops.push(() => relay.stop());
    return relay;
}

async function proxyTo(relay: () => Relay, plan?: Parameters<typeof TcpProxy.start>[1]): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(() => relay().ports.websocket, plan);
    stops.push(() => proxy.stop());
    return proxy;
}

function closing<P extends Peer>(peer: P): P {
    stops.push(() => peer.close());
    return peer;
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test.each([1, 2, 3, 4])('connections that break everywhere lose, double and reorder nothing: seed %i', async (seed) => {
    const rng = random(seed);
    const relay = await relayWith(OPEN + BUFFER);
    const plan = () => ({
        bytes: 1_000 + Math.floor(rng() * 20_000),
        // A stall is noticed after its time only.
        cut: (rng() < 0.5 ? 'end' : 'reset') as Cut,
    });
    const [one, other] = [await proxyTo(() => relay, plan), await proxyTo(() => relay, plan)];
    const server = closing(connectServer({ url: `ws://127.0.0.1:${one.port}`, WebSocket }));
    const { id } = await server.opened;
    const client = closing(connectClient({ url: `ws://127.0.0.1:${other.port}`, serverId: id, WebSocket }));
    const joined = await server.once('peerJoined');
    const up: number[] = [];
    const down: number[] = [];
    const sessions: string[] = [];
    for (const peer of [server, client]) {
        peer.on('open', (opened) => sessions.push(opened.id));
        peer.on('peerGone', () => sessions.push('gone'));
    }
    server.on('message', ({ message }) => up.push(message.n));
    client.on('message', ({ message }) => down.push(message.n));
    const COUNT = 1_000;
    const sent: Promise<void>[] = [];
    for (let n = 0; n < COUNT; n += 1) {
        await Promise.all([server.drained(), client.drained()]);
        sent.push(client.send(id, 'N', { n }), server.send(joined.id, 'N', { n }));
        if (rng() < 0.1) {
            await new Promise((resolve) => setImmediate(resolve));
        }
    }
    await Promise.all(sent);
    await until('everything arrives', () => up.length >= COUNT && down.length >= COUNT);
    expect(up).toEqual(upTo(COUNT));
    expect(down).toEqual(upTo(COUNT));
    expect(sessions.filter((it) => it !== joined.id)).toEqual([]);
    expect(one.cuts + other.cuts).toBeGreaterThan(6);
});

test('a path that dies without a word is noticed from here', async () => {
    const relay = await relayWith();
    let stalls = true;
    const proxy = await proxyTo(
        () => relay,
        () => ({ bytes: stalls ? 2_000 : Infinity, cut: 'stall' }),
    );
    const server = closing(connectServer({ url: relay.http, WebSocket }));
    const { id } = await server.opened;
    const heard: number[] = [];
    server.on('message', ({ message }) => heard.push(message.n));
    const client = closing(
        connectClient({ url: `ws://127.0.0.1:${proxy.port}`, serverId: id, WebSocket, keepAlive: 1_000 }),
    );
    await client.opened;
    for (const n of upTo(60)) {
        client.send(id, 'N', { n });
    }
    const reconnecting = await client.once('reconnecting');
    stalls = false;
    expect(reconnecting.reason).toContain('silent');
    await client.once('resumed');
    await until('everything arrives', () => heard.length >= 60);
    expect(heard).toEqual(upTo(60));
});

test('a relay that drains is found again, and what is uncertain is told', async () => {
    const fixed = `
servers:
  passphrases: [{ name: a, id: camera, hash: '$argon2id$v=19$m=19456,t=2,p=1$XZN98nWQcuEy16Lww5OQZQ$tyx+rtWD+Y6Xm3hC2dPwHMU9z3C3fWvrjPadlYVQcQA' }]
`;
    let relay = await relayWith(fixed);
    const options = { url: relay.http, WebSocket };
    const server = closing(connectServer({ ...options, passphrase: 'open sesame' }));
    await server.opened;
    const client = closing(connectClient({ ...options, serverId: 'camera' }));
    const before = (await client.opened).id;
    const back = Promise.all([server.once('open'), client.once('open')]);
    const told = client.once('reconnecting');
    const { ports } = relay;
    await relay.stop('SIGTERM');
    expect([1001, 4410]).toContain((await told).code);
    relay = await relayWith(fixed, ports);
    const [, again] = await back;
    expect(again).toMatchObject({ previousId: before, unconfirmed: [] });
    expect(again.id).not.toBe(before);
    await client.send('camera', 'HELLO_AGAIN', {});
});

test('a relay that is killed is found again, and nobody believes that it knows what it forgot', async () => {
    let relay = await relayWith();
    const options = { url: relay.http, WebSocket };
    const server = closing(connectServer(options));
    const { id } = await server.opened;
    const client = closing(connectClient({ ...options, serverId: id }));
    await client.opened;
    await until('the server knows its client', () => server.clients.size === 1);
    const gone = server.once('peerGone');
    const again = server.once('open');
    const { ports } = relay;
    await relay.stop('SIGKILL');
    const [broadcast, sent] = [server.broadcast('A', {}), client.send(id, 'A', {})];
    const outcomes = Promise.allSettled([broadcast, sent]);
    relay = await relayWith(OPEN, ports);
    expect(await again).toMatchObject({ previousId: id });
    expect(await gone).toEqual({ id: expect.any(String) });
    // Its server has another id now.
    expect((await client.closed).code).toBe(4404);
    expect((await outcomes)[1]?.status).toBe('rejected');
});

test('a connection that the relay takes for another one is broken, and nothing is told twice', async () => {
    const relay = await relayWith();
    const proxy = await proxyTo(() => relay);
    const server = closing(connectServer({ url: relay.http, WebSocket }));
    const { id } = await server.opened;
    const client = closing(connectClient({ url: `ws://127.0.0.1:${proxy.port}`, serverId: id, WebSocket }));
    await client.opened;
    await until('the server knows its client', () => server.clients.size === 1);
    const events: string[] = [];
    server.on('peerJoined', () => events.push('joined'));
    server.on('peerGone', () => events.push('gone'));
    for (let breaks = 0; breaks < 5; breaks += 1) {
        const resumed = client.once('resumed');
        proxy.cut();
        await resumed;
        await client.send(id, 'A', {});
    }
    expect(events).toEqual([]);
});
