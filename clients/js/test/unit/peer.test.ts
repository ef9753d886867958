import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectClient, connectServer } from '../../src/index.js';
import type { PeerOptions } from '../../src/types.js';

/** The relay's end of a WebSocket. */
class Socket {
    static all: Socket[] = [];
    readyState = 0;
    bufferedAmount = 0;
    onopen: ((event: unknown) => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onerror: ((event: unknown) => void) | null = null;
    readonly sent: { to: string; type: string; message: Record<string, unknown>; ref?: string }[] = [];
    closedWith: number | undefined;

    constructor(readonly url: string) {
        Socket.all.push(this);
    }

    send(text: string): void {
        this.sent.push(JSON.parse(text));
    }

    close(code = 1005): void {
        if (this.readyState < 2) {
            this.closedWith = code;
            this.readyState = 3;
            this.onclose?.({ code, reason: '' });
        }
    }

    async open(): Promise<void> {
        this.readyState = 1;
        this.onopen?.({});
        await vi.advanceTimersByTimeAsync(0);
    }

    async say(type: string, message: object, from = '0'): Promise<void> {
        this.onmessage?.({ data: JSON.stringify({ from, type, message }) });
        await vi.advanceTimersByTimeAsync(0);
    }

    async cut(code = 1006): Promise<void> {
        this.readyState = 3;
        this.onclose?.({ code, reason: '' });
        await vi.advanceTimersByTimeAsync(0);
    }

    types(): string[] {
        return this.sent.map(({ type }) => type);
    }
}

beforeEach(() => {
    vi.useFakeTimers();
    // Every wait is as long as it may be.
    vi.spyOn(Math, 'random').mockReturnValue(1);
    Socket.all = [];
});
afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
});

const OPTIONS: PeerOptions = { url: 'ws://relay', WebSocket: Socket };
const passing = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);
const last = () => Socket.all.at(-1) as Socket;
const hello = (id: string, more: object = {}) => ({ id, resume: { token: `token of ${id}`, window: 120, ...more } });

/** A client that is open, with all that its listeners hear. */
async function client(options: Partial<PeerOptions> = {}) {
    const peer = connectClient({ ...OPTIONS, serverId: 'server', ...options });
    const heard: [string, unknown][] = [];
    for (const name of ['open', 'resumed', 'reconnecting', 'peerGone', 'error', 'close', 'message'] as const) {
        peer.on(name, (event) => heard.push([name, event]));
    }
    await passing(0);
    await last().open();
    await last().say('HELLO', hello('me'));
    return { peer, heard, names: () => heard.map(([name]) => name) };
}

test('a client asks for a session that can be resumed', async () => {
    const { peer } = await client({ ordered: true });
    expect(last().url).toBe('ws://relay/client/server?resume&ordered');
    expect(await peer.opened).toEqual({ id: 'me', transport: 'websocket', unconfirmed: [] });
    expect([peer.id, peer.state, peer.transport]).toEqual(['me', 'open', 'websocket']);
});

describe('a server', () => {
    test('logs in, and asks for its passphrase at every login', async () => {
        const passphrases = ['first', 'second'];
        const getPassphrase = async () => passphrases.shift() as string;
        connectServer({ ...OPTIONS, getPassphrase, name: 'door' });
        await passing(0);
        await last().open();
        expect(last().url).toBe('ws://relay/server?resume');
        expect(last().sent).toEqual([{ to: '0', type: 'LOGIN', message: { passphrase: 'first', name: 'door' } }]);
        await last().say('HELLO', hello('s'));
        await last().say('BYE', { code: 1001, reason: '', reconnectIn: 1 });
        await passing(1_000);
        await last().open();
        expect(last().sent[0]?.message).toMatchObject({ passphrase: 'second' });
    });

    test('that has no passphrase to give ends, and says why', async () => {
        const server = connectServer({ ...OPTIONS, getPassphrase: () => Promise.reject(new Error('cancelled')) });
        await expect(server.opened).rejects.toThrow('cancelled');
        expect(await server.closed).toEqual({ code: 4401, reason: 'cancelled' });
    });

    test('is told nothing of a login that was not needed', async () => {
        const server = connectServer({ ...OPTIONS, passphrase: 'x' });
        const errors: unknown[] = [];
        server.on('error', (error) => errors.push(error));
        await passing(0);
        await last().open();
        await last().say('HELLO', hello('s'));
        await last().say('ERROR', { code: 'FORBIDDEN_TYPE', detail: '', type: 'LOGIN', to: '0' });
        expect(errors).toEqual([]);
    });

    test('knows its clients, and that they are gone with its session', async () => {
        const server = connectServer(OPTIONS);
        const gone: string[] = [];
        server.on('peerGone', ({ id }) => gone.push(id));
        await passing(0);
        await last().open();
        await last().say('HELLO', hello('s'));
        for (const id of ['a', 'b', 'c']) {
            await last().say('PEER_JOINED', { id });
        }
        await last().say('PEER_GONE', { id: 'b' });
        expect([...server.clients]).toEqual(['a', 'c']);
        await last().say('BYE', { code: 1011, reason: '' });
        expect(gone).toEqual(['b', 'a', 'c']);
        expect([...server.clients]).toEqual([]);
    });
});

