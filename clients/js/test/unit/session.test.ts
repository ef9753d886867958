import { describe, expect, test } from 'vitest';
import { Session } from '../../src/session.js';

const BOUNDS = { messages: 200, size: 10_000, keepAlive: 25_000 };

function begun({ resumable = true, watched = false } = {}): Session {
    const session = new Session(BOUNDS);
    session.begin('me', resumable ? { token: 'first' } : undefined, watched, 0);
    return session;
}

/** Takes in so many messages of another peer. */
function receive(session: Session, count: number, now: number, size = 10): void {
    for (let n = 0; n < count; n += 1) {
        session.receive({ from: 'you', type: 'T', message: {} }, true, size, now);
    }
}

function relay(type: string, message: object) {
    return { from: '0', type, message };
}

/** Sends a message and tells how it fares. */
function send(session: Session, n: number): { outcome: unknown; want: () => void } {
    const sent: { outcome: unknown; want: () => void } = { outcome: 'open', want: () => {} };
    sent.want = session.push('you', 'T', JSON.stringify({ n }), (error) => (sent.outcome = error ?? 'taken'));
    return sent;
}

const read = (texts: string[]) => texts.map((text) => JSON.parse(text));
const types = (texts: string[]) => read(texts).map(({ type }) => type);

describe('what is taken in', () => {
    test('is acknowledged after 32 envelopes', () => {
        const session = begun();
        receive(session, 31, 10);
        expect(session.take(10)).toEqual([]);
        receive(session, 1, 10);
        expect(read(session.take(10))).toEqual([{ to: '0', type: 'ACK', message: { received: 32 } }]);
        expect(session.take(10)).toEqual([]);
    });

    test('is acknowledged after 16 KiB', () => {
        const session = begun();
        receive(session, 1, 10, 16 * 1024);
        expect(types(session.take(10))).toEqual(['ACK']);
    });

    test('is acknowledged after a second, which is when the session wants to be called', () => {
        const session = begun();
        receive(session, 2, 500);
        expect(session.next).toBe(1_500);
        expect(session.take(1_499)).toEqual([]);
        expect(read(session.take(1_500))[0].message).toEqual({ received: 2 });
    });

    test('counts unless it is HELLO, BYE or ACK, or came beside the ordered lane', () => {
        const session = begun();
        session.receive(relay('ERROR', { code: 'UNKNOWN_PEER', detail: '' }), true, 1, 0);
        session.receive(relay('PEER_JOINED', { id: 'x' }), true, 1, 0);
        session.receive({ from: 'you', type: 'T', message: {} }, false, 1, 0);
        session.receive(relay('ACK', { received: 0 }), true, 1, 0);
        session.receive(relay('BYE', { code: 1001 }), true, 1, 0);
        expect(JSON.parse(session.resumption()).message).toEqual({ token: 'first', received: 2 });
    });

    test('is not acknowledged where the session cannot be resumed', () => {
        const session = begun({ resumable: false });
        receive(session, 100, 0);
        expect(session.take(5_000)).toEqual([]);
    });
});

