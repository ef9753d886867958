/** What the pages say to each other. It comes from other people's pages: each reader looks before it believes. */

import type { Transport } from '../src/types.js';
import type { Tally } from './tally.js';

/** Types of messages through the relay. */
export interface Messages {
    /** `by`: whose words the server passes on. */
    CHAT: { text: string; by?: string };
    /** By what this page has reached the relay, which tells nobody. */
    DEMO_STATE: { transport: Transport };
    DEMO_PING: { n: number };
    DEMO_PONG: { n: number };
    /** A number of a run, */
    DEMO_COUNT: { run: string; n: number };
    /** and what has come of that run so far. */
    DEMO_COUNTED: Tally;
    /** An example has arrived that was let pass. */
    DEMO_ARRIVED: { type: string };
}

/** What goes over a data channel. */
export type DirectMessage = { type: 'TEXT'; text: string } | { type: 'PING' | 'PONG'; n: number };

/** The types that the examples of a broken schema have. */
export type ExampleType = 'OFFER' | 'CANDIDATE' | 'CHAT';

/** By these an example is told from what browsers make: no browser names a session, or a fragment, so. */
export const EXAMPLE = 'example';

/**
 * Is this an example that its schema let pass? Nothing is to come of it. Each browser writes `s=-` in its descriptions.
 */
export function isExample(type: string, message: any): boolean {
    switch (type) {
        case 'OFFER':
        case 'ANSWER':
            return typeof message.sdp !== 'string' || !/\r\ns=-\r\n/.test(message.sdp);
        case 'CANDIDATE':
            return typeof message.candidate !== 'string' || message.usernameFragment === EXAMPLE;
        case 'CHAT':
            return typeof message.text !== 'string';
        default:
            return false;
    }
}

/** The longest that somebody can write into the chat. */
const LONGEST = 1000;
const isWord = (word: unknown): word is string => typeof word === 'string' && word.length <= 64;
const isText = (text: unknown): text is string => typeof text === 'string' && text.length <= LONGEST;
const areNumbers = (...numbers: unknown[]) => numbers.every(Number.isSafeInteger);

/**
 * Is this what a page of ours says through the relay? Nothing else is shown, or answered: an answer to it could be larger than
 * it was itself, and than the relay takes.
 */
export function isOurs(type: string, message: any): boolean {
    switch (type) {
        case 'CHAT':
            return isText(message.text) && (message.by === undefined || isWord(message.by));
        case 'DEMO_PING':
        case 'DEMO_PONG':
            return areNumbers(message.n);
        case 'DEMO_COUNT':
            return isWord(message.run) && areNumbers(message.n);
        case 'DEMO_COUNTED':
            return isWord(message.run) && areNumbers(message.last, message.arrived, message.missing, message.wrong);
        case 'DEMO_ARRIVED':
            return isWord(message.type);
        default:
            return false;
    }
}

/** And this past it? */
export function isOursDirectly(message: any): message is DirectMessage {
    return message?.type === 'TEXT'
        ? isText(message.text)
        : (message?.type === 'PING' || message?.type === 'PONG') && areNumbers(message.n);
}
