/** Who is here. */

import type { Server } from '../src/peer.js';
import { byId, make } from './dom.js';
import type { Other, Room } from './room.js';
import { short, transportName } from './words.js';

/** Lists the other peers, with a way for the server to send one away. */
export function showPeople(room: Room): void {
    const list = byId('peers');
    const nobody = byId('nobody');
    const rows = new Map<Other, { row: HTMLElement; update(): void }>();
    if (!room.isServer) {
        nobody.textContent = 'The server is not here.';
    }
    const show = () => {
        nobody.hidden = rows.size > 0;
        rows.forEach(({ update }) => update());
    };
    room.events.on('joined', (other) => {
        const transport = make('span', { className: 'pill' });
        const direct = make('span', { className: 'pill' });
        const row = make('li', {}, make('b', { textContent: nameOf(room, other), title: other.id }), transport, direct);
        if (room.isServer) {
            const kick = make('button', { type: 'button', textContent: 'Kick' });
            kick.setAttribute('aria-label', `Kick ${short(other.id)}`);
            kick.onclick = () => (room.peer as Server).kick(other.id);
            row.append(kick);
        }
        const update = () => {
            const name = transportName(other.transport);
            mark(transport, name !== '', name || 'joining');
            mark(direct, other.channel !== undefined, other.channel ? 'direct' : 'relay only');
        };
        rows.set(other, { row, update });
        list.append(row);
        show();
    });
    room.events.on('gone', (other) => {
        rows.get(other)?.row.remove();
        rows.delete(other);
        show();
    });
    room.events.on('changed', show);
}

/** What a peer is called on this page. */
export function nameOf(room: Room, other: Other): string {
    return room.isServer ? `Client ${short(other.id)}` : 'The server';
}

function mark(pill: HTMLElement, on: boolean, text: string): void {
    pill.dataset.state = on ? 'on' : 'off';
    pill.textContent = text;
}
