/** Numbers under which the connection is cut: what the relay promises can be counted. */

import { byId, chosen, make, tell } from './dom.js';
import { type Choice, Lines } from './lines.js';
import type { Other, Room } from './room.js';
import { count, type Tally } from './tally.js';

const EVERY = 100;
const CELLS = 60;
/** Cells in front of the newest that are emptied. */
const AHEAD = 4;
const CUT_FOR = 2_000;

/** Counts, cuts, and chooses the transport to come back over. */
export function showCounting(room: Room, lines: Lines, target: () => Other | undefined): void {
    const button = byId<HTMLButtonElement>('count');
    const cut = byId<HTMLButtonElement>('cut');
    const cells = Array.from({ length: CELLS }, () => make('i'));
    byId('cells').append(...cells);
    let timer: ReturnType<typeof setInterval> | undefined;
    let to: Other | undefined;
    let run = '';
    let sent = 0;
    let known = 0;

    const cell = (n: number) => cells[(n - 1) % CELLS] as HTMLElement;
    const show = ({ arrived, missing, wrong }: Pick<Tally, 'arrived' | 'missing' | 'wrong'>) => {
        byId('arrived').textContent = String(arrived);
        byId('missing').textContent = String(missing);
        byId('wrong').textContent = String(wrong);
        showWaiting();
    };
    const showWaiting = () => {
        byId('sent').textContent = String(sent);
        byId('waiting').textContent = String(sent - known);
    };
    const stop = () => {
        clearInterval(timer);
        timer = undefined;
        button.setAttribute('aria-pressed', 'false');
    };
    const start = () => {
        to = target();
        if (!to) {
            return;
        }
        const other = to;
        run = Math.random().toString(36).slice(2);
        sent = 0;
        known = 0;
        cells.forEach((one) => delete one.dataset.state);
        show({ arrived: 0, missing: 0, wrong: 0 });
        button.setAttribute('aria-pressed', 'true');
        timer = setInterval(() => {
            sent += 1;
            cell(sent).dataset.state = 'sent';
            for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
                delete cell(sent + ahead).dataset.state;
            }
            room.send(other, 'DEMO_COUNT', { run, n: sent });
            showWaiting();
        }, EVERY);
    };
    button.onclick = () => (timer ? stop() : start());
    cut.onclick = () => {
        if (!timer) {
            start();
        }
        lines.cut(CUT_FOR);
    };
    showTarget();
    for (const event of ['joined', 'gone'] as const) {
        room.events.on(event, showTarget);
    }
    function showTarget() {
        button.disabled = room.others.size === 0;
        if (to && room.others.get(to.id) !== to) {
            stop();
        }
    }

    const tallies = new Map<Other, Tally>();
    room.events.on('gone', (other) => tallies.delete(other));
    room.events.on('heard', ({ from, type, message }) => {
        if (type === 'DEMO_COUNT') {
            const tally = count(tallies.get(from), message);
            tallies.set(from, tally);
            room.send(from, 'DEMO_COUNTED', tally);
        } else if (type === 'DEMO_COUNTED' && from === to && message.run === run && message.last <= sent) {
            for (let n = Math.max(known + 1, sent - CELLS + 1 + AHEAD); n <= message.last; n += 1) {
                cell(n).dataset.state = 'arrived';
            }
            known = Math.max(known, message.last);
            show(message);
        }
    });

    let resumes = 0;
    const resumed = byId('resumed');
    room.peer.on('resumed', () => {
        resumes += 1;
        resumed.dataset.state = 'on';
        resumed.textContent = resumes === 1 ? 'Resumed once' : `Resumed ${resumes} times`;
    });
    chooseTransport(lines);
}

function chooseTransport(lines: Lines): void {
    if (!Lines.webTransport) {
        const radio = document.querySelector<HTMLInputElement>('input[name="transport"][value="webtransport"]');
        if (radio) {
            radio.disabled = true;
        }
        tell(
            byId('transport-hint'),
            isSecureContext
                ? 'This browser has no WebTransport that works: WebSocket carries everything.'
                : 'WebTransport is for secure pages only (https, or this machine itself): WebSocket carries everything.',
        );
    }
    document.querySelectorAll<HTMLInputElement>('input[name="transport"]').forEach((radio) => {
        radio.onchange = () => {
            lines.choice = chosen('transport') as Choice;
            lines.cut(0);
        };
    });
}
