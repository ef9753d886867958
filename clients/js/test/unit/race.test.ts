import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { broken, type End } from '../../src/codes.js';
import { type Contender, race } from '../../src/race.js';

beforeEach(() => {
    vi.useFakeTimers();
});
afterEach(() => {
    vi.useRealTimers();
});

const PATIENCE = { headStart: 500, timeout: 10_000 };
const ADVANCE = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** A way whose steps the test takes. */
class Way implements Contender<string> {
    readonly log: string[] = [];
    open: () => void = () => {};
    greet: () => void = () => {};
    fail: (end: End) => void = () => {};

    constructor(
        readonly name: string,
        readonly eager = false,
    ) {}

    dial(): Promise<unknown> {
        this.log.push('dial');
        return new Promise<void>((resolve, reject) => {
            this.open = resolve;
            this.fail = reject;
        });
    }

    go(): Promise<string> {
        this.log.push('go');
        return new Promise((resolve, reject) => {
            this.greet = () => resolve(this.name);
            this.fail = reject;
        });
    }

    quit(): void {
        this.log.push('quit');
    }
}

function start(lanes: Way[][], signal = new AbortController().signal) {
    const result: { value?: string; error?: unknown } = {};
    race(
        lanes.map((lane) => lane.map((way) => () => way)),
        PATIENCE,
        signal,
    ).then(
        (value) => (result.value = value),
        (error) => (result.error = error),
    );
    return result;
}

describe('the second lane', () => {
    test('waits for half a second', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        const result = start([[first], [second]]);
        await ADVANCE(499);
        expect(second.log).toEqual([]);
        await ADVANCE(1);
        expect(second.log).toEqual(['dial']);
        second.open();
        await ADVANCE(0);
        second.greet();
        await ADVANCE(0);
        expect(result.value).toBe('second');
        expect(first.log).toEqual(['dial', 'quit']);
        expect(second.log).toEqual(['dial', 'go']);
    });

    test('begins at once when the first has failed', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        start([[first], [second]]);
        await ADVANCE(10);
        first.fail(broken('refused'));
        await ADVANCE(0);
        expect(second.log).toEqual(['dial']);
    });

    test('is not needed where the first one is there in time', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        const result = start([[first], [second]]);
        first.open();
        await ADVANCE(0);
        first.greet();
        await ADVANCE(1_000);
        expect(result.value).toBe('first');
        expect(second.log).toEqual([]);
    });
});

describe('an eager way', () => {
    test('is not dialled while another one waits for HELLO', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        const result = start([[first], [second]]);
        first.open();
        await ADVANCE(5_000);
        expect(second.log).toEqual([]);
        first.greet();
        await ADVANCE(0);
        expect(result.value).toBe('first');
        expect(second.log).not.toContain('dial');
    });

    test('has the other one wait once it is dialled', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        const result = start([[first], [second]]);
        await ADVANCE(500);
        first.open();
        await ADVANCE(900);
        expect(first.log).toEqual(['dial']);
        second.open();
        await ADVANCE(0);
        second.greet();
        await ADVANCE(0);
        expect(result.value).toBe('second');
        expect(first.log).toEqual(['dial', 'quit']);
    });

    test('that hangs is given up for one that is ready', async () => {
        const [first, second] = [new Way('first'), new Way('second', true)];
        const result = start([[first], [second]]);
        await ADVANCE(500);
        first.open();
        await ADVANCE(1_000);
        expect(second.log).toEqual(['dial', 'quit']);
        expect(first.log).toEqual(['dial', 'go']);
        first.greet();
        await ADVANCE(0);
        expect(result.value).toBe('first');
    });
});

test('only one of two handshakes goes on, the first', async () => {
    const [first, second] = [new Way('first'), new Way('second')];
    const result = start([[first], [second]]);
    await ADVANCE(500);
    second.open();
    first.open();
    await ADVANCE(0);
    expect(second.log).toEqual(['dial', 'go']);
    expect(first.log).toEqual(['dial']);
    second.fail(broken('closed before HELLO'));
    await ADVANCE(0);
    expect(first.log).toEqual(['dial', 'go']);
    first.greet();
    await ADVANCE(0);
    expect(result.value).toBe('first');
});

test('a way that hangs counts as failed', async () => {
    const [first, next] = [new Way('first'), new Way('next')];
    start([[first, next]]);
    await ADVANCE(10_000);
    expect(first.log).toEqual(['dial', 'quit']);
    expect(next.log).toEqual(['dial']);
});

test('what the relay says itself ends the race', async () => {
    const [first, second] = [new Way('first'), new Way('second')];
    const result = start([[first], [second]]);
    first.open();
    await ADVANCE(600);
    first.fail({ code: 4404, reason: 'no such server', told: true });
    await ADVANCE(0);
    expect(result.error).toMatchObject({ code: 4404 });
    expect(second.log).toEqual(['dial', 'quit']);
});

test('where all have failed the last failure is told, whatever it is', async () => {
    const [first, second] = [new Way('first'), new Way('second')];
    const result = start([[first], [second]]);
    first.fail(broken('first'));
    await ADVANCE(0);
    (second.fail as (error: unknown) => void)(new Error('no certificate'));
    await ADVANCE(0);
    expect(result.error).toEqual({ code: 1006, reason: 'no certificate', told: false });
});

test('without a way it fails', async () => {
    const result = start([[], []]);
    await ADVANCE(0);
    expect(result.error).toMatchObject({ code: 1006 });
});

test('a signal ends every try', async () => {
    const [first, second] = [new Way('first'), new Way('second')];
    const control = new AbortController();
    const result = start([[first], [second]], control.signal);
    await ADVANCE(600);
    control.abort('enough');
    await ADVANCE(0);
    expect(result.error).toBe('enough');
    expect(first.log).toEqual(['dial', 'quit']);
    expect(second.log).toEqual(['dial', 'quit']);
});
