/**
 * What a session counts, keeps and waits for. It does no I/O and reads no clock: each call that depends on time takes
 * `now`, in milliseconds.
 */

import { type ErrorContext, IntercessorError } from './errors.js';
import type { Settle } from './receipt.js';
import type { Unconfirmed } from './types.js';

/** After so many envelopes, or so much text, or so long, the relay is told what was taken in. */
const ACK_MESSAGES = 32;
const ACK_SIZE = 16 * 1024;
const ACK_AFTER = 1_000;
/** After so many messages, or so much text, or a quarter of the bounds, the relay is asked how it all fared. */
const ASK_MESSAGES = 64;
const ASK_SIZE = 64 * 1024;
/** Within this time there is an answer: the relay acknowledges at the latest after ten seconds. */
const ANSWER_WITHIN = 15_000;
/** The same where there is a doubt, as after a sleep. */
const DOUBT = 5_000;
/** A timer that is so much too late means that the page was asleep, and so was what has come meanwhile. */
const ASLEEP = 2_000;
/** No type of the relay's, which answers at once that it knows none such. */
const QUESTION = 'PING';

/** An envelope as the relay writes it. */
export interface Envelope {
    from: string;
    type: string;
    message: any;
}

/** `resume` of a HELLO. */
export interface Offer {
    token: string;
    received?: number;
}

/** What waits is bounded by these, and silence by `keepAlive`. */
export interface Bounds {
    messages: number;
    size: number;
    keepAlive: number;
}

/** An envelope on its way out. */
interface Entry {
    /** Its `ref`, and greater than those before it. */
    serial: number;
    text: string;
    /** Where somebody sent it. What this client asks for itself has none. */
    settle?: Settle;
}

/** The state of one session after another: what is not yet written when one is lost is carried into the next. */
export class Session {
    /** Our own id; `undefined` where there is no session. */
    id: string | undefined;
    readonly #bounds: Bounds;
    #token: string | undefined;
    /** What was taken in and counts, and what of it the relay was not told of. */
    #received = 0;
    #unsaid = { messages: 0, size: 0, since: 0, now: false };
    /** What the relay is not known to have, in order. The first of it are written to the present connection, or were to the last. */
    #queue: Entry[] = [];
    #written = 0;
    #size = 0;
    /** How many the relay has before those, */
    #acknowledged = 0;
    /** and of them those that it may still refuse. */
    #unproven: Entry[] = [];
    #serial = 0;
    /** The serials of: the last whose outcome somebody waits for, the last whose outcome is known, the open question. */
    #wanted = 0;
    #proven = 0;
    #asked: number | undefined;
    #sinceAsked = { messages: 0, size: 0 };
    /** When the connection last gave a sign of life, after how much silence it is asked for one, and when it must give it. */
    #heard = 0;
    #keepAlive = Infinity;
    #deadline: number | undefined;
    #doubted = false;

    constructor(bounds: Bounds) {
        this.#bounds = bounds;
    }

    /** Can it go on after its connection broke? */
    get resumable(): boolean {
        return this.#token !== undefined;
    }

    /** The size of what the relay is not known to have. */
    get bufferedAmount(): number {
        return this.#size;
    }

    /** When the connection last gave a sign of life. */
    get heardAt(): number {
        return this.#heard;
    }

    /** Is there a place for this much more? */
    admits(size: number): boolean {
        const { messages, size: most } = this.#bounds;
        return this.#waiting < messages && (this.#size === 0 || this.#size + size <= most);
    }

    /** Is at most half of the bounds taken? */
    get roomy(): boolean {
        const { messages, size } = this.#bounds;
        return this.#waiting <= messages / 2 && this.#size <= size / 2;
    }

