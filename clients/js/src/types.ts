/** What users of the client give and get. */

import type { IntercessorError } from './errors.js';

/**
 * The types of messages and what they hold, as in `{ CHAT: { text: string } }`. What arrives is what another peer
 * sent, held to the relay's schemas: the types here are a promise of yours, not a check.
 */
export type MessageMap<M> = { [K in keyof M]: object };

/** The map of who does not say what the messages are. */
export type AnyMessages = Record<string, any>;

/** The name of a message type. */
export type TypeOf<M> = keyof M & string;

/** A message that arrived. */
export type Message<M> = {
    [K in TypeOf<M>]: {
        /** Who sent it. */
        from: string;
        /** Its type. */
        type: K;
        /** What it holds. */
        message: M[K];
    };
}[TypeOf<M>];

/** One of the servers for ICE, as `RTCPeerConnection` takes it. */
export interface IceServer {
    /** `stun:…` and `turn:…`. */
    urls: string | string[];
    /** For TURN. */
    username?: string;
    /** For TURN. */
    credential?: string;
}

/** How envelopes travel. */
export type Transport = 'webtransport' | 'websocket';

/** A session has begun. */
export interface Opened {
    /** Our own id, which a server hands out. */
    id: string;
    /** The id that we had before, where that session could not be resumed: nobody knows us by it any more. */
    previousId?: string;
    /** How the relay was reached. */
    transport: Transport;
    /** Whatever the relay's configuration tells every peer. */
    serverInfo?: unknown;
    /** Servers for ICE, where the relay has some. */
    iceServers?: IceServer[];
    /** What was sent in the session before, and may have been delivered or not. */
    unconfirmed: Unconfirmed[];
}

/** A message of which it is not known whether the relay took it in. */
export interface Unconfirmed {
    to: string;
    type: string;
    message: object;
}

/** The relay is not connected, and will be tried again. */
export interface Reconnecting {
    /** The how manieth try in a row this will be; the first is 1. */
    attempt: number;
    /** How long until then, in milliseconds. */
    delay: number;
    /** Why the last one failed or ended: a close code, 1006 where there was none. */
    code: number;
    /** The same in words, where there are any. */
    reason: string;
}

/** The end of a peer. */
export interface Closed {
    /** The close code; 1000 where it was our own doing, 1006 where the relay was not reached. */
    code: number;
    /** The same in words. */
    reason: string;
}

/** What `on` can be asked for, with what its listeners get. */
export interface PeerEvents<M> {
    /** A session has begun: the first, or a new one in place of one that could not be resumed. */
    open: Opened;
    /** Another peer's message. */
    message: Message<M>;
    /** A client has joined. Servers only. */
    peerJoined: { id: string };
    /** A client has left; for a client: its server has. */
    peerGone: { id: string };
    /** The relay refused an envelope. What {@link Receipt} is it? The one that rejects with the same error. */
    error: IntercessorError;
    /** The connection is gone, and the relay will be tried again. */
    reconnecting: Reconnecting;
    /** The session goes on, over a new connection. Nothing was lost. */
    resumed: { transport: Transport };
    /** Fresh servers for ICE, before the credentials of the last ones run out. */
    iceServers: IceServer[];
    /** The peer has ended for good. Nothing comes after this. */
    close: Closed;
}

/** Bounds of what waits. */
export interface Limits {
    /** Messages that the relay has not taken in. Default 1024. */
    messages?: number;
    /** Their size in UTF-16 code units. Default 1048576. One message alone may be larger. */
    size?: number;
}

/** A constructor of WebSockets, as browsers, Node.js 22 and the package `ws` have it. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** What is used of a WebSocket. */
export interface WebSocketLike {
    readonly readyState: number;
    readonly bufferedAmount: number;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    send(data: string): void;
    close(code?: number, reason?: string): void;
}

/** A constructor of WebTransport sessions. */
export type WebTransportConstructor = new (
    url: string,
    options?: { serverCertificateHashes?: { algorithm: string; value: ArrayBuffer }[] },
) => WebTransportLike;

/** What is used of a WebTransport session. */
export interface WebTransportLike {
    readonly ready: Promise<unknown>;
    readonly closed: Promise<{ closeCode?: number; reason?: string }>;
    readonly incomingUnidirectionalStreams: ReadableStreamLike<ReadableStreamLike<Uint8Array>>;
    readonly datagrams: { readonly readable: ReadableStreamLike<Uint8Array> };
    createBidirectionalStream(): Promise<{
        readonly readable: ReadableStreamLike<Uint8Array>;
        readonly writable: {
            getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> };
        };
    }>;
    close(info?: { closeCode?: number; reason?: string }): void;
}

/** What is used of a readable stream. */
export interface ReadableStreamLike<T> {
    getReader(): { read(): Promise<{ done: boolean; value?: T }>; cancel(reason?: unknown): Promise<void> };
}

/** Where the transport that worked is remembered: `sessionStorage`, `localStorage` or the like. */
export interface Memory {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
}

/** What servers and clients have in common. */
export interface PeerOptions {
    /**
     * The relay. `https://…` or `http://…`: it is asked which transports it has, and the best that works is used.
     * `wss://…` or `ws://…`: this WebSocket, and nothing else is tried.
     */
    url: string;
    /** Ends the peer when it aborts. */
    signal?: AbortSignal;
    /** Which transports may be used. Default: both. */
    transports?: Transport[];
    /**
     * Have every message arrive in order? Default `false`: types that the relay's configuration delivers
     * `independent` or by `datagram` arrive so over WebTransport, are not held up by others, and may be lost when a
     * connection breaks.
     */
    ordered?: boolean;
    /** Bounds of what waits to be sent. */
    limits?: Limits;
    /** How long a handshake, and then the relay's HELLO, may take, in milliseconds. Default 10000. */
    connectTimeout?: number;
    /** How long WebSocket waits for WebTransport, in milliseconds. Default 500. */
    headStart?: number;
    /** After how much silence the relay is asked whether it is still there, in milliseconds. Default 25000. */
    keepAlive?: number;
    /** How long the relay may be out of reach until the peer ends, in milliseconds. Default: `Infinity`. */
    giveUpAfter?: number;
    /** Remembers for ten minutes which transport worked, beyond this page. Default: as long as the page lives. */
    memory?: Memory;
    /** Default: the global one. */
    WebSocket?: WebSocketConstructor;
    /** Default: the global one, where the browser's is known to work. One that is given is used without a look at that. */
    WebTransport?: WebTransportConstructor;
    /** For the discovery document. Default: the global one. */
    fetch?: (
        url: string,
        init: { signal: AbortSignal; cache: 'no-store' },
    ) => Promise<{
        ok: boolean;
        json(): Promise<unknown>;
    }>;
}

/** Options of a server. */
export interface ServerOptions extends PeerOptions {
    /** The passphrase. Without one the relay must let everyone be a server. */
    passphrase?: string;
    /** Asked for the passphrase at every login, in place of `passphrase`. */
    getPassphrase?: () => string | Promise<string>;
    /** The name that the relay's configuration has for the passphrase. */
    name?: string;
}

/** Options of a client. */
export interface ClientOptions extends PeerOptions {
    /** The id that the server handed out. */
    serverId: string;
}
