/**
 * A client for Intercessor, the peer messaging relay: WebTransport or WebSocket, whichever works, and sessions that
 * outlive their connections.
 *
 * @packageDocumentation
 */

export type { ListenOptions } from './emitter.js';
export {
    type ClientErrorCode,
    type ErrorContext,
    IntercessorError,
    type RelayErrorCode,
    type Violation,
} from './errors.js';
export { type Client, connectClient, connectServer, type Peer, type ReadOptions, type Server } from './peer.js';
export type { Receipt } from './receipt.js';
export { webTransportWorks } from './support.js';
export type * from './types.js';
