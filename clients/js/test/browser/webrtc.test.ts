import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Client, Server } from '../../src/index.js';
import type { Negotiation } from '../../src/webrtc.js';
import { Browser } from '../tools/browser.js';
import { TcpProxy } from '../tools/proxy.js';
import { OPEN, Relay, SCHEMAS } from '../tools/relay.js';

let browser: Browser;
let relay: Relay;
beforeAll(async () => {
    // The schemas of the shipped configuration: what the helper sends has to meet them.
    const shipped = readFileSync(`${SCHEMAS}/../config/relay.yaml`, 'utf8');
    expect(shipped).toContain('OFFER:');
    const more = `${OPEN}
ice_servers: [{ urls: ['stun:127.0.0.1:9'] }]
schemas:
  unknown_types: reject
  types:
    OFFER: ${SCHEMAS}/offer.json
    ANSWER: ${SCHEMAS}/answer.json
    CANDIDATE: ${SCHEMAS}/candidate.json
`;
    [browser, relay] = await Promise.all([Browser.launch(), Relay.start({ more })]);
});
afterAll(() => Promise.all([browser.close(), relay.stop()]));
afterEach(() => browser.clear());

/** What the pages of these tests have. */
interface Call {
    peer: Server & Client;
    negotiation: Negotiation;
    connection: RTCPeerConnection;
    /** What came over data channels. */
    heard: string[];
    errors: string[];
    /** Connection states. */
    states: string[];
    channel: RTCDataChannel;
}
declare global {
    var call: Call;
}

/** Two pages, each with a negotiation with the other. */
async function pair(): Promise<[Page, Page]> {
    const [room, guest] = [await browser.page(), await browser.page()];
    const prepare = () => {
        const begin = (peer: Server & Client, remoteId: string) => {
            const call = { peer, heard: [], errors: [], states: [] } as unknown as Call;
            call.negotiation = webrtc.negotiate(peer, remoteId, {
                onError: (error) => call.errors.push(String(error)),
            });
            call.connection = call.negotiation.connection;
            call.connection.addEventListener('connectionstatechange', () =>
                call.states.push(call.connection.connectionState),
            );
            call.connection.addEventListener('datachannel', ({ channel }) => {
                call.channel = channel;
                channel.onmessage = ({ data }) => call.heard.push(data);
            });
            peer.on('error', (error) => call.errors.push(`${error.code} ${error.type}`));
            Object.assign(globalThis, { call });
        };
        Object.assign(globalThis, { begin });
    };
    await room.evaluate(prepare);
    await guest.evaluate(prepare);
    type Begin = (peer: unknown, remoteId: string) => void;
    const id = await room.evaluate(async (url) => {
        const server = client.connectServer({ url });
        server.on('peerJoined', ({ id }) => (globalThis as unknown as { begin: Begin }).begin(server, id));
        return (await server.opened).id;
    }, relay.http);
    await guest.evaluate(
        async ([url, serverId]) => {
            const peer = client.connectClient({ url, serverId });
            await peer.opened;
            (globalThis as unknown as { begin: Begin }).begin(peer, serverId);
        },
        [relay.http, id] as const,
    );
    await room.waitForFunction(() => 'call' in globalThis);
    return [room, guest];
}

/** Opens a data channel and says something over it. */
const openChannel = (page: Page, text: string) =>
    page.evaluate((text) => {
        call.channel = call.connection.createDataChannel('test');
        call.channel.onopen = () => call.channel.send(text);
        call.channel.onmessage = ({ data }) => call.heard.push(data);
    }, text);
const heard = (page: Page) => page.evaluate(() => call.heard);
const errors = (page: Page) => page.evaluate(() => call.errors);
const POLL = { timeout: 20_000 };

test.each(['server', 'client'])('the %s opens a data channel', async (who) => {
    const [room, guest] = await pair();
    const [caller, callee] = who === 'server' ? [room, guest] : [guest, room];
    await openChannel(caller, 'hello');
    await expect.poll(() => heard(callee), POLL).toEqual(['hello']);
    await callee.evaluate(() => call.channel.send('and back'));
    await expect.poll(() => heard(caller), POLL).toEqual(['and back']);
    const servers = await guest.evaluate(() => call.connection.getConfiguration().iceServers?.[0]?.urls);
    expect([servers].flat()).toEqual(['stun:127.0.0.1:9']);
    expect([await errors(room), await errors(guest)]).toEqual([[], []]);
});

