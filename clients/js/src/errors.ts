/** What can go wrong, as one kind of error with a code to tell by. */

/** What the relay answers about an envelope that was not delivered. */
export type RelayErrorCode =
    | 'RATE_LIMITED'
    | 'INVALID_ENVELOPE'
    | 'RESERVED_TYPE'
    | 'UNKNOWN_TYPE'
    | 'FORBIDDEN_TYPE'
    | 'TOO_LARGE'
    | 'SCHEMA_VIOLATION'
    | 'UNKNOWN_PEER'
    | 'TOO_SLOW';

/**
 * What this client says itself:
 *
 * - `CLOSED`: the peer has ended, see `closeCode`;
 * - `SESSION_LOST`: it is not known whether the relay took the message in, because the session could not be resumed;
 * - `QUEUE_FULL`: too much waits to be sent, see `Limits`;
 * - `UNREAD`: too many messages wait in an iterator that nobody reads;
 * - `NO_TRANSPORT`: there is neither WebSocket nor WebTransport here;
 * - `UNREACHABLE`: the relay could not be reached within `giveUpAfter`.
 */
export type ClientErrorCode = 'CLOSED' | 'SESSION_LOST' | 'QUEUE_FULL' | 'UNREAD' | 'NO_TRANSPORT' | 'UNREACHABLE';

/** One thing that a schema does not allow. */
export interface Violation {
    /** JSON pointer into `message`. */
    path: string;
    /** The keyword of JSON Schema. */
    keyword: string;
    /** One sentence. */
    detail: string;
}

/** What an error is about, where that is known. */
export interface ErrorContext {
    /** The close code, where the peer ended. */
    closeCode?: number;
    /** The recipient of the envelope. */
    to?: string;
    /** The type of the envelope. */
    type?: string;
    /** What tells the envelope from others. */
    ref?: string;
    /** With `SCHEMA_VIOLATION`: what to mend. */
    errors?: Violation[];
}

/** An error of the relay or of this client. `message` is a plain sentence. */
export class IntercessorError extends Error implements ErrorContext {
    override readonly name = 'IntercessorError';
    readonly closeCode?: number;
    readonly to?: string;
    readonly type?: string;
    readonly ref?: string;
    readonly errors?: Violation[];

    /** `code` is what a program tells errors apart by; codes of a later relay are possible. */
    constructor(
        readonly code: RelayErrorCode | ClientErrorCode | (string & {}),
        message: string,
        context: ErrorContext = {},
    ) {
        super(message);
        Object.assign(this, context);
    }
}
