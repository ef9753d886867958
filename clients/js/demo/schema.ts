/** A message that breaks its schema, and what the relay says to it. */

import type { IntercessorError, Violation } from '../src/errors.js';
import { byId, chosen, make } from './dom.js';
import { EXAMPLE, type ExampleType, isExample } from './messages.js';
import { locate } from './pointer.js';
import type { Other, Room } from './room.js';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=example\r\nt=0 0\r\n';
const CANDIDATE = 'candidate:1 1 udp 2113937151 192.0.2.1 9 typ host';

/** A message that breaks its schema in several ways, and one that meets it. */
const EXAMPLES: Record<ExampleType, { broken: object; mended: object }> = {
    OFFER: {
        // As a description of the other side, trimmed.
        broken: { type: 'answer', sdp: SDP.trim() },
        mended: { type: 'offer', sdp: SDP },
    },
    CANDIDATE: {
        broken: {
            candidate: CANDIDATE.replace('candidate:', ''),
            sdpMid: 0,
            sdpMLineIndex: -1,
            usernameFragment: EXAMPLE,
        },
        mended: { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: EXAMPLE },
    },
    CHAT: {
        broken: { txt: 'hello' },
        mended: { text: 'hello' },
    },
};

/** Lets people send what the relay refuses. Gives whether such a message is under way. */
export function showSchema(room: Room, target: () => Other | undefined): () => boolean {
    const form = byId<HTMLFormElement>('try');
    const text = byId<HTMLTextAreaElement>('json');
    const send = byId<HTMLButtonElement>('send-json');
    const mend = byId<HTMLButtonElement>('mend');
    const spoil = byId<HTMLButtonElement>('spoil');
    const verdict = new Verdict(byId('verdict'));
    let underWay = 0;

    const kind = () => chosen('kind') as ExampleType;
    const fill = (which: 'broken' | 'mended') => {
        text.value = JSON.stringify(EXAMPLES[kind()][which], null, 2);
        mend.hidden = which === 'mended';
        spoil.hidden = which === 'broken';
    };
    fill('broken');
    document.querySelectorAll<HTMLInputElement>('input[name="kind"]').forEach((radio) => {
        radio.onchange = () => fill('broken');
    });
    mend.onclick = () => fill('mended');
    spoil.onclick = () => fill('broken');

    form.onsubmit = async (event) => {
        event.preventDefault();
        const other = target();
        const type = kind();
        const written = text.value;
        let message: unknown;
        try {
            message = JSON.parse(written);
        } catch (error) {
            verdict.refused('This is no JSON, so it was not sent.', (error as Error).message, written, []);
            return;
        }
        if (typeof message !== 'object' || message === null || Array.isArray(message)) {
            verdict.refused(
                'A message is a JSON object, so it was not sent.',
                'It begins with { and ends with }.',
                written,
                [],
            );
            return;
        }
        if (!other) {
            return;
        }
        underWay += 1;
        verdict.waiting(type);
        try {
            await room.peer.send(other.id, type, message);
            verdict.passed(type, written, type === 'CHAT' && !isExample(type, message));
        } catch (error) {
            const { code, message: detail, errors = [] } = error as IntercessorError;
            verdict.refused(code, detail, written, errors);
        } finally {
            underWay -= 1;
        }
    };
    const update = () => {
        send.disabled = room.others.size === 0;
        byId('try-hint').hidden = room.others.size > 0;
    };
    update();
    room.events.on('joined', update);
    room.events.on('gone', update);
    room.events.on('example', ({ from, type }) => room.send(from, 'DEMO_ARRIVED', { type }));
    room.events.on('heard', ({ type, message }) => {
        if (type === 'DEMO_ARRIVED') {
            verdict.arrived(message.type);
        }
    });
    return () => underWay > 0;
}

/** What has become of the last message. */
class Verdict {
    readonly #place: HTMLElement;
    /** The other side may have it before the relay has said that it let it pass. */
    #arrived = '';

    constructor(place: HTMLElement) {
        this.#place = place;
    }

    waiting(type: string): void {
        this.#arrived = '';
        this.#show('', make('p', { className: 'empty', textContent: `The ${type} is on the way to the relay.` }));
    }

    refused(code: string, detail: string, written: string, violations: Violation[]): void {
        const list = violations.map(({ path, keyword, detail }) =>
            make(
                'li',
                {},
                make('span', {}, make('code', { textContent: path || 'the message' }), ` breaks ${keyword}`),
                detail,
            ),
        );
        this.#show(
            'bad',
            make('p', { className: 'code', textContent: code }),
            make('p', { textContent: sentence(detail) }),
            ...(list.length > 0 ? [make('ul', { className: 'violations' }, ...list)] : []),
            marked(written, violations),
        );
    }

    /** The relay took it in; `said`: and the other side shows it in its chat. */
    passed(type: string, written: string, said: boolean): void {
        const note = make('p', { className: 'muted' });
        note.dataset.note = said ? 'said' : type;
        this.#show(
            'good',
            make('p', { className: 'code', textContent: 'Let pass' }),
            make('p', {
                textContent: `The relay took this ${type} in: it meets its schema, or the relay has none for ${type}.`,
            }),
            note,
            marked(written, []),
        );
        this.#note();
    }

    arrived(type: string): void {
        this.#arrived = type;
        this.#note();
    }

    #note(): void {
        const note = this.#place.querySelector<HTMLElement>('[data-note]');
        if (note?.dataset.note === this.#arrived) {
            note.textContent = 'The other side has it.';
        } else if (note) {
            note.textContent =
                note.dataset.note === 'said'
                    ? 'It is in the chat of the other side.'
                    : 'The other side has not said yet that it has it.';
        }
    }

    #show(kind: string, ...children: Node[]): void {
        this.#place.className = `verdict ${kind}`;
        this.#place.replaceChildren(...children);
    }
}

/** A message as it was sent, with what is wrong in it marked. */
function marked(written: string, violations: Violation[]): HTMLElement {
    const pre = make('pre');
    let at = 0;
    if (violations.length > 0) {
        const ranges = locate(written);
        const found = violations.flatMap(({ path }) => (path === '' ? [] : (ranges.get(path) ?? [])));
        found.sort((a, b) => a.start - b.start);
        for (const { start, end } of found) {
            if (start >= at) {
                pre.append(written.slice(at, start), make('mark', { textContent: written.slice(start, end) }));
                at = end;
            }
        }
    }
    pre.append(written.slice(at));
    return pre;
}

function sentence(text: string): string {
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