test('both begin at once', async () => {
    const [room, guest] = await pair();
    await Promise.all([openChannel(room, 'from the server'), openChannel(guest, 'from the client')]);
    await expect.poll(() => heard(guest), POLL).toEqual(['from the server']);
    await expect.poll(() => heard(room), POLL).toEqual(['from the client']);
    expect([await errors(room), await errors(guest)]).toEqual([[], []]);
});

test('video flows from one page to another, and is joined by video in the other direction', async () => {
    const [room, guest] = await pair();
    const show = () => {
        call.connection.addEventListener('track', ({ track }) => {
            const video = document.createElement('video');
            video.muted = true;
            video.srcObject = new MediaStream([track]);
            document.body.append(video);
            void video.play();
        });
    };
    const film = () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [320, 240];
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        let frame = 0;
        setInterval(() => {
            context.fillStyle = `hsl(${(frame += 7)} 80% 50%)`;
            context.fillRect(0, 0, 320, 240);
        }, 50);
        const stream = canvas.captureStream();
        for (const track of stream.getTracks()) {
            call.connection.addTrack(track, stream);
        }
    };
    const frames = (page: Page) =>
        page.evaluate(async () => {
            let frames = 0;
            (await call.connection.getStats()).forEach((report) => {
                frames += report.type === 'inbound-rtp' ? (report.framesDecoded ?? 0) : 0;
            });
            return [frames > 10, document.querySelector('video')?.videoWidth];
        });
    await room.evaluate(show);
    await guest.evaluate(show);
    await room.evaluate(film);
    await expect.poll(() => frames(guest), POLL).toEqual([true, 320]);
    await guest.evaluate(film);
    await expect.poll(() => frames(room), POLL).toEqual([true, 320]);
    expect([await errors(room), await errors(guest)]).toEqual([[], []]);
});

test('ICE is restarted, and the channel goes on', async () => {
    const [room, guest] = await pair();
    await openChannel(guest, 'before');
    await expect.poll(() => heard(room), POLL).toEqual(['before']);
    const ufrag = (page: Page) =>
        page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(call.connection.remoteDescription?.sdp ?? '')?.[1]);
    const before = await ufrag(room);
    // As when the path between the two has failed, which takes a browser half a minute to believe.
    await guest.evaluate(() => {
        Object.defineProperty(call.connection, 'connectionState', { value: 'failed', configurable: true });
        call.connection.dispatchEvent(new Event('connectionstatechange'));
        delete (call.connection as { connectionState?: unknown }).connectionState;
    });
    await expect.poll(() => ufrag(room), POLL).not.toBe(before);
    await guest.evaluate(() => call.channel.send('after'));
    await expect.poll(() => heard(room), POLL).toEqual(['before', 'after']);
});

test('a negotiation ends with its peer', async () => {
    const [room, guest] = await pair();
    await openChannel(guest, 'hello');
    await expect.poll(() => heard(room), POLL).toEqual(['hello']);
    await guest.evaluate(() => void call.peer.close());
    await room.evaluate(() => call.negotiation.closed);
    await guest.evaluate(() => call.negotiation.closed);
    expect(await room.evaluate(() => call.connection.connectionState)).toBe('closed');
});

test('fresh servers for ICE are used', async () => {
    const timed = await Relay.start({
        more: `${OPEN}\nice_servers: [{ urls: ['turn:127.0.0.1:9'], secret: s, ttl: 1h }]`,
    });
    const proxy = await TcpProxy.start(() => timed.ports.websocket);
    const page = await browser.page();
    const before = await page.evaluate(async (url) => {
        const peer = client.connectServer({ url });
        await peer.opened;
        const { connection } = webrtc.negotiate(peer, 'somebody');
        Object.assign(globalThis, { call: { connection } });
        return connection.getConfiguration().iceServers?.[0]?.username;
    }, `ws://127.0.0.1:${proxy.port}`);
    // The name is the time at which it runs out, and a resumed session is told another one.
    await expect
        .poll(
            () => {
                proxy.cut();
                return page.evaluate(() => call.connection.getConfiguration().iceServers?.[0]?.username);
            },
            { timeout: 20_000, interval: 700 },
        )
        .not.toBe(before);
    proxy.stop();
    await timed.stop();
});
