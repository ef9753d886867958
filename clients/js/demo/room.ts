/** Who is here, and what they say: the same for the server's page and for a client's. */

import { Emitter } from '../src/emitter.js';
import type { Client, Server } from '../src/peer.js';
import type { Opened, Transport } from '../src/types.js';
import { type DirectMessage, isExample, isOurs, isOursDirectly, type Messages } from './messages.js';
import { transportName } from './words.js';

/** Another peer. */
export class Other {
    /** By what it has reached the relay, once it has said so. */
    transport: Transport | undefined;
    /** The way past the relay, while it is open. */
    channel: RTCDataChannel | undefined;

    constructor(readonly id: string) {}

    /** Says something past the relay. */
    tell(message: DirectMessage): void {
        if (this.channel?.readyState === 'open') {
            this.channel.send(JSON.stringify(message));
        }
    }
}

/** What a message type brings. */
type Heard = { [K in keyof Messages]: { from: Other; type: K; message: Messages[K] } }[keyof Messages];

/** What is told of a room. */
export interface RoomEvents {
    /** A session has begun, with another id than before. */
    began: Opened;
    joined: Other;
    gone: Other;
    /** Something about a peer, or about our own connection, is not as it was. */
    changed: undefined;
    heard: Heard;
    heardDirectly: { from: Other; message: DirectMessage };
    /** An example that was let pass. */
    example: { from: Other; type: string; message: object };
}

/** This page's place in a room of the relay. */
export class Room {
    readonly events = new Emitter<RoomEvents>();
    readonly others = new Map<string, Other>();
    /** Is there a connection? */
    connected = true;
    /** Is it over? */
    ended = false;

    constructor(readonly peer: Server<any> | Client<any>) {
        peer.on('open', (opened) => this.begin(opened));
        peer.on('reconnecting', () => this.#connection(false));
        peer.on('resumed', () => {
            this.#connection(true);
            this.others.forEach((other) => this.#introduce(other));
        });
        peer.on('peerJoined', ({ id }) => this.#join(id));
        peer.on('peerGone', ({ id }) => this.#leave(id));
        peer.on('close', () => {
            this.ended = true;
            [...this.others.keys()].forEach((id) => this.#leave(id));
            this.#connection(false);
        });
        peer.on('message', ({ from, type, message }) => {
            const other = this.others.get(from);
            if (!other) {
                return;
            }
            if (isExample(type, message)) {
                this.events.emit('example', { from: other, type, message });
            } else if (type === 'DEMO_STATE') {
                other.transport = transportName(message.transport) ? message.transport : undefined;
                this.events.emit('changed', undefined);
            } else if (isOurs(type, message)) {
                this.events.emit('heard', { from: other, type, message } as Heard);
            }
        });
    }

    /** Are we the server? */
    get isServer(): boolean {
        return !('serverId' in this.peer);
    }

    /** Sends a message through the relay. */
    send<K extends keyof Messages>(other: Other, type: K, message: Messages[K]) {
        return this.peer.send(other.id, type, message);
    }

    /** A session begins. */
    begin(opened: Opened): void {
        this.#connection(true);
        this.events.emit('began', opened);
        if ('serverId' in this.peer) {
            this.#leave(this.peer.serverId);
            this.#join(this.peer.serverId);
        }
    }

    /** Takes what has come past the relay. */
    takeDirectly(from: Other, text: unknown): void {
        try {
            const message: unknown = JSON.parse(String(text));
            if (isOursDirectly(message)) {
                this.events.emit('heardDirectly', { from, message });
            }
        } catch {
            // No page of ours says that.
        }
    }

    #connection(connected: boolean): void {
        this.connected = connected;
        this.events.emit('changed', undefined);
    }

    #join(id: string): void {
        const other = new Other(id);
        this.others.set(id, other);
        this.events.emit('joined', other);
        this.#introduce(other);
    }

    #leave(id: string): void {
        const other = this.others.get(id);
        if (other) {
            this.others.delete(id);
            this.events.emit('gone', other);
        }
    }

    #introduce(other: Other): void {
        if (this.peer.transport) {
            this.send(other, 'DEMO_STATE', { transport: this.peer.transport });
        }
    }
}
