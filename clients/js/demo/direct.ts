/** The path past the relay: a connection with each other peer, with a data channel. */

import type { Client, Server } from '../src/peer.js';
import { negotiate } from '../src/webrtc.js';
import { byId } from './dom.js';
import { isExample } from './messages.js';
import type { Other, Room } from './room.js';

/** What the direct connections tell. */
export interface Hooks {
    /** A connection begins: tracks may be added to it. */
    connection(other: Other, connection: RTCPeerConnection): void;
    /** What goes wrong. */
    failed(error: unknown): void;
}

/** Connects with whoever is here. */
export function connectDirectly(room: Room, hooks: Hooks): void {
    const pill = byId('channel');
    if (typeof RTCPeerConnection === 'undefined') {
        pill.textContent = 'This browser has no WebRTC';
        return;
    }
    const show = () => {
        const open = [...room.others.values()].filter(({ channel }) => channel).length;
        pill.dataset.state = open > 0 ? 'on' : 'off';
        const word = open > 0 ? 'open' : room.others.size > 0 ? 'connecting' : 'closed';
        pill.textContent = open > 1 ? `Data channels: ${open} open` : `Data channel: ${word}`;
    };
    const peer = withoutExamples(room.peer);
    room.events.on('joined', (other) => {
        const { connection } = negotiate(peer, other.id, { onError: hooks.failed });
        const attach = (channel: RTCDataChannel) => {
            channel.onopen = () => {
                other.channel = channel;
                room.events.emit('changed', undefined);
            };
            channel.onclose = () => {
                other.channel = undefined;
                room.events.emit('changed', undefined);
            };
            channel.onmessage = ({ data }) => room.takeDirectly(other, data);
        };
        if (room.isServer) {
            attach(connection.createDataChannel('demo'));
        } else {
            connection.addEventListener('datachannel', ({ channel }) => attach(channel), { once: true });
        }
        hooks.connection(other, connection);
    });
    for (const event of ['joined', 'gone', 'changed'] as const) {
        room.events.on(event, show);
    }
}

/** The same peer, which does not hear the examples of this page: they would be taken for a real description. */
function withoutExamples<P extends Server<any> | Client<any>>(peer: P): P {
    const on = (name: 'message', listener: (event: any) => void, options?: object) =>
        peer.on(
            name,
            (event: any) => {
                if (name !== 'message' || !isExample(event.type, event.message)) {
                    listener(event);
                }
            },
            options,
        );
    return new Proxy(peer, {
        get(target, name) {
            if (name === 'on') {
                return on;
            }
            const value = Reflect.get(target, name, target);
            return typeof value === 'function' ? value.bind(target) : value;
        },
    });
}