describe('after a break', () => {
    test('the session is resumed, and what the relay has not taken in is sent again', async () => {
        const { peer, names } = await client();
        peer.send('server', 'A', { n: 1 });
        peer.send('server', 'A', { n: 2 });
        await last().cut();
        expect(peer.state).toBe('reconnecting');
        peer.send('server', 'A', { n: 3 });
        await passing(250);
        expect(last().url).toBe('ws://relay/resume?');
        await last().open();
        expect(last().sent).toEqual([{ to: '0', type: 'RESUME', message: { token: 'token of me', received: 0 } }]);
        await last().say('HELLO', hello('me', { received: 1 }));
        expect(last().types()).toEqual(['RESUME', 'ACK', 'A', 'A']);
        expect(
            last()
                .sent.slice(2)
                .map(({ message }) => message.n),
        ).toEqual([2, 3]);
        expect(names()).toEqual(['open', 'reconnecting', 'resumed']);
        expect(peer.state).toBe('open');
    });

    test('waits double, and begin anew after a connection that held', async () => {
        const { heard } = await client();
        const delays = () =>
            heard.flatMap(([name, event]) => (name === 'reconnecting' ? [(event as { delay: number }).delay] : []));
        await passing(6_000);
        await last().cut();
        await passing(250);
        await last().cut();
        await passing(500);
        await last().cut();
        await passing(1_000);
        await last().open();
        await last().say('HELLO', hello('me', { received: 0 }));
        await passing(6_000);
        await last().cut();
        expect(delays()).toEqual([250, 500, 1_000, 250]);
    });

    test('a RESUME that came too late is sent again', async () => {
        const { heard } = await client();
        await last().cut();
        await passing(250);
        await last().open();
        await last().say('BYE', { code: 4401, reason: 'late' });
        await passing(500);
        await last().open();
        expect(last().types()).toEqual(['RESUME']);
        expect(heard.map(([name]) => name)).toEqual(['open', 'reconnecting', 'reconnecting']);
    });

    test('a try that fails after RESUME is broken, and not left: the session may be on it', async () => {
        await client({ connectTimeout: 2_000 });
        await last().cut();
        await passing(250);
        await last().open();
        await passing(2_000);
        expect(last().closedWith).toBe(4000);
    });

    test('4408 is such a break', async () => {
        await client();
        await last().say('BYE', { code: 4408, reason: 'no answer to pings' });
        await passing(250);
        expect(last().url).toBe('ws://relay/resume?');
    });

    test('a session that is gone is followed by a new one, which tells what is uncertain', async () => {
        const { peer, heard } = await client();
        const sent = peer.send('server', 'A', { n: 1 });
        await last().cut();
        const waiting = peer.send('server', 'A', { n: 2 });
        const outcome = expect(sent).rejects.toMatchObject({ code: 'SESSION_LOST', to: 'server', type: 'A' });
        await passing(250);
        await last().open();
        await last().say('BYE', { code: 4404, reason: 'no such session' });
        await outcome;
        await passing(500);
        expect(last().url).toBe('ws://relay/client/server?resume');
        await last().open();
        await last().say('HELLO', hello('other'));
        expect(heard.at(-1)).toEqual([
            'open',
            {
                id: 'other',
                previousId: 'me',
                transport: 'websocket',
                unconfirmed: [{ to: 'server', type: 'A', message: { n: 1 } }],
            },
        ]);
        expect(last().sent.map(({ message }) => message.n)).toEqual([2]);
        void waiting;
    });

    test('a relay that cannot resume gets a new session at once', async () => {
        const peer = connectClient({ ...OPTIONS, serverId: 'server' });
        await passing(0);
        await last().open();
        await last().say('HELLO', { id: 'me' });
        const sent = peer.send('server', 'A', {});
        const outcome = expect(sent).rejects.toMatchObject({ code: 'SESSION_LOST' });
        await last().cut();
        await outcome;
        await passing(250);
        expect(last().url).toBe('ws://relay/client/server?resume');
    });

    test('there is an end where the relay stays out of reach', async () => {
        const { peer } = await client({ giveUpAfter: 3_000 });
        const sockets = Socket.all.length;
        await last().cut();
        for (let tries = 0; tries < 8 && peer.state !== 'closed'; tries += 1) {
            await passing(2_000);
            await last().cut();
        }
        expect(await peer.closed).toMatchObject({ code: 1006 });
        expect(Socket.all.length).toBeGreaterThan(sockets);
        await expect(peer.send('server', 'A', {})).rejects.toMatchObject({ code: 'UNREACHABLE' });
    });
});