describe('what is sent', () => {
    test('is sent again after a break, but for what the relay has', () => {
        const session = begun();
        for (let n = 0; n < 5; n += 1) {
            send(session, n);
        }
        expect(session.take(0)).toHaveLength(5);
        send(session, 5);
        expect(session.resume({ token: 'second', received: 3 }, false, 100)).toBe(true);
        const [ack, ...again] = read(session.take(100));
        expect(ack).toEqual({ to: '0', type: 'ACK', message: { received: 0 } });
        expect(again.map(({ message }) => message.n)).toEqual([3, 4, 5]);
        expect(JSON.parse(session.resumption()).message.token).toBe('second');
    });

    test('cannot be more for the relay than it was', () => {
        const session = begun();
        send(session, 0);
        session.take(0);
        expect(session.resume({ token: 'second', received: 2 }, false, 0)).toBe(false);
    });

    test('makes room when it is acknowledged, and its outcome stays open', () => {
        const session = begun();
        const first = send(session, 0);
        session.take(0);
        expect(session.bufferedAmount).toBeGreaterThan(0);
        session.receive(relay('ACK', { received: 1 }), true, 1, 0);
        expect(session.bufferedAmount).toBe(0);
        expect(first.outcome).toBe('open');
    });

    test('is asked about where somebody waits for it, and was taken when that is answered', () => {
        const session = begun();
        const first = send(session, 0);
        first.want();
        const [, question] = read(session.take(0));
        expect(question).toMatchObject({ to: '0', type: 'PING' });
        expect(session.take(0)).toEqual([]);
        const answer = { code: 'UNKNOWN_TYPE', detail: '', to: '0', type: 'PING', ref: question.ref };
        expect(session.receive(relay('ERROR', answer), true, 1, 0)).toBeUndefined();
        expect(first.outcome).toBe('taken');
    });

    test('is rejected by the ERROR about it, which proves those before', () => {
        const session = begun();
        const [first, second, third] = [send(session, 0), send(session, 1), send(session, 2)];
        const [, { ref }] = read(session.take(0));
        session.receive(relay('ACK', { received: 3 }), true, 1, 0);
        const error = { code: 'SCHEMA_VIOLATION', detail: 'no', to: 'you', type: 'T', ref };
        expect(session.receive(relay('ERROR', error), true, 1, 0)).toBeDefined();
        expect(first?.outcome).toBe('taken');
        expect(second?.outcome).toMatchObject({ code: 'SCHEMA_VIOLATION', message: 'no', to: 'you' });
        expect(third?.outcome).toBe('open');
    });

    test('is asked about after 64 messages, so that nothing is kept for ever', () => {
        const session = new Session({ ...BOUNDS, messages: 1_000, size: 100_000 });
        session.begin('me', { token: 'first' }, false, 0);
        for (let n = 0; n < 63; n += 1) {
            send(session, n);
            expect(types(session.take(0))).toEqual(['T']);
        }
        send(session, 63);
        expect(types(session.take(0))).toEqual(['T', 'PING']);
    });

    test('is asked about after a quarter of the bounds, also where all of it waited for a connection', () => {
        const session = new Session({ ...BOUNDS, messages: 8 });
        send(session, 0);
        send(session, 1);
        session.begin('me', { token: 'first' }, false, 0);
        expect(types(session.take(0))).toEqual(['T', 'T', 'PING']);
    });

    test('has bounds in messages and in size, and one message always has a place', () => {
        const session = new Session({ ...BOUNDS, messages: 2, size: 100 });
        expect(session.admits(1_000)).toBe(true);
        send(session, 0);
        expect(session.admits(1_000)).toBe(false);
        expect(session.admits(10)).toBe(true);
        send(session, 1);
        expect(session.admits(10)).toBe(false);
    });
});

describe('a session that is lost', () => {
    test('tells what may have been delivered, and carries on with what was not written', () => {
        const session = begun();
        const [taken, unsure] = [send(session, 0), send(session, 1)];
        session.take(0);
        session.receive(relay('ACK', { received: 1 }), true, 1, 0);
        const waiting = send(session, 2);
        expect(session.lose()).toEqual([{ to: 'you', type: 'T', message: { n: 1 } }]);
        expect(taken?.outcome).toBe('taken');
        expect(unsure?.outcome).toMatchObject({ code: 'SESSION_LOST' });
        expect(waiting.outcome).toBe('open');
        expect(session.id).toBeUndefined();
        session.begin('other', { token: 'x' }, false, 0);
        expect(read(session.take(0)).map(({ message }) => message.n)).toEqual([2]);
    });

    test('leaves nothing behind when the peer has ended', () => {
        const session = begun();
        const sent = send(session, 0);
        session.fail(new Error('over'));
        expect(sent.outcome).toEqual(new Error('over'));
        expect(session.bufferedAmount).toBe(0);
    });
});

describe('silence', () => {
    test('ends in a question, and without an answer in the end of the connection', () => {
        const session = begun();
        expect(session.next).toBe(25_000);
        expect(session.tick(25_000)).toBe(false);
        expect(types(session.take(25_000))).toEqual(['PING']);
        expect(session.next).toBe(40_000);
        expect(session.tick(39_999)).toBe(false);
        expect(session.tick(40_000)).toBe(true);
    });

    test('after a question is not accepted either where the session cannot be resumed', () => {
        const session = begun({ resumable: false });
        send(session, 0).want();
        expect(types(session.take(0))).toEqual(['T', 'PING']);
        expect(session.tick(15_000)).toBe(true);
    });

    test('is no matter where the transport watches over it', () => {
        const session = begun({ watched: true });
        expect(session.next).toBe(Infinity);
    });

    test('is not accepted after something was sent that the relay acknowledges', () => {
        const session = begun();
        send(session, 0);
        session.take(1_000);
        expect(session.next).toBe(16_000);
        session.receive(relay('ACK', { received: 1 }), true, 1, 9_000);
        expect(session.next).toBe(34_000);
    });

    test('of a page that slept is no end yet', () => {
        const session = begun();
        send(session, 0);
        session.take(0);
        expect(session.tick(3_600_000)).toBe(false);
        expect(types(session.take(3_600_000))).toEqual(['PING']);
        expect(session.tick(3_605_000)).toBe(true);
    });

    test('where there is a doubt has to end soon', () => {
        const session = begun();
        session.doubt(1_000);
        session.doubt(2_000);
        expect(types(session.take(2_000))).toEqual(['PING']);
        expect(session.next).toBe(6_000);
        session.heard(3_000);
        expect(session.tick(6_000)).toBe(false);
    });
});
