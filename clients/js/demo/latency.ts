/** How long a message takes to another peer and back, through the relay and past it. */

import { byId, make } from './dom.js';
import { median, MINUTE, plot, type Sample } from './plot.js';
import { nameOf } from './people.js';
import type { Other, Room } from './room.js';
import { milliseconds } from './words.js';

const EVERY = 1_000;

/** Round trips over one path. */
class Path {
    samples: Sample[] = [];
    readonly #under = new Map<number, number>();
    #n = 0;

    /** Numbers a ping that is sent now. */
    begin(now: number): number {
        this.#n += 1;
        this.#under.set(this.#n, now);
        return this.#n;
    }

    /** It has come back. `false`: it is none of ours. */
    end(n: number, now: number): boolean {
        const began = this.#under.get(n);
        if (began === undefined) {
            return false;
        }
        this.#under.delete(n);
        this.samples.push({ at: now, time: now - began });
        return true;
    }

    forget(now: number): void {
        this.samples = this.samples.filter(({ at }) => now - at < MINUTE);
        for (const [n, began] of this.#under) {
            if (now - began > MINUTE) {
                this.#under.delete(n);
            }
        }
    }

    clear(): void {
        this.samples = [];
        this.#under.clear();
    }
}

/** Measures and plots. Gives the peer that was chosen for it. */
export function showLatency(room: Room): () => Other | undefined {
    const paths = { relay: new Path(), direct: new Path() };
    const select = byId<HTMLSelectElement>('target');
    const target = () => room.others.get(select.value);

    const show = () => {
        const now = performance.now();
        for (const [name, path] of Object.entries(paths)) {
            path.forget(now);
            const last = path.samples.at(-1);
            const middle = median(path.samples);
            byId(`${name}-now`).textContent = last ? milliseconds(last.time) : '–';
            byId(`${name}-median`).textContent = `median ${middle === undefined ? '–' : milliseconds(middle)}`;
        }
        plot(byId('plot'), [paths.relay.samples, paths.direct.samples], now);
    };
    const options = () => {
        const before = select.value;
        select.replaceChildren(
            ...[...room.others.values()].map((other) =>
                make('option', { value: other.id, textContent: nameOf(room, other) }),
            ),
        );
        select.value = room.others.has(before) ? before : ([...room.others.keys()][0] ?? '');
        byId('target-label').hidden = room.others.size < 2;
        if (select.value !== before) {
            Object.values(paths).forEach((path) => path.clear());
        }
        show();
    };
    select.onchange = () => {
        Object.values(paths).forEach((path) => path.clear());
        show();
    };
    room.events.on('joined', options);
    room.events.on('gone', options);
    room.events.on('heard', ({ from, type, message }) => {
        if (type === 'DEMO_PING') {
            room.send(from, 'DEMO_PONG', { n: message.n });
        } else if (type === 'DEMO_PONG' && from === target() && paths.relay.end(message.n, performance.now())) {
            show();
        }
    });
    room.events.on('heardDirectly', ({ from, message }) => {
        if (message.type === 'PING') {
            from.tell({ type: 'PONG', n: message.n });
        } else if (message.type === 'PONG' && from === target() && paths.direct.end(message.n, performance.now())) {
            show();
        }
    });
    show();
    setInterval(() => {
        const other = target();
        if (other) {
            const now = performance.now();
            if (room.connected) {
                room.send(other, 'DEMO_PING', { n: paths.relay.begin(now) });
            }
            if (other.channel) {
                other.tell({ type: 'PING', n: paths.direct.begin(now) });
            }
        }
        show();
    }, EVERY);
    return target;
}