describe('what the relay says', () => {
    test.each([4403, 4404, 4409, 4410, 4422])('%i ends the peer', async (code) => {
        const { peer, names } = await client();
        await last().say('BYE', { code, reason: 'so' });
        expect(await peer.closed).toEqual({ code, reason: 'so' });
        expect(names()).toEqual(['open', 'close']);
        expect(Socket.all).toHaveLength(1);
        await expect(peer.send('server', 'A', {})).rejects.toMatchObject({ code: 'CLOSED', closeCode: code });
    });

    test('is heard by its close code too, where there is no BYE', async () => {
        const { peer } = await client();
        await last().cut(4403);
        expect((await peer.closed).code).toBe(4403);
    });

    test('reconnectIn is when it is tried again, no sooner', async () => {
        const { heard } = await client();
        await last().say('BYE', { code: 1001, reason: 'drains', reconnectIn: 7.5 });
        expect(heard.at(-1)).toEqual(['reconnecting', { attempt: 1, delay: 7_500, code: 1001, reason: 'drains' }]);
        await passing(7_499);
        expect(Socket.all).toHaveLength(1);
        await passing(1);
        expect(last().url).toBe('ws://relay/client/server?resume');
    });

    test('a server that will be back is waited for', async () => {
        const peer = connectClient({ ...OPTIONS, serverId: 'fixed' });
        await passing(0);
        await last().open();
        await last().say('BYE', { code: 4404, reason: 'not here', reconnectIn: 2 });
        await passing(2_000);
        expect(Socket.all).toHaveLength(2);
        await last().open();
        await last().say('HELLO', hello('me'));
        expect((await peer.opened).id).toBe('me');
    });

    test('a server that is not there ends a client', async () => {
        const peer = connectClient({ ...OPTIONS, serverId: 'nobody' });
        await passing(0);
        await last().open();
        await last().say('BYE', { code: 4404, reason: 'no such server' });
        await expect(peer.opened).rejects.toMatchObject({ code: 'CLOSED', closeCode: 4404 });
    });

    test('ICE servers are told when they change', async () => {
        const { peer } = await client();
        const heard: unknown[] = [];
        peer.on('iceServers', (servers) => heard.push(servers));
        await last().say('ICE_SERVERS', { iceServers: [{ urls: 'stun:a' }] });
        await last().say('ICE_SERVERS', { iceServers: [{ urls: 'stun:a' }] });
        expect(heard).toEqual([[{ urls: 'stun:a' }]]);
        expect(peer.iceServers).toEqual([{ urls: 'stun:a' }]);
    });
});

