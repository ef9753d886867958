/** The picture of server, relay and client, whose ways are lit while they are in use. */

import { byId } from './dom.js';
import type { Room } from './room.js';
import { short, transportName } from './words.js';

/** How long a way moves after something went over it. */
const BUSY = 900;

/** Draws who is connected how. */
export function showPicture(room: Room): void {
    const own = room.isServer ? 'server' : 'client';
    const far = room.isServer ? 'client' : 'server';
    byId(`node-${own}`).classList.add('self');
    byId(`name-${own}`).textContent = 'you';
    byId('node-relay').classList.add('here');

    const show = () => {
        const others = [...room.others.values()];
        const [first] = others;
        const transports = [...new Set(others.map(({ transport }) => transportName(transport)).filter(Boolean))];
        const direct = others.filter(({ channel }) => channel).length;
        const transport = transportName(room.peer.transport);
        const offline = room.ended ? 'not connected' : 'reconnecting';
        way(own, room.connected ? 'lit' : room.ended ? '' : 'lost', room.connected ? transport : offline);
        way(far, first && room.connected ? 'lit' : '', first ? transports.join(', ') || 'joining' : 'not connected');
        way('direct', direct > 0 ? 'lit' : '', direct > 0 ? 'direct: WebRTC' : 'no direct path yet');
        byId(`node-${far}`).classList.toggle('here', first !== undefined);
        const name = others.length > 1 ? `${others.length} clients` : first && short(first.id);
        byId(`name-${far}`).textContent = name ?? 'nobody yet';
        byId('picture-title').textContent =
            `You are the ${own}, ${room.connected ? `connected over ${transport}` : offline}; ` +
            `${name === undefined ? `no ${far} is here` : `${name} here, ${transports.join(', ') || 'joining'}`}; ` +
            (direct > 0 ? 'the direct path is open' : 'there is no direct path');
    };
    for (const event of ['began', 'joined', 'gone', 'changed'] as const) {
        room.events.on(event, show);
    }
    room.events.on('heard', ({ type }) => {
        if (type === 'CHAT' || type === 'DEMO_COUNT' || type === 'DEMO_COUNTED') {
            move('server');
            move('client');
        }
    });
    room.events.on('heardDirectly', ({ message }) => message.type === 'TEXT' && move('direct'));
}

function way(name: string, state: string, text: string): void {
    for (const element of [byId(`edge-${name}`), byId(`label-${name}`)]) {
        element.classList.toggle('lit', state === 'lit');
        element.classList.toggle('lost', state === 'lost');
    }
    byId(`label-${name}`).textContent = text;
}

const rests = new Map<string, ReturnType<typeof setTimeout>>();

function move(name: string): void {
    const edge = byId(`edge-${name}`);
    edge.classList.add('busy');
    clearTimeout(rests.get(name));
    rests.set(
        name,
        setTimeout(() => edge.classList.remove('busy'), BUSY),
    );
}
