/** Peers: what an application has in its hands. */

import { Emitter, type ListenOptions } from './emitter.js';
import { IntercessorError } from './errors.js';
import { Inbox, UNREAD } from './inbox.js';
import { Receipt } from './receipt.js';
import { type Hello, Runner } from './runner.js';
import { command, type Envelope } from './session.js';
import type {
    AnyMessages,
    ClientOptions,
    Closed,
    IceServer,
    Message,
    MessageMap,
    Opened,
    PeerEvents,
    PeerOptions,
    ServerOptions,
    Transport,
    TypeOf,
    Unconfirmed,
} from './types.js';
import { onWake } from './wake.js';

/** How {@link Peer.messages} are read. */
export interface ReadOptions {
    /** Ends the reading with the signal's reason. */
    signal?: AbortSignal;
    /** How many messages may wait to be read. Default 1024. Over it the reader gets an `UNREAD` error. */
    limit?: number;
}

/** What servers and clients have in common. Made by {@link connectServer} and {@link connectClient}. */
export abstract class Peer<M extends MessageMap<M> = AnyMessages> implements AsyncIterable<Message<M>> {
    /** Fulfils with the first session. Rejects where there never is one. */
    readonly opened: Promise<Opened>;
    /** Fulfils when the peer has ended for good. Never rejects. */
    readonly closed: Promise<Closed>;

    readonly #events = new Emitter<PeerEvents<M>>();
    readonly #runner: Runner;
    readonly #inboxes = new Set<Inbox<Message<M>>>();
    #waiters: (() => void)[] = [];
    #unconfirmed: Unconfirmed[] = [];
    #previousId: string | undefined;
    #transport: Transport | undefined;
    #iceServers: IceServer[] = [];
    #ended: IntercessorError | undefined;
    #asking = false;