describe('a dead path', () => {
    test('is noticed by the silence after what was sent', async () => {
        const { peer, names } = await client();
        peer.send('server', 'A', {});
        await passing(14_999);
        expect(names()).toEqual(['open']);
        await passing(1);
        expect(names()).toEqual(['open', 'reconnecting']);
        expect(last().closedWith).toBe(4000);
    });

    test('is noticed where nothing is sent, by a question', async () => {
        const { names } = await client();
        await passing(25_000);
        expect(last().types()).toEqual(['PING']);
        await passing(15_000);
        expect(names()).toEqual(['open', 'reconnecting']);
    });

    test('is no slow one', async () => {
        const { peer, names } = await client();
        last().bufferedAmount = 1_000;
        peer.send('server', 'A', {});
        await passing(10_000);
        last().bufferedAmount = 500;
        await passing(10_000);
        expect(names()).toEqual(['open']);
    });

    test('is not hidden by a system that goes on taking what is sent', async () => {
        const { peer, names } = await client();
        for (let second = 0; second < 16; second += 1) {
            last().bufferedAmount = 100;
            peer.send('server', 'A', {});
            last().bufferedAmount = 0;
            await passing(1_000);
        }
        expect(names()).toEqual(['open', 'reconnecting']);
    });

    test('is looked for when the page wakes up', async () => {
        const window = new EventTarget();
        const document = Object.assign(new EventTarget(), { hidden: false });
        vi.stubGlobal('window', window);
        vi.stubGlobal('document', document);
        const { names } = await client();
        window.dispatchEvent(new Event('pageshow'));
        expect(last().types()).toEqual([]);
        window.dispatchEvent(new Event('online'));
        expect(last().types()).toEqual(['PING']);
        await passing(5_000);
        expect(names()).toEqual(['open', 'reconnecting']);
        const sockets = Socket.all.length;
        document.dispatchEvent(new Event('visibilitychange'));
        await passing(0);
        expect(Socket.all).toHaveLength(sockets + 1);
        vi.unstubAllGlobals();
    });
});

describe('an end of our own', () => {
    test('is clean', async () => {
        const { peer, names } = await client();
        expect(await peer.close()).toEqual({ code: 1000, reason: 'left' });
        expect(last().closedWith).toBe(1000);
        expect(names()).toEqual(['open', 'close']);
        await expect(peer.once('message')).rejects.toMatchObject({ code: 'CLOSED' });
        expect((await peer.messages().next()).done).toBe(true);
    });

    test('while it waits comes at once', async () => {
        const { peer } = await client();
        const waiting = peer.send('server', 'A', {});
        await last().say('BYE', { code: 1001, reason: '', reconnectIn: 3_600 });
        const later = peer.send('server', 'A', {});
        const outcomes = Promise.allSettled([waiting, later]);
        await peer.close();
        expect((await outcomes).map((it) => it.status === 'rejected' && it.reason.code)).toEqual([
            'SESSION_LOST',
            'CLOSED',
        ]);
    });

    test('by a signal rejects with its reason', async () => {
        const control = new AbortController();
        const peer = connectClient({ ...OPTIONS, serverId: 'server', signal: control.signal });
        await passing(0);
        control.abort(new Error('enough'));
        await expect(peer.opened).rejects.toThrow('enough');
        // Its handshake may be done for the relay: it is not cut off, but ended.
        expect(last().closedWith).toBeUndefined();
        await last().open();
        expect(last().closedWith).toBe(1000);
    });

    test('by a signal that is aborted already tries nothing', async () => {
        const peer = connectClient({ ...OPTIONS, serverId: 'server', signal: AbortSignal.abort(new Error('no')) });
        await expect(peer.opened).rejects.toThrow('no');
        expect(Socket.all).toEqual([]);
    });

    test('does not wait for a passphrase', async () => {
        const server = connectServer({ ...OPTIONS, getPassphrase: () => new Promise(() => {}) });
        await passing(0);
        expect(await server.close()).toMatchObject({ code: 1000 });
    });
});

describe('bounds', () => {
    test('what waits to be sent has one, and drained tells when there is room', async () => {
        const { peer } = await client({ limits: { messages: 8 } });
        for (let n = 0; n < 8; n += 1) {
            peer.send('server', 'A', { n });
        }
        await expect(peer.send('server', 'A', {})).rejects.toMatchObject({ code: 'QUEUE_FULL' });
        let drained = false;
        const waiting = peer.drained().then(() => (drained = true));
        const [, , third, fourth] = last().sent.filter(({ type }) => type === 'A');
        await last().say('ERROR', { code: 'UNKNOWN_PEER', detail: '', ref: third?.ref });
        expect(drained).toBe(false);
        await last().say('ERROR', { code: 'UNKNOWN_PEER', detail: '', ref: fourth?.ref });
        await waiting;
        peer.send('server', 'A', {});
        expect(
            last()
                .types()
                .filter((type) => type === 'A'),
        ).toHaveLength(9);
    });

    test('a message that is no object is refused here', async () => {
        const { peer } = await client();
        await expect(peer.send('server', 'A', [] as object)).rejects.toThrow(TypeError);
        expect(last().sent).toEqual([]);
    });
});

test('without a WebSocket it says what to do', () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => connectClient({ url: 'ws://relay', serverId: 'x' })).toThrow(/Node.js 22 .* `ws`/);
    vi.unstubAllGlobals();
});
