import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type Client, connectClient, connectServer, type Peer, type Server } from '../../src/index.js';
import { Relay, SCHEMAS } from '../tools/relay.js';
import { until } from '../tools/wait.js';

interface Messages {
    CHAT: { text: string };
    OFFER: { type: string; sdp: string };
}

// The passphrase of config/relay.yaml: open sesame.
const HASH = /hash: (\$\S+)/.exec(readFileSync(`${SCHEMAS}/../config/relay.yaml`, 'utf8'))?.[1];
const CONFIGURATION = `
servers:
  passphrases:
    - { name: front-door, hash: '${HASH}' }
    - { name: fixed, hash: '${HASH}', id: camera }
server_info: { greeting: hello }
ice_servers: [{ urls: [stun:stun.example:3478] }]
schemas: { types: { OFFER: '${SCHEMAS}/offer.json' } }
limits: { messages_per_second: off }
`;

let relay: Relay;
beforeAll(async () => {
    relay = await Relay.start({ more: CONFIGURATION });
});
afterAll(() => relay.stop());

const open: Peer<Messages>[] = [];
afterEach(async () => {
    await Promise.all(open.splice(0).map((peer) => peer.close()));
});

async function server(name = 'front-door', passphrase = 'open sesame'): Promise<Server<Messages>> {
    const server = connectServer<Messages>({ url: relay.http, passphrase, name, WebSocket });
    open.push(server);
    await server.opened;
    return server;
}

async function client(server: Server<Messages>): Promise<Client<Messages>> {
    const joined = server.once('peerJoined');
    const client = connectClient<Messages>({ url: relay.http, serverId: server.id as string, WebSocket });
    open.push(client);
    await client.opened;
    expect(await joined).toEqual({ id: client.id });
    return client;
}

test('a server and its clients talk', async () => {
    const room = await server();
    const [first, second] = [await client(room), await client(room)];
    const heard = room.once('message');
    await first.send(first.serverId, 'CHAT', { text: 'hello' });
    expect(await heard).toEqual({ from: first.id, type: 'CHAT', message: { text: 'hello' } });
    const answers = Promise.all([first.once('message'), second.once('message')]);
    await room.broadcast('CHAT', { text: 'to all' });
    expect((await answers).map(({ message }) => message)).toEqual([{ text: 'to all' }, { text: 'to all' }]);
    const gone = room.once('peerGone');
    const { id } = first;
    await first.close();
    expect(await gone).toEqual({ id });
    expect([...room.clients]).toEqual([second.id]);
});

test('HELLO tells what the relay has for everyone', async () => {
    const room = await server();
    const opened = await room.opened;
    expect(opened).toMatchObject({ serverInfo: { greeting: 'hello' }, transport: 'websocket' });
    expect(room.iceServers).toEqual([{ urls: ['stun:stun.example:3478'] }]);
});

test('a message that is refused rejects, with what to mend, and those around it do not', async () => {
    const room = await server();
    const peer = await client(room);
    const errors: string[] = [];
    peer.on('error', ({ code }) => errors.push(code));
    const outcomes = await Promise.allSettled([
        peer.send(peer.serverId, 'CHAT', { text: 'fine' }),
        peer.send(peer.serverId, 'OFFER', { type: 'offer', sdp: 'nonsense' }),
        peer.send('nobody', 'CHAT', { text: 'lost' }),
        peer.send(peer.serverId, 'CHAT', { text: 'fine too' }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({
        reason: { code: 'SCHEMA_VIOLATION', errors: [{ path: '/sdp', keyword: 'pattern' }] },
    });
    expect(outcomes[2]).toMatchObject({ reason: { code: 'UNKNOWN_PEER', to: 'nobody' } });
    expect(errors).toEqual(['SCHEMA_VIOLATION', 'UNKNOWN_PEER']);
});

test('messages are iterated over', async () => {
    const room = await server();
    const peer = await client(room);
    const texts: string[] = [];
    const reading = (async () => {
        for await (const { message } of room) {
            texts.push((message as Messages['CHAT']).text);
            if (texts.length === 300) {
                return;
            }
        }
    })();
    for (let n = 0; n < 300; n += 1) {
        peer.send(peer.serverId, 'CHAT', { text: String(n) });
    }
    await reading;
    expect(texts).toEqual(Array.from({ length: 300 }, (_, n) => String(n)));
});

test('many messages with back-pressure stay within the bounds', async () => {
    const room = await server();
    const peer = connectClient<Messages>({
        url: relay.http,
        serverId: room.id as string,
        WebSocket,
        limits: { messages: 50 },
    });
    open.push(peer);
    let heard = 0;
    room.on('message', () => (heard += 1));
    const sent: Promise<void>[] = [];
    for (let n = 0; n < 1_000; n += 1) {
        await peer.drained();
        sent.push(peer.send(room.id as string, 'CHAT', { text: String(n) }));
    }
    await Promise.all(sent);
    await until('all messages', () => heard === 1_000);
});

test('a client is kicked, and told why', async () => {
    const room = await server();
    const peer = await client(room);
    await room.kick(peer.id as string, 'too loud');
    expect(await peer.closed).toEqual({ code: 4403, reason: 'too loud' });
    await expect(room.kick('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_PEER' });
});

test('a wrong passphrase is final', async () => {
    await expect(server('front-door', 'open barley')).rejects.toMatchObject({ closeCode: 4401 });
});

test('a server that is not there is final, and one with a fixed id is waited for', async () => {
    const lost = connectClient({ url: relay.http, serverId: 'nobody', WebSocket });
    await expect(lost.opened).rejects.toMatchObject({ closeCode: 4404 });
    const waiting = connectClient<Messages>({ url: relay.http, serverId: 'camera', WebSocket });
    open.push(waiting);
    expect(await waiting.once('reconnecting')).toMatchObject({ code: 4404 });
    await server('fixed');
    await waiting.opened;
});

test('the clients of a server that left are told', async () => {
    const room = await server();
    const peer = await client(room);
    const gone = peer.once('peerGone');
    const { id } = room;
    await room.close();
    expect(await gone).toEqual({ id });
    expect((await peer.closed).code).toBe(4410);
});

test('no session is left behind by peers that come and go', async () => {
    const room = await server();
    const events: string[] = [];
    room.on('peerJoined', () => events.push('joined'));
    room.on('peerGone', () => events.push('gone'));
    const control = new AbortController();
    const aborted = connectClient({ url: relay.http, serverId: room.id as string, WebSocket, signal: control.signal });
    // In the middle of its handshake.
    await new Promise((resolve) => setImmediate(resolve));
    control.abort();
    await aborted.closed;
    const peer = await client(room);
    await peer.close();
    await until('all are gone', () => events.filter((it) => it === 'gone').length === events.length / 2);
    expect(room.clients.size).toBe(0);
});