    protected constructor(path: string, options: PeerOptions, login: () => Promise<string | undefined>) {
        this.#runner = new Runner(path, options, {
            login,
            opened: (hello, transport) => this.#opened(hello, transport),
            resumed: (hello, transport) => this.#resumed(hello, transport),
            lost: (id, unconfirmed) => {
                this.#previousId = id;
                this.#unconfirmed.push(...unconfirmed);
                this.onLost();
            },
            reconnecting: (event) => this.#events.emit('reconnecting', event),
            envelope: (envelope) => this.#arrived(envelope),
            moved: () => this.#moved(),
        });
        const { signal } = options;
        let failure: unknown;
        const abort = () => {
            failure = signal?.reason;
            this.#runner.stop({ code: 1000, reason: 'aborted' });
        };
        const stopListening = onWake((changed) => this.#runner.wake(changed));
        this.closed = Promise.resolve()
            .then(() => (signal?.aborted ? abort() : signal?.addEventListener('abort', abort)))
            .then(() => this.#runner.run())
            .catch((error: unknown) => {
                // The passphrase is not to be had.
                failure = error;
                return { code: 4401, reason: String((error as Error | undefined)?.message ?? error) };
            })
            .then((closed) => {
                stopListening();
                signal?.removeEventListener('abort', abort);
                this.#end(closed);
                return closed;
            });
        this.opened = new Promise((resolve, reject) => {
            this.on('open', resolve, { once: true });
            this.closed.then(() => reject(failure ?? this.#ended));
        });
        this.opened.catch(() => {});
    }

    /** Our own id, while there is a session: what a server hands out. */
    get id(): string | undefined {
        return this.#runner.session.id;
    }

    /** `open` while there is a connection. */
    get state(): 'connecting' | 'open' | 'reconnecting' | 'closed' {
        if (this.#ended) {
            return 'closed';
        }
        return this.#runner.connected ? 'open' : this.#transport ? 'reconnecting' : 'connecting';
    }

    /** What carries the present connection, or carried the last one. */
    get transport(): Transport | undefined {
        return this.#transport;
    }

    /** The servers for ICE that the relay told last. */
    get iceServers(): IceServer[] {
        return this.#iceServers;
    }

    /** The size of what was sent and the relay is not known to have, in UTF-16 code units. */
    get bufferedAmount(): number {
        return this.#runner.session.bufferedAmount;
    }

    /** Adds a listener. What is returned removes it. */
    on<K extends keyof PeerEvents<M>>(
        name: K,
        listener: (event: PeerEvents<M>[K]) => void,
        options?: ListenOptions,
    ): () => void {
        return this.#events.on(name, listener, options);
    }

    /** The next event of this name. Rejects when the peer ends before, or with the signal's reason. */
    once<K extends keyof PeerEvents<M>>(name: K, { signal }: { signal?: AbortSignal } = {}): Promise<PeerEvents<M>[K]> {
        return new Promise((resolve, reject) => {
            const abort = () => done(() => reject(signal?.reason));
            const done = (settle: () => void) => {
                off();
                offClose();
                signal?.removeEventListener('abort', abort);
                settle();
            };
            const off = this.on(name, (event) => done(() => resolve(event)));
            const offClose = this.on('close', () => done(() => reject(this.#ended)));
            if (signal?.aborted) {
                abort();
            }
            signal?.addEventListener('abort', abort);
            if (this.#ended) {
                done(() => reject(this.#ended));
            }
        });
    }

    /**
     * Sends a message to a peer. From one sender to one recipient messages arrive in the order in which they are sent; there is no
     * need to wait for one before the next. Where there is no connection the message waits for it.
     *
     * What arrives is the message as `JSON.stringify` writes it.
     */
    send<K extends TypeOf<M>>(to: string, type: K, message: M[K]): Receipt {
        return this.post(to, type, message);
    }

    /** Fulfils when at most half of the bounds in `limits` is taken, so that a sender of much may go on. */
    async drained(): Promise<void> {
        while (!this.#ended && !this.#runner.session.roomy) {
            await new Promise<void>((resolve) => this.#waiters.push(resolve));
        }
        if (this.#ended) {
            throw this.#ended;
        }
    }

    /** Every message from now on, until the peer ends. */
    messages({ signal, limit = UNREAD }: ReadOptions = {}): AsyncIterableIterator<Message<M>> {
        const abort = () => inbox.end(signal?.reason);
        const inbox = new Inbox<Message<M>>(limit, () => {
            this.#inboxes.delete(inbox);
            signal?.removeEventListener('abort', abort);
        });
        this.#inboxes.add(inbox);
        signal?.addEventListener('abort', abort);
        if (this.#ended) {
            inbox.end();
        } else if (signal?.aborted) {
            abort();
        }
        return inbox;
    }

    [Symbol.asyncIterator](): AsyncIterableIterator<Message<M>> {
        return this.messages();
    }

    /** Leaves. What was written arrives; what waits for a connection is rejected with `CLOSED`. */
    close(): Promise<Closed> {
        this.#runner.stop({ code: 1000, reason: 'left' });
        return this.closed;
    }

    /** @internal */
    protected post(to: string, type: string, message: object): Receipt {
        const text = JSON.stringify(message);
        const { receipt, settle } = Receipt.make(() => {
            wanted();
            this.#ask();
        });
        let wanted = () => {};
        const { session } = this.#runner;
        if (!text?.startsWith('{')) {
            settle(new TypeError('a message is a JSON object'));
        } else if (this.#ended) {
            settle(this.#ended);
        } else if (!session.admits(text.length)) {
            const detail = 'too much waits to be sent: wait for drained(), or give higher limits';
            settle(new IntercessorError('QUEUE_FULL', detail, { to, type }));
        } else {
            wanted = session.push(to, type, text, settle);
            this.#runner.flush();
        }
        return receipt;
    }

    /** @internal Another session begins, or none. */
    protected onLost(): void {}

    /** @internal An envelope of the relay's own. */
    protected onRelay({ type, message }: Envelope): void {
        if (type === 'PEER_GONE') {
            this.#events.emit('peerGone', { id: message.id });
        } else if (type === 'PEER_JOINED') {
            this.#events.emit('peerJoined', { id: message.id });
        }
    }

    /** Somebody waits for an outcome: the relay is asked, once for all that are sent in one go. */
    #ask(): void {
        if (!this.#asking) {
            this.#asking = true;
            setTimeout(() => {
                this.#asking = false;
                this.#runner.flush();
            });
        }
    }

    #opened(hello: Hello, transport: Transport): void {
        this.#transport = transport;
        this.#iceServers = hello.iceServers ?? [];
        const opened: Opened = { id: hello.id, transport, unconfirmed: this.#unconfirmed };
        if (this.#previousId !== undefined) {
            opened.previousId = this.#previousId;
        }
        if ('serverInfo' in hello) {
            opened.serverInfo = hello.serverInfo;
        }
        if (hello.iceServers) {
            opened.iceServers = hello.iceServers;
        }
        this.#unconfirmed = [];
        this.#events.emit('open', opened);
    }

    #resumed(hello: Hello, transport: Transport): void {
        this.#transport = transport;
        this.#renew(hello.iceServers);
        this.#events.emit('resumed', { transport });
    }

    #renew(iceServers: IceServer[] | undefined): void {
        if (iceServers && JSON.stringify(iceServers) !== JSON.stringify(this.#iceServers)) {
            this.#iceServers = iceServers;
            this.#events.emit('iceServers', iceServers);
        }
    }

    #arrived(envelope: Envelope): void {
        const { from, type, message } = envelope;
        if (from !== '0') {
            const arrived = { from, type, message } as Message<M>;
            this.#events.emit('message', arrived);
            this.#inboxes.forEach((inbox) => inbox.put(arrived));
        } else if (type === 'ERROR') {
            const { code, detail, ...context } = message;
            this.#events.emit('error', new IntercessorError(code, detail, context));
        } else if (type === 'ICE_SERVERS') {
            this.#renew(message.iceServers);
        } else {
            this.onRelay(envelope);
        }
    }

    #moved(): void {
        if (this.#waiters.length > 0 && this.#runner.session.roomy) {
            this.#waiters.splice(0).forEach((resolve) => resolve());
        }
    }

    #end(closed: Closed): void {
        const { code, reason } = closed;
        const detail = `the peer has ended: ${code}${reason && ` ${reason}`}`;
        this.#ended = new IntercessorError(code === 1006 ? 'UNREACHABLE' : 'CLOSED', detail, { closeCode: code });
        this.#runner.session.lose();
        this.#runner.session.fail(this.#ended);
        this.#waiters.splice(0).forEach((resolve) => resolve());
        this.#events.emit('close', closed);
        [...this.#inboxes].forEach((inbox) => inbox.end());
    }
}

/** A server: it has an id that it hands out, and clients that come with it. */
export class Server<M extends MessageMap<M> = AnyMessages> extends Peer<M> {
    readonly #clients = new Set<string>();

    /** @internal */
    constructor(options: ServerOptions) {
        super('/server', options, async () => {
            const passphrase = options.getPassphrase ? await options.getPassphrase() : options.passphrase;
            const { name } = options;
            return passphrase === undefined
                ? undefined
                : command('LOGIN', { passphrase, ...(name !== undefined && { name }) });
        });
    }

    /** The ids of the clients that are here. */
    get clients(): ReadonlySet<string> {
        return this.#clients;
    }

    /** Sends a message to all clients. Where there is none that is no error. */
    broadcast<K extends TypeOf<M>>(type: K, message: M[K]): Receipt {
        return this.post('*', type, message);
    }

    /** Sends a client away, which sees close code 4403 and the reason. It is no ban: it may come back. */
    kick(id: string, reason?: string): Receipt {
        return this.post('0', 'KICK', { id, ...(reason !== undefined && { reason }) });
    }

    /** @internal */
    protected override onRelay(envelope: Envelope): void {
        const { type, message } = envelope;
        if (type === 'PEER_JOINED') {
            this.#clients.add(message.id);
        } else if (type === 'PEER_GONE') {
            this.#clients.delete(message.id);
        }
        super.onRelay(envelope);
    }

    /** @internal Its clients have lost their server, and nobody is left to say that they went. */
    protected override onLost(): void {
        for (const id of this.#clients) {
            this.onRelay({ from: '0', type: 'PEER_GONE', message: { id } });
        }
    }
}

/** A client of one server. */
export class Client<M extends MessageMap<M> = AnyMessages> extends Peer<M> {
    /** Whose client it is. */
    readonly serverId: string;

    /** @internal */
    constructor(options: ClientOptions) {
        super(`/client/${encodeURIComponent(options.serverId)}`, options, async () => undefined);
        this.serverId = options.serverId;
    }
}

/**
 * Connects as a server. Returns at once: listen to `open`, or wait for `opened`.
 *
 * @throws IntercessorError `NO_TRANSPORT` where there is neither WebSocket nor WebTransport.
 */
export function connectServer<M extends MessageMap<M> = AnyMessages>(options: ServerOptions): Server<M> {
    return new Server(options);
}

/**
 * Connects as a client of a server. Returns at once: listen to `open`, or wait for `opened`.
 *
 * @throws IntercessorError `NO_TRANSPORT` where there is neither WebSocket nor WebTransport.
 */
export function connectClient<M extends MessageMap<M> = AnyMessages>(options: ClientOptions): Client<M> {
    return new Client(options);
}
