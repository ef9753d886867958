/** A connection to the relay over whatever transport: texts of envelopes in and out, and an end. */

import type { End } from '../codes.js';
import type { Transport } from '../types.js';

/** What a link tells. */
export interface Sink {
    /** An envelope. `ordered`: it came on the ordered lane, where envelopes are counted. */
    text(text: string, ordered: boolean): void;
    /** It is over. Nothing comes after this, and it comes once. */
    end(end: End): void;
}

/** One connection. */
export interface Link {
    readonly transport: Transport;
    /** Rejects where there will be no connection. */
    readonly opened: Promise<unknown>;
    /** What was given to `send` and is not yet on its way. */
    readonly unsent: number;
    /** Who is told. */
    sink: Sink;
    /** Begins the session, where the handshake alone does not. */
    begin(): void;
    send(text: string): void;
    /** Ends it cleanly, when everything is sent: the session is over. */
    leave(): void;
    /** Breaks it, so that the session may be resumed. */
    drop(): void;
}

/** A close code that no side takes for a clean end. */
export const DROPPED = 4000;

/** Tells nobody. */
export const NOBODY: Sink = { text: () => {}, end: () => {} };
