/**
 * WebRTC between two peers of the relay, by the perfect negotiation pattern: both sides may add tracks and data channels at
 * any time.
 *
 * @packageDocumentation
 */

import type { Client, Peer, Server } from './peer.js';
import type { IceServer } from './types.js';

/** The types of the messages that descriptions and candidates travel in. */
export interface SignalTypes {
    /** Default `OFFER`. */
    offer?: string;
    /** Default `ANSWER`. */
    answer?: string;
    /** Default `CANDIDATE`. */
    candidate?: string;
}

/** Options of {@link negotiate}. */
export interface NegotiationOptions {
    /** For the `RTCPeerConnection`. `iceServers` of the relay are added to those in here. */
    configuration?: RTCConfiguration;
    /** Other names than the relay's own schemas have. */
    types?: SignalTypes;
    /** Which side gives way where both begin at once; the other side has to be told the opposite. Default: the client. */
    polite?: boolean;
    /** Told what goes wrong, as a description that the relay refuses. Default: `console.error`. */
    onError?: (error: unknown) => void;
    /** Default: the global one. */
    RTCPeerConnection?: new (configuration?: RTCConfiguration) => RTCPeerConnection;
}

/** A negotiation that goes on for as long as its connection. */
export interface Negotiation {
    /** Add tracks and data channels to it, and listen to its `track` and `datachannel` events. */
    readonly connection: RTCPeerConnection;
    /** Fulfils when the connection is closed: by {@link close}, or because the other peer or this one has left. */
    readonly closed: Promise<void>;
    /** Closes the connection. */
    close(): void;
}

/**
 * Has an `RTCPeerConnection` with another peer. Each side calls this once for the other side: a server when a client has
 * joined, at the latest in its `peerJoined` listener, so that no offer is missed; a client once it is open.
 *
 * Where the path between the two breaks, ICE is restarted. A session that the relay lost ends the negotiation, since the
 * other side knows this peer no more.
 */
export function negotiate(
    peer: Server<any> | Client<any>,
    remoteId: string,
    options: NegotiationOptions = {},
): Negotiation {
    const { configuration = {}, types = {}, onError = console.error } = options;
    const { offer = 'OFFER', answer = 'ANSWER', candidate = 'CANDIDATE' } = types;
    const { polite = 'serverId' in peer } = options;
    const RTCPeerConnection = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    const withServers = (iceServers: IceServer[]): RTCConfiguration => ({
        ...configuration,
        iceServers: [...(configuration.iceServers ?? []), ...iceServers],
    });
    const connection = new RTCPeerConnection(withServers(peer.iceServers));
    const ours = new AbortController();
    const { signal } = ours;
    /** Both begin at once, and the other side's offer is not taken: nor are its candidates. */
    let ignored = false;
    let offering = false;
    /** An answer of theirs is being taken: an offer that comes right behind it is no collision. */
    let answering = false;

    const send = (type: string, message: object) => void (peer as Peer).send(remoteId, type, message);
    const describe = () => {
        const description = connection.localDescription;
        if (description) {
            send(description.type === 'offer' ? offer : answer, { type: description.type, sdp: description.sdp });
        }
    };
    const unlessClosed = (work: Promise<void>) => work.catch((error) => signal.aborted || onError(error));

    connection.addEventListener('negotiationneeded', () => {
        offering = true;
        unlessClosed(connection.setLocalDescription().then(describe)).finally(() => {
            offering = false;
        });
    });
    connection.addEventListener('icecandidate', (event) => {
        // Schemas want a candidate that is an object; an empty one tells the end of them.
        send(candidate, event.candidate?.toJSON() ?? { candidate: '' });
    });
    connection.addEventListener('connectionstatechange', () => {
        if (connection.connectionState === 'failed') {
            connection.restartIce();
        }
    });

    const takeDescription = async (description: RTCSessionDescriptionInit) => {
        const stable =
            connection.signalingState === 'stable' || (connection.signalingState === 'have-local-offer' && answering);
        const collision = description.type === 'offer' && (offering || !stable);
        ignored = !polite && collision;
        if (ignored) {
            return;
        }
        answering = description.type === 'answer';
        await connection.setRemoteDescription(description).finally(() => {
            answering = false;
        });
        if (description.type === 'offer') {
            await connection.setLocalDescription();
            describe();
        }
    };
    const takeCandidate = (init: RTCIceCandidateInit) => {
        // By the time it is refused an answer may have come.
        const ofIgnored = ignored;
        return connection.addIceCandidate(init).catch((error) => {
            // Of the end of candidates each browser has its own idea, and nothing depends on it.
            if (!ofIgnored && init.candidate) {
                throw error;
            }
        });
    };

    peer.on(
        'message',
        ({ from, type, message }) => {
            if (from === remoteId && (type === offer || type === answer)) {
                unlessClosed(takeDescription(message));
            } else if (from === remoteId && type === candidate) {
                unlessClosed(takeCandidate(message));
            }
        },
        { signal },
    );
    peer.on(
        'error',
        (error) => {
            if (error.to === remoteId && [offer, answer, candidate].includes(error.type ?? '')) {
                onError(error);
            }
        },
        { signal },
    );
    peer.on('iceServers', (iceServers) => connection.setConfiguration(withServers(iceServers)), { signal });

    const closed = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    const close = () => {
        ours.abort();
        connection.close();
    };
    peer.on('peerGone', ({ id }) => id === remoteId && close(), { signal });
    peer.on('open', ({ previousId }) => previousId !== undefined && close(), { signal });
    peer.on('close', close, { signal });
    return { connection, closed, close };
}
