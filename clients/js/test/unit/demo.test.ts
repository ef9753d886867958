import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bundle, SCRIPT } from '../../demo/bundle.mjs';
import { count } from '../../demo/tally.js';
import { isExample, isOurs, isOursDirectly } from '../../demo/messages.js';
import { median } from '../../demo/plot.js';
import { locate } from '../../demo/pointer.js';
import { isLoopback, milliseconds, short } from '../../demo/words.js';

test('the script in the relay is made of these sources: `npm run demo` makes it anew', async () => {
    expect(readFileSync(SCRIPT, 'utf8') === (await bundle())).toBe(true);
});

test('the script has the licence of what is in it, and nothing that would end it early', () => {
    const script = readFileSync(SCRIPT, 'utf8');
    expect(script).toContain('Copyright (c) Project Nayuki');
    expect(script).not.toMatch(/<\/script|<!--/i);
});

describe('a JSON pointer', () => {
    test.each([
        ['/sdp', '"a\\"}b"'],
        ['/list/1', '[2, 3]'],
        ['/list/1/0', '2'],
        ['/a~1b/~0', 'null'],
        ['/number', '-1.5e+3'],
        ['/empty', '{}'],
        ['/', 'true'],
    ])('%s is found', (pointer, wanted) => {
        const text =
            '{ "sdp": "a\\"}b",\n "list": [1, [2, 3]], "a/b": {"~":null}, "number":-1.5e+3, "empty": {}, "": true }';
        const range = locate(text).get(pointer);
        expect(text.slice(range?.start, range?.end)).toBe(wanted);
    });

    test('of nothing is the whole', () => {
        expect(locate(' {} ').get('')).toEqual({ start: 1, end: 3 });
        expect(locate('{}').get('/no')).toBeUndefined();
    });
});

describe('what is counted', () => {
    const run = 'a';
    const of = (...numbers: number[]) =>
        numbers.reduce<ReturnType<typeof count> | undefined>((tally, n) => count(tally, { run, n }), undefined);

    test('is whole where nothing is lost', () => {
        expect(of(1, 2, 3)).toEqual({ run, last: 3, arrived: 3, missing: 0, wrong: 0 });
    });

    test('misses what was left out, and sees what is doubled or late', () => {
        expect(of(1, 4, 5)).toEqual({ run, last: 5, arrived: 3, missing: 2, wrong: 0 });
        expect(of(2)).toMatchObject({ missing: 1 });
        expect(of(1, 2, 2)).toEqual({ run, last: 2, arrived: 2, missing: 0, wrong: 1 });
    });

    test('begins anew with another run', () => {
        expect(count(of(1, 2, 3), { run: 'b', n: 1 })).toEqual({ run: 'b', last: 1, arrived: 1, missing: 0, wrong: 0 });
    });
});

test('what browsers make is no example', () => {
    const sample = (name: string) =>
        JSON.parse(readFileSync(new URL(`../../../../schemas/samples/${name}.json`, import.meta.url), 'utf8'));
    for (const name of ['offer-ok', 'offer-ok-newer-browser']) {
        expect(isExample('OFFER', sample(name)), name).toBe(false);
    }
    expect(isExample('ANSWER', sample('answer-ok'))).toBe(false);
    expect(isExample('CANDIDATE', sample('candidate-ok'))).toBe(false);
    expect(isExample('CANDIDATE', { candidate: '' })).toBe(false);
    expect(isExample('CHAT', { text: 'hello' })).toBe(false);
    expect(isExample('CHAT', { txt: 'hello' })).toBe(true);
    expect(isExample('OFFER', { type: 'offer', sdp: 'v=0\r\ns=example\r\n' })).toBe(true);
});

test('only what our pages say is answered', () => {
    const run = 'a';
    const counted = { run, last: 1, arrived: 1, missing: 0, wrong: 0 };
    for (const [type, ours, ...others] of [
        ['CHAT', { text: 'x'.repeat(1000) }, { text: 'x'.repeat(1001) }, { text: 'x', by: {} }, { text: {} }],
        ['DEMO_PING', { n: 1 }, { n: [1e20] }, { n: '1' }, {}],
        ['DEMO_COUNT', { run, n: 1 }, { run: 'a'.repeat(65), n: 1 }, { run, n: 0.5 }, { run: {}, n: 1 }],
        ['DEMO_COUNTED', counted, { ...counted, wrong: '<b>' }, { ...counted, last: 1e300 }],
        ['DEMO_ARRIVED', { type: 'OFFER' }, { type: {} }],
    ] as [string, object, ...object[]][]) {
        expect(isOurs(type, ours), type).toBe(true);
        for (const other of others) {
            expect(isOurs(type, other), type).toBe(false);
        }
    }
    expect(isOurs('OFFER', { text: 'hello' })).toBe(false);
    expect(
        [
            { type: 'TEXT', text: 'hello' },
            { type: 'PING', n: 1 },
            { type: 'PONG', n: 2 },
        ].every(isOursDirectly),
    ).toBe(true);
    const foreign = [
        null,
        1,
        [],
        {},
        { type: 'TEXT', text: 'x'.repeat(1001) },
        { type: 'PING', n: {} },
        { type: 'X', n: 1 },
    ];
    expect(foreign.some(isOursDirectly)).toBe(false);
});

test('words', () => {
    expect([0.42, 9.96, 12.4, 1_234, 20_000].map(milliseconds)).toEqual([
        '0.4 ms',
        '10.0 ms',
        '12 ms',
        '1.2 s',
        '20 s',
    ]);
    expect([short('V1StGXR8_Z5jdHi6B-myT'), short('camera')]).toEqual(['V1StGXR8…', 'camera']);
    expect(['localhost', '127.0.0.1', '[::1]', 'a.localhost'].every(isLoopback)).toBe(true);
    expect(['192.168.1.20', 'relay.example', 'localhost.example'].some(isLoopback)).toBe(false);
    expect(median([3, 1, 2].map((time) => ({ at: 0, time })))).toBe(2);
});
