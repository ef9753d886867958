/** Chat: through the relay, or past it. */

import type { IntercessorError } from '../src/errors.js';
import type { Server } from '../src/peer.js';
import { byId, chosen, make } from './dom.js';
import { nameOf } from './people.js';
import type { Room } from './room.js';
import { short } from './words.js';

/** The lines that are kept. */
const KEPT = 200;

/** Lets people talk. */
export function showChat(room: Room): void {
    const lines = byId('lines');
    const text = byId<HTMLInputElement>('text');
    const direct = document.querySelector<HTMLInputElement>('input[name="path"][value="direct"]');
    const relay = document.querySelector<HTMLInputElement>('input[name="path"][value="relay"]');
    const empty = make('li', { className: 'empty', textContent: 'Nothing said yet.' });
    lines.append(empty);

    const add = (words: string, note: string, own: boolean): HTMLElement => {
        empty.remove();
        // Whoever reads further up is left there.
        const follows = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 8;
        const line = make('li', { className: own ? 'own' : '' }, words, make('small', { textContent: note }));
        lines.append(line);
        while (lines.childElementCount > KEPT) {
            lines.firstElementChild?.remove();
        }
        if (own || follows) {
            lines.scrollTop = lines.scrollHeight;
        }
        return line;
    };
    const note = (line: HTMLElement, words: string) => {
        const small = line.querySelector('small');
        if (small) {
            small.textContent = words;
        }
    };

    byId<HTMLFormElement>('say').onsubmit = (event) => {
        event.preventDefault();
        const words = text.value.trim();
        if (!words) {
            return;
        }
        text.value = '';
        if (chosen('path') === 'direct') {
            const reached = [...room.others.values()].filter(({ channel }) => channel);
            reached.forEach((other) => other.tell({ type: 'TEXT', text: words }));
            const all = reached.length === room.others.size;
            add(words, all ? 'you, direct' : `you, direct to ${reached.length} of ${room.others.size}`, true);
            return;
        }
        const line = add(words, 'you, on the way to the relay', true);
        const receipt = room.isServer
            ? (room.peer as Server).broadcast('CHAT', { text: words })
            : room.peer.send([...room.others.keys()][0] ?? '', 'CHAT', { text: words });
        receipt.then(
            () => note(line, 'you, through the relay'),
            (error: unknown) => {
                const { code, message, errors = [] } = error as IntercessorError;
                line.classList.add('refused');
                note(line, `${code}: ${[message, ...errors.map(({ detail }) => detail)].join(' ')}`);
            },
        );
    };

    room.events.on('heard', ({ from, type, message }) => {
        if (type !== 'CHAT') {
            return;
        }
        if (room.isServer) {
            add(message.text, `${nameOf(room, from)}, through the relay`, false);
            (room.peer as Server).broadcast('CHAT', { text: message.text, by: from.id });
        } else if (message.by !== room.peer.id) {
            const name = message.by === undefined ? nameOf(room, from) : `Client ${short(message.by)}`;
            add(message.text, `${name}, through the relay`, false);
        }
    });
    room.events.on('heardDirectly', ({ from, message }) => {
        if (message.type === 'TEXT') {
            add(message.text, `${nameOf(room, from)}, direct`, false);
        }
    });
    const update = () => {
        const open = [...room.others.values()].some(({ channel }) => channel);
        if (direct && relay && direct.disabled === open) {
            direct.disabled = !open;
            relay.checked ||= !open;
        }
    };
    room.events.on('changed', update);
    room.events.on('gone', update);
}
