/** Video from browser to browser. */

import { byId, make, tell } from './dom.js';
import { movingPicture, standsStillWhenHidden } from './moving.js';
import { nameOf } from './people.js';
import type { Other, Room } from './room.js';
import { short } from './words.js';

type Kind = 'picture' | 'camera';

const NOT_SECURE =
    'A camera is for secure pages only: https, or this machine itself. docs/demo.md has a configuration for a phone.';
const REFUSALS: Record<string, string> = {
    NotAllowedError: 'The browser, or you, did not allow the camera.',
    NotFoundError: 'There is no camera here. The moving picture needs none.',
    NotReadableError: 'The camera is in use by another program.',
};

/** Our own video, and the tiles of everybody's. */
export class Media {
    readonly #room: Room;
    readonly #connections = new Map<Other, { connection: RTCPeerConnection; sender?: RTCRtpSender | undefined }>();
    readonly #tiles = new Map<Other | undefined, HTMLElement>();
    readonly #buttons: Record<Kind, HTMLButtonElement>;
    /** What tells the others that our tracks belong together: whatever is shown, it is one video of ours to them. */
    readonly #outgoing = new MediaStream();
    /** Counts what was chosen: a camera that is allowed only afterwards comes too late. */
    #turn = 0;
    #kind: Kind | undefined;
    #stream: MediaStream | undefined;
    #stop = () => {};

    constructor(room: Room) {
        this.#room = room;
        this.#buttons = {
            picture: byId<HTMLButtonElement>('show-picture'),
            camera: byId<HTMLButtonElement>('show-camera'),
        };
        for (const kind of ['picture', 'camera'] as const) {
            this.#buttons[kind].onclick = () => void this.#choose(this.#kind === kind ? undefined : kind);
        }
        if (!navigator.mediaDevices) {
            this.#buttons.camera.disabled = true;
            this.#hint(NOT_SECURE);
        }
        room.peer.on('close', () => {
            this.#turn += 1;
            this.#end();
        });
        room.events.on('gone', (other) => {
            this.#connections.delete(other);
            this.#show(other, undefined);
        });
    }

    /** A connection begins. */
    connection(other: Other, connection: RTCPeerConnection): void {
        const entry = { connection };
        this.#connections.set(other, entry);
        this.#give(entry);
        connection.addEventListener('track', ({ track, streams: [stream] }) => {
            if (stream && track.kind === 'video') {
                this.#show(other, stream);
                stream.onremovetrack = () => this.#show(other, undefined);
            }
        });
    }

    async #choose(kind: Kind | undefined): Promise<void> {
        this.#turn += 1;
        const turn = this.#turn;
        this.#end();
        if (navigator.mediaDevices) {
            this.#hint('');
        }
        if (kind === 'camera') {
            try {
                const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
                if (turn !== this.#turn) {
                    stream.getTracks().forEach((track) => track.stop());
                    return;
                }
                this.#stream = stream;
            } catch (error) {
                const { name, message } = error as Error;
                this.#hint(REFUSALS[name] ?? message);
                return;
            }
        } else if (kind === 'picture') {
            const moving = movingPicture(
                this.#room.isServer ? 'from the server' : `from ${short(this.#room.peer.id ?? '')}`,
            );
            this.#stream = moving.stream;
            this.#stop = moving.stop;
            if (standsStillWhenHidden) {
                this.#hint('In this browser it stands still while the tab is hidden: put two windows side by side.');
            }
        }
        this.#kind = kind;
        this.#press();
        this.#show(undefined, this.#stream);
        this.#connections.forEach((entry) => this.#give(entry));
    }

    #end(): void {
        this.#stop();
        this.#stop = () => {};
        this.#stream?.getTracks().forEach((track) => track.stop());
        this.#stream = undefined;
        this.#kind = undefined;
        for (const { connection, sender } of this.#connections.values()) {
            if (sender) {
                send(connection, sender, null);
            }
        }
        this.#press();
        this.#show(undefined, undefined);
    }

    #give(entry: { connection: RTCPeerConnection; sender?: RTCRtpSender | undefined }): void {
        const [track] = this.#stream?.getVideoTracks() ?? [];
        if (!track || entry.connection.signalingState === 'closed') {
            return;
        }
        if (entry.sender) {
            send(entry.connection, entry.sender, track);
        } else {
            entry.sender = entry.connection.addTrack(track, this.#outgoing);
        }
    }

    #press(): void {
        for (const kind of ['picture', 'camera'] as const) {
            this.#buttons[kind].setAttribute('aria-pressed', String(this.#kind === kind));
        }
    }

    #hint(text: string): void {
        tell(byId('video-hint'), text);
    }

    /** Shows somebody's video, or our own; or no more. */
    #show(other: Other | undefined, stream: MediaStream | undefined): void {
        this.#tiles.get(other)?.remove();
        this.#tiles.delete(other);
        if (stream) {
            const video = make('video', { autoplay: true, muted: true, playsInline: true, srcObject: stream });
            const name = other ? nameOf(this.#room, other) : 'You';
            const tile = make('figure', {}, video, make('figcaption', { textContent: name }));
            tile.dataset.of = other ? other.id : 'self';
            video.setAttribute('aria-label', `Video of ${name}`);
            this.#tiles.set(other, tile);
            byId('tiles').append(tile);
            // By itself it would begin once it is scrolled to, and be black until then. It ends early where the tile goes.
            video.play().catch(() => {});
        }
        byId('no-video').hidden = this.#tiles.size > 0;
    }
}

/** Sends another track, or none. A sender once removed is not used again: with each video the description would grow by one. */
function send(connection: RTCPeerConnection, sender: RTCRtpSender, track: MediaStreamTrack | null): void {
    const transceiver = connection.getTransceivers().find((one) => one.sender === sender);
    if (transceiver && connection.signalingState !== 'closed') {
        transceiver.direction = track ? 'sendrecv' : 'recvonly';
        sender.replaceTrack(track).catch(() => {});
    }
}