    get #waiting(): number {
        return this.#queue.length + this.#unproven.length - (this.#asked === undefined ? 0 : 1);
    }

    /** Queues an envelope. What is returned says that somebody waits for its outcome. */
    push(to: string, type: string, message: string, settle?: Settle): () => void {
        const serial = ++this.#serial;
        const head = `{"to":${JSON.stringify(to)},"type":${JSON.stringify(type)},"ref":"${serial}"`;
        const text = `${head},"message":${message}}`;
        this.#queue.push({ serial, text, ...(settle && { settle }) });
        this.#size += text.length;
        return () => {
            this.#wanted = Math.max(this.#wanted, serial);
        };
    }

    /** A session begins. `watched`: its transport notices a dead path by itself. */
    begin(id: string, offer: Offer | undefined, watched: boolean, now: number): void {
        this.id = id;
        this.#token = offer?.token;
        this.#received = 0;
        this.#acknowledged = 0;
        this.#connected(watched, now);
    }

    /** The session goes on. `false`: the relay claims what cannot be. */
    resume(offer: Offer, watched: boolean, now: number): boolean {
        this.#token = offer.token;
        const possible = this.#let(offer.received ?? 0);
        this.#connected(watched, now);
        // It proves to the relay that the new token has arrived.
        this.#unsaid.now = true;
        return possible;
    }

    #connected(watched: boolean, now: number): void {
        this.#unsaid = { messages: 0, size: 0, since: now, now: false };
        this.#written = 0;
        this.#keepAlive = watched ? Infinity : this.#bounds.keepAlive;
        this.#heard = now;
        this.#deadline = undefined;
        this.#doubted = false;
    }

    /** RESUME, for a new connection. */
    resumption(): string {
        return command('RESUME', { token: this.#token, received: this.#received });
    }

    /** What is to be written now. */
    take(now: number): string[] {
        const since = this.#sinceAsked;
        for (const { text } of this.#queue.slice(this.#written)) {
            since.messages += 1;
            since.size += text.length;
        }
        const { messages, size } = this.#bounds;
        const much =
            since.messages >= Math.min(ASK_MESSAGES, messages / 4) || since.size >= Math.min(ASK_SIZE, size / 4);
        if (much || this.#wanted > this.#proven) {
            this.#ask();
        }
        const texts = this.#queue.slice(this.#written).map(({ text }) => text);
        this.#written = this.#queue.length;
        if (texts.length > 0 && this.#awaitsWord()) {
            this.#deadline ??= now + ANSWER_WITHIN;
        }
        if (this.#ackDue(now)) {
            this.#unsaid = { messages: 0, size: 0, since: now, now: false };
            texts.unshift(command('ACK', { received: this.#received }));
        }
        return texts;
    }

    /** Takes in what came. Returns it, unless it is between the relay and this client. */
    receive(envelope: Envelope, ordered: boolean, size: number, now: number): Envelope | undefined {
        const { from, type, message } = envelope;
        const ofRelay = from === '0' ? type : '';
        if (ordered && !['HELLO', 'BYE', 'ACK'].includes(ofRelay)) {
            const unsaid = this.#unsaid;
            this.#received += 1;
            unsaid.since = unsaid.messages ? unsaid.since : now;
            unsaid.messages += 1;
            unsaid.size += size;
        }
        let internal = ofRelay === 'ACK';
        if (internal) {
            this.#let(message.received);
        } else if (ofRelay === 'ERROR') {
            internal = this.#refused(message);
        }
        this.heard(now);
        return internal ? undefined : envelope;
    }

    /** The connection has given a sign of life. */
    heard(now: number): void {
        this.#heard = now;
        this.#doubted = false;
        this.#deadline = this.#awaitsWord() ? now + ANSWER_WITHIN : undefined;
    }

    /** The connection may be dead: the relay has to answer soon. */
    doubt(now: number): void {
        if (this.#doubted) {
            return;
        }
        this.#doubted = true;
        this.#deadline = now + DOUBT;
        this.#asked = undefined;
        this.#ask();
    }

    /** Looks at the clock. `true`: the connection is dead, whatever the transport says. */
    tick(now: number): boolean {
        if (this.#deadline === undefined) {
            if (now >= this.#heard + this.#keepAlive) {
                this.#ask();
            }
        } else if (now >= this.#deadline) {
            if (this.#doubted || now < this.#deadline + ASLEEP) {
                return true;
            }
            this.doubt(now);
        }
        return false;
    }

    /** When to call {@link tick} and {@link take} at the latest. */
    get next(): number {
        const ack = this.resumable && this.#unsaid.messages ? this.#unsaid.since + ACK_AFTER : Infinity;
        return Math.min(ack, this.#deadline ?? this.#heard + this.#keepAlive);
    }

    /** The session is over: what may have been taken in or not is rejected, and returned. What was not written stays. */
    lose(): Unconfirmed[] {
        // They were taken in, and if one was refused the relay had no way to say so.
        this.#unproven.splice(0).forEach(({ settle }) => settle?.());
        const written = this.#queue.splice(0, this.#written);
        const lost = written.filter(({ settle }) => settle);
        this.#proven = Math.max(this.#proven, written.at(-1)?.serial ?? 0);
        this.#queue = this.#queue.filter(({ settle }) => settle);
        this.#size = this.#queue.reduce((size, { text }) => size + text.length, 0);
        this.#written = 0;
        this.#asked = undefined;
        this.#sinceAsked = { messages: 0, size: 0 };
        this.id = undefined;
        this.#token = undefined;
        return lost.map(({ text, settle }) => {
            const { to, type, message } = JSON.parse(text) as Unconfirmed;
            const detail = 'the session ended, and it is not known whether the relay had taken this message in';
            settle?.(new IntercessorError('SESSION_LOST', detail, { to, type }));
            return { to, type, message };
        });
    }

    /** Nothing will be sent any more. */
    fail(error: Error): void {
        [...this.#unproven.splice(0), ...this.#queue.splice(0)].forEach(({ settle }) => settle?.(error));
        this.#size = 0;
    }

    /** The relay has so many of ours: they need not be kept. */
    #let(received: number): boolean {
        const more = Math.max(0, received - this.#acknowledged);
        const taken = this.#queue.splice(0, more);
        this.#acknowledged += taken.length;
        this.#written = Math.max(0, this.#written - taken.length);
        for (const entry of taken) {
            this.#size -= entry.text.length;
            if (entry.settle) {
                this.#unproven.push({ ...entry, text: '' });
            }
        }
        return taken.length === more;
    }

    /** An ERROR: nothing that was sent before what it is about is refused any more. `true`: it is the answer to a question. */
    #refused({ code, detail, ...context }: ErrorContext & { code: string; detail: string }): boolean {
        const serial = Number(context.ref);
        if (!serial) {
            // The relay had no need of a login.
            return context.type === 'LOGIN';
        }
        const after = this.#queue.findIndex((entry) => entry.serial > serial);
        this.#let(this.#acknowledged + (after < 0 ? this.#queue.length : after));
        this.#proven = Math.max(this.#proven, serial);
        if (serial >= (this.#asked ?? Infinity)) {
            this.#asked = undefined;
        }
        let entry;
        while ((entry = this.#unproven[0]) && entry.serial <= serial) {
            this.#unproven.shift();
            entry.settle?.(entry.serial === serial ? new IntercessorError(code, detail, context) : undefined);
        }
        return context.to === '0' && context.type === QUESTION;
    }

    /** Has the relay something to say, whatever the other peers do? */
    #awaitsWord(): boolean {
        return this.#asked !== undefined || (this.resumable && this.#written > 0);
    }

    #ackDue(now: number): boolean {
        const { messages, size, since, now: at } = this.#unsaid;
        const due = messages >= ACK_MESSAGES || size >= ACK_SIZE || now >= since + ACK_AFTER;
        return this.resumable && (at || (messages > 0 && due));
    }

    /**
     * Asks the relay for an answer, which comes after all others. Browsers cannot send a ping, and what goes well has
     * no answer.
     */
    #ask(): void {
        if (this.#asked === undefined) {
            this.push('0', QUESTION, '{}');
            this.#asked = this.#serial;
            this.#sinceAsked = { messages: 0, size: 0 };
        }
    }
}

/** An envelope to the relay that does not count. */
export function command(type: string, message: object): string {
    return JSON.stringify({ to: '0', type, message });
}
