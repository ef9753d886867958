/** A connection over WebTransport: lines of one stream, and envelopes in streams and datagrams of their own. */

import { broken, type End, endOf } from '../codes.js';
import type { ReadableStreamLike, WebTransportConstructor, WebTransportLike } from '../types.js';
import { DROPPED, type Link, NOBODY, type Sink } from './link.js';

/** How long what is written may take to arrive when we leave. */
const FAREWELL = 1_000;

type Writer = { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> };

export class WebTransportLink implements Link {
    readonly transport = 'webtransport';
    readonly opened: Promise<unknown>;
    unsent = 0;
    readonly #session: WebTransportLike;
    readonly #encoder = new TextEncoder();
    #writer: Promise<Writer> | undefined;
    /** Ends with the last line of the session stream. */
    #read: Promise<unknown> = Promise.resolve();

    constructor(
        Constructor: WebTransportConstructor,
        url: string,
        hashes: ArrayBuffer[],
        public sink: Sink,
    ) {
        const pinned = hashes.map((value) => ({ algorithm: 'sha-256', value }));
        this.#session = new Constructor(url, pinned.length ? { serverCertificateHashes: pinned } : {});
        this.opened = this.#session.ready;
        this.opened.catch(() => {});
        this.#session.closed.then(
            // BYE may still be in the stream.
            ({ closeCode, reason }) => this.#read.then(() => this.#end(endOf(closeCode ?? 0, reason ?? ''))),
            () => this.#read.then(() => this.#end(broken('the connection broke'))),
        );
    }

    begin(): void {
        this.#writer = this.#session.createBidirectionalStream().then((stream) => {
            this.#read = lines(stream.readable, (line) => this.sink.text(line, true)).then(
                // The relay says BYE before it ends the stream.
                () => this.#end(broken('the session stream ended')),
                () => {},
            );
            return stream.writable.getWriter();
        });
        // The relay sees the stream with its first bytes.
        this.send('');
        const session = this.#session;
        each(session.incomingUnidirectionalStreams, (stream) => {
            const parts: string[] = [];
            const decoder = new TextDecoder();
            each(stream, (chunk) => void parts.push(decoder.decode(chunk, { stream: true }))).then(
                () => this.sink.text(parts.join(''), false),
                () => {},
            );
        }).catch(() => {});
        each(session.datagrams.readable, (datagram) => this.sink.text(new TextDecoder().decode(datagram), false)).catch(
            () => {},
        );
    }

    send(text: string): void {
        const bytes = this.#encoder.encode(`${text}\n`);
        this.unsent += bytes.length;
        this.#writer
            ?.then((writer) => writer.write(bytes))
            .then(
                () => void (this.unsent -= bytes.length),
                () => this.#end(broken('the session stream broke')),
            );
    }

    leave(): void {
        this.sink = NOBODY;
        const close = () => this.#close(1000);
        if (!this.#writer) {
            return close();
        }
        // The relay closes the session once it has read everything.
        const timer = setTimeout(close, FAREWELL);
        this.#writer.then((writer) => writer.close()).catch(close);
        this.#session.closed.finally(() => clearTimeout(timer)).catch(() => {});
    }

    drop(): void {
        this.sink = NOBODY;
        this.#close(DROPPED);
    }

    #end(end: End): void {
        const sink = this.sink;
        this.drop();
        sink.end(end);
    }

    #close(closeCode: number): void {
        try {
            this.#session.close({ closeCode, reason: '' });
        } catch {
            // It is closed already.
        }
    }
}

async function each<T>(stream: ReadableStreamLike<T>, take: (value: T) => void): Promise<void> {
    const reader = stream.getReader();
    for (;;) {
        const { done, value } = await reader.read();
        if (done) {
            return;
        }
        take(value as T);
    }
}

async function lines(stream: ReadableStreamLike<Uint8Array>, take: (line: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let rest: string[] = [];
    await each(stream, (chunk) => {
        const [first, ...more] = decoder.decode(chunk, { stream: true }).split('\n');
        rest.push(first ?? '');
        for (const part of more) {
            const line = rest.join('');
            rest = [part];
            if (line) {
                take(line);
            }
        }
    });
}
