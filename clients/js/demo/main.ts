/** The page of `demo: true`. Without a fragment it is a server's, with `#SERVER_ID` a client's. */

import { type Client, connectClient, connectServer, IntercessorError, type Server } from '../src/index.js';
import type { Opened, Reconnecting } from '../src/types.js';
import { showChat } from './chat.js';
import { showCounting } from './counting.js';
import { connectDirectly } from './direct.js';
import { byId, tell } from './dom.js';
import { showInvite } from './invite.js';
import { showLatency } from './latency.js';
import { Lines } from './lines.js';
import { Media } from './media.js';
import { showPeople } from './people.js';
import { showPicture } from './picture.js';
import { Room } from './room.js';
import { showSchema } from './schema.js';
import { endInWords, milliseconds, outOfReach, transportName } from './words.js';

/** So many tries in vain are no chance any more. */
const PATIENT = 3;
/** How long WebSocket waits for WebTransport, in milliseconds: a page to show both is not in a hurry. */
const HEAD_START = 2_000;
/** Refusals that another try does not mend. */
const FOR_GOOD = ['UNKNOWN_TYPE', 'FORBIDDEN_TYPE', 'SCHEMA_VIOLATION'];

const serverId = fragment();
const relay = { url: location.origin, headStart: HEAD_START };
const form = byId<HTMLFormElement>('start');
const passphrase = byId<HTMLInputElement>('passphrase');
const become = byId<HTMLButtonElement>('become');
const needsPassphrase = document.documentElement.dataset.servers !== 'open';

addEventListener('hashchange', () => location.reload());
byId('again-button').onclick = () => location.reload();
byId('passphrase-field').hidden = !needsPassphrase;
passphrase.required = needsPassphrase;
form.onsubmit = (event) => {
    event.preventDefault();
    become.disabled = true;
    const lines = new Lines();
    const login = needsPassphrase ? { passphrase: passphrase.value } : {};
    follow(() => connectServer<any>({ ...relay, ...login, ...lines.options() }), lines);
};
if (serverId) {
    document.title = 'A client – Intercessor';
    form.hidden = true;
    const lines = new Lines();
    follow(() => connectClient<any>({ ...relay, serverId, ...lines.options() }), lines);
}

/** Connects a peer, and shows how it fares. */
function follow(connect: () => Server<any> | Client<any>, lines: Lines): void {
    tell(byId('problem'), '');
    state('connecting', 'Connecting');
    let peer: Server<any> | Client<any>;
    try {
        peer = connect();
    } catch (error) {
        ended((error as IntercessorError).message, false);
        return;
    }
    let began = false;
    peer.on('open', (opened) => {
        state('open', `Connected over ${transportName(opened.transport)}`);
        tell(byId('problem'), '');
        if (!began) {
            began = true;
            begin(peer, lines, opened);
        }
    });
    peer.on('resumed', ({ transport }) => {
        state('open', `Resumed over ${transportName(transport)}`);
        tell(byId('problem'), '');
    });
    peer.on('reconnecting', (event) => reconnecting(event, began, lines));
    peer.on('close', (closed) => ended(endInWords(closed), began));
}

/** The first session has begun: from now on there is a room. */
function begin(peer: Server<any> | Client<any>, lines: Lines, opened: Opened): void {
    const room = new Room(peer);
    form.hidden = true;
    // The button that had the focus is gone.
    byId('h-hero').focus();
    document.body.classList.add('connected');
    byId('me').hidden = false;
    byId('cards').hidden = false;
    byId('invite').hidden = !room.isServer;
    // With the invitation there is an odd number of cards.
    byId('direct').classList.toggle('wide', room.isServer);
    const notice = byId('notice');
    peer.on('resumed', () => tell(notice, ''));
    room.events.on('began', ({ id, previousId }) => {
        const anew = 'The session could not be resumed, so you have another id now.';
        tell(notice, previousId === undefined ? '' : room.isServer ? `${anew} Hand the new link out.` : anew);
        byId('h-hero').textContent = room.isServer ? 'You are the server.' : 'You are a client.';
        byId('me').textContent = room.isServer
            ? `Your id is ${id}. It is the right to join you: hand the link out.`
            : `Your id is ${id}. The relay gives what you send to your server alone, which passes the chat on to all.`;
        if (room.isServer) {
            document.title = 'The server – Intercessor';
        }
    });
    if (room.isServer) {
        showInvite(room);
    }
    showPicture(room);
    showPeople(room);
    showChat(room);
    const target = showLatency(room);
    showCounting(room, lines, target);
    const isExampleUnderWay = showSchema(room, target);
    const media = new Media(room);
    connectDirectly(room, {
        connection: (other, connection) => media.connection(other, connection),
        failed: (error) => {
            if (!isExampleUnderWay()) {
                tell(notice, `The direct path: ${(error as Error).message}`);
            }
        },
    });
    peer.on('error', ({ code, type, message }) => {
        // Others pass: who has just left, or is slow.
        if (type?.startsWith('DEMO_') && FOR_GOOD.includes(code)) {
            tell(notice, `This relay refuses ${type}, which parts of this page need: ${message}`);
        }
    });
    room.begin(opened);
}

function reconnecting({ attempt, delay, code, reason }: Reconnecting, began: boolean, lines: Lines): void {
    const why = code === 1006 || !reason ? '' : `: ${reason} (${code})`;
    state(
        'reconnecting',
        `${began ? 'Reconnecting' : 'Connecting'}, attempt ${attempt} in ${milliseconds(delay)}${why}`,
    );
    if (attempt >= PATIENT && code === 1006 && !lines.areCut) {
        const only = lines.choice === 'auto' ? undefined : lines.choice;
        tell(byId('problem'), outOfReach(location.origin, only));
    }
}

/** It is over. A login that failed may be tried again in place. */
function ended(words: string, began: boolean): void {
    state('closed', 'Closed');
    tell(byId('problem'), words);
    become.disabled = false;
    const here = !began && !serverId;
    byId('again').hidden = here;
    byId('invite').hidden = true;
    if (here) {
        passphrase.select();
        passphrase.focus();
    }
}

function state(name: string, text: string): void {
    byId('state').dataset.state = name;
    byId('state-text').textContent = text;
}

/** The server's id, where there is one: as it was handed out, or as a chat program has mangled it. */
function fragment(): string {
    const raw = location.hash.slice(1);
    try {
        return decodeURIComponent(raw);
    } catch {
        return raw;
    }
}
