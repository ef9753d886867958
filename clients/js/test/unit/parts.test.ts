import { describe, expect, test } from 'vitest';
import { backoff } from '../../src/backoff.js';
import { endOf, isFinal } from '../../src/codes.js';
import { discover, Remembered } from '../../src/discovery.js';
import { Emitter } from '../../src/emitter.js';
import { Inbox } from '../../src/inbox.js';
import { Receipt } from '../../src/receipt.js';
import { webTransportWorks } from '../../src/support.js';

describe('WebTransport', () => {
    const blink =
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
    test.each([
        ['Chromium', blink, true],
        ['Edge', `${blink} Edg/156.0.0.0`, true],
        ['no browser', '', true],
        ['Node.js', 'Node.js/22', true],
        ['Firefox 153', 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0', true],
        ['Firefox 152', 'Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0', false],
        [
            'Safari',
            'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.4 Safari/605.1.15',
            false,
        ],
        [
            'Chrome on iOS',
            'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/150.0 Mobile/15E148 Safari/604.1',
            false,
        ],
        [
            'Firefox on an iPad',
            'Mozilla/5.0 (iPad; CPU OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/150.0 Mobile/15E148 Safari/605.1.15',
            false,
        ],
    ])('in %s', (_, userAgent, works) => {
        expect(webTransportWorks(userAgent)).toBe(works);
    });
});

describe('close codes', () => {
    test.each([1001, 1011, 1013, 4408, 4429, 4508])('%i allows another try', (code) => {
        expect(isFinal({ code, reason: '', told: true })).toBe(false);
    });
    test.each([1000, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4404, 4409, 4410, 4422])('%i is final', (code) => {
        expect(isFinal({ code, reason: '', told: true })).toBe(true);
    });
    test('4404 and 4410 are not where the relay wants to see us again', () => {
        expect(isFinal({ code: 4404, reason: '', reconnectIn: 0, told: true })).toBe(false);
        expect(isFinal({ code: 4410, reason: '', reconnectIn: 1.5, told: true })).toBe(false);
    });
    test('say nothing of the relay where anything on the way may use them', () => {
        for (const code of [1000, 1001, 1005, 1006, 1011, 1012]) {
            expect(endOf(code, '').told, String(code)).toBe(false);
        }
        expect(endOf(4403, '').told).toBe(true);
    });
});

test('waits double up to a bound, and are anything below it', () => {
    expect([1, 2, 3, 7, 8, 100].map((attempt) => backoff(attempt, () => 1))).toEqual([
        250, 500, 1_000, 15_000, 15_000, 15_000,
    ]);
    expect(backoff(5, () => 0)).toBe(0);
});

describe('discovery', () => {
    const { signal } = new AbortController();
    const answers = (document: unknown, ok = true) => {
        const asked: string[] = [];
        const fetch = async (url: string) => {
            asked.push(url);
            return { ok, json: async () => document };
        };
        return { asked, fetch };
    };

    test('lists the ways, of WebSockets first the one that discovery came over', async () => {
        const { asked, fetch } = answers({
            version: '1',
            transports: [
                {
                    kind: 'webtransport',
                    url: 'https://h:1',
                    certificateHashes: [{ algorithm: 'sha-256', value: 'AQI=' }],
                },
                { kind: 'websocket', url: 'wss://h:2' },
                { kind: 'pigeons', url: 'https://h:3' },
                { kind: 'websocket', url: 'ws://h:4/' },
            ],
        });
        const ways = await discover({ url: 'http://h:4/', fetch }, signal);
        expect(asked).toEqual(['http://h:4/.well-known/intercessor']);
        expect(ways.map(({ url }) => url)).toEqual(['https://h:1', 'ws://h:4', 'wss://h:2']);
        expect(ways[0]?.hashes).toEqual([Uint8Array.of(1, 2).buffer]);
    });

    test('is not asked where the URL is a WebSocket', async () => {
        const { asked, fetch } = answers({});
        expect(await discover({ url: 'wss://h/relay', fetch }, signal)).toMatchObject([
            { transport: 'websocket', url: 'wss://h/relay' },
        ]);
        expect(asked).toEqual([]);
    });

    test.each([
        ['fails', { fetch: async () => Promise.reject(new Error('CORS')) }],
        ['is not there', answers({}, false)],
        ['is none', answers('nonsense')],
        ['is broken', answers({ transports: [null, { kind: 'websocket' }] })],
    ])('that %s leaves the WebSocket at the same address', async (_, { fetch }) => {
        expect(await discover({ url: 'https://h:5/base/', fetch }, signal)).toMatchObject([
            { transport: 'websocket', url: 'wss://h:5/base' },
        ]);
    });

    test('what worked is remembered for ten minutes, for each relay', () => {
        const values = new Map<string, string>();
        const memory = {
            getItem: (key: string) => values.get(key) ?? null,
            setItem: (key: string, value: string) => void values.set(key, value),
        };
        const here = new Remembered({ url: 'https://a', memory });
        here.set('websocket', 1_000);
        expect(here.get(600_999)).toBe('websocket');
        expect(here.get(601_000)).toBeUndefined();
        expect(new Remembered({ url: 'https://b', memory }).get(1_000)).toBeUndefined();
    });

    test('storage that is forbidden is no failure', () => {
        const forbidden = () => {
            throw new Error('SecurityError');
        };
        const here = new Remembered({ url: 'https://a', memory: { getItem: forbidden, setItem: forbidden } });
        here.set('websocket', 0);
        expect(here.get(0)).toBeUndefined();
    });
});

describe('listeners', () => {
    test('are called until they are removed', () => {
        const emitter = new Emitter<{ a: number }>();
        const heard: string[] = [];
        const control = new AbortController();
        const off = emitter.on('a', (n) => heard.push(`first ${n}`));
        emitter.on('a', (n) => heard.push(`once ${n}`), { once: true });
        emitter.on('a', (n) => heard.push(`signal ${n}`), { signal: control.signal });
        emitter.emit('a', 1);
        off();
        emitter.emit('a', 2);
        control.abort();
        emitter.emit('a', 3);
        expect(heard).toEqual(['first 1', 'once 1', 'signal 1', 'signal 2']);
    });
});

describe('an iterator', () => {
    test('gives what waits, then what comes, then its end', async () => {
        const inbox = new Inbox<number>(2, () => {});
        inbox.put(1);
        expect(await inbox.next()).toEqual({ done: false, value: 1 });
        const next = inbox.next();
        inbox.put(2);
        expect(await next).toEqual({ done: false, value: 2 });
        inbox.end();
        expect((await inbox.next()).done).toBe(true);
    });

    test('that is not read ends in an error that says so', async () => {
        let done = 0;
        const inbox = new Inbox<number>(2, () => (done += 1));
        [1, 2, 3, 4].forEach((n) => inbox.put(n));
        expect((await inbox.next()).value).toBe(1);
        expect((await inbox.next()).value).toBe(2);
        await expect(inbox.next()).rejects.toMatchObject({ code: 'UNREAD' });
        expect((await inbox.next()).done).toBe(true);
        expect(done).toBe(1);
    });

    test('that is left keeps nothing', async () => {
        let done = 0;
        const inbox = new Inbox<number>(2, () => (done += 1));
        inbox.put(1);
        await inbox.return();
        expect((await inbox.next()).done).toBe(true);
        expect(done).toBe(1);
    });
});

describe('a receipt', () => {
    test('is wanted once somebody waits for it, and by catch and finally too', async () => {
        let wanted = 0;
        const { receipt, settle } = Receipt.make(() => (wanted += 1));
        await Promise.resolve();
        expect(wanted).toBe(0);
        settle();
        await receipt;
        await receipt.finally(() => {});
        expect(wanted).toBe(1);
    });

    test('that rejects and nobody waits for is no unhandled rejection', async () => {
        const unhandled: unknown[] = [];
        const listener = (error: unknown) => unhandled.push(error);
        process.on('unhandledRejection', listener);
        const { settle } = Receipt.make(() => {});
        settle(new Error('refused'));
        await new Promise((resolve) => setTimeout(resolve, 20));
        process.off('unhandledRejection', listener);
        expect(unhandled).toEqual([]);
    });
});
