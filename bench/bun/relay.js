// The same relay as a strong engineer would write it by hand on Bun: rooms, HELLO, PEER_JOINED, PEER_GONE, `to` and
// `from`, and messages held to their schema by ajv's compiled code. It has no resume, no rate limits, no bounds of
// its own on queues, and does not look for duplicate members.
//
//     bun relay.js SCHEMA_FOR_OFFER CERTIFICATE KEY [--batched]
//
// A send is a system call of its own. With --batched each peer has a topic, and what goes to it is published there: Bun
// writes what was published to a peer in one turn of its loop at once. That is no use of topics that one meets often,
// and it is told apart in the figures.

import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';

const [schema, cert, key, flag] = process.argv.slice(2);
const batched = flag === '--batched';
const validators = new Map([['OFFER', new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(schema, 'utf8')))]]);
const servers = new Map();
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

function newId() {
  let id = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(21))) id += ALPHABET[byte & 63];
  return id;
}

function refuse(socket, code, detail) {
  socket.send(JSON.stringify({ from: '0', type: 'ERROR', message: { code, detail } }));
}

function deliver(socket, out) {
  const { id, server } = socket.data;
  if (batched) server.publish(`=${id}`, out);
  else socket.send(out);
}

const websocket = {
  perMessageDeflate: false,
  maxPayloadLength: 64 * 1024,
  idleTimeout: 120,
  sendPings: true,

  open(socket) {
    const { id, room } = socket.data;
    if (batched) socket.subscribe(`=${id}`);
    if (room) {
      if (!servers.has(room.id)) return socket.close(4404, 'no such server');
      room.clients.set(id, socket);
      // What goes to all is published, so that it is encoded once.
      socket.subscribe(room.id);
      room.socket.send(`{"from":"0","type":"PEER_JOINED","message":{"id":"${id}"}}`);
    } else {
      const own = { id, socket, clients: new Map() };
      socket.data.own = own;
      servers.set(id, own);
    }
    socket.send(`{"from":"0","type":"HELLO","message":{"id":"${id}"}}`);
  },

  message(socket, text) {
    if (typeof text !== 'string') return socket.close(1003, 'binary message');
    let envelope;
    try {
      envelope = JSON.parse(text);
    } catch {
      return refuse(socket, 'INVALID_ENVELOPE', 'not JSON');
    }
    const { to, type, message } = envelope;
    if (typeof to !== 'string' || typeof type !== 'string' || typeof message !== 'object' || message === null) {
      return refuse(socket, 'INVALID_ENVELOPE', 'to, type and message are needed');
    }
    const validate = validators.get(type);
    if (validate !== undefined && !validate(message)) return refuse(socket, 'SCHEMA_VIOLATION', 'see the schema');
    const { id, room, own } = socket.data;
    const out = JSON.stringify({ from: id, type, message });
    if (room) {
      if (to !== room.id) return refuse(socket, 'UNKNOWN_PEER', 'no such peer');
      deliver(room.socket, out);
    } else if (to === '*') {
      socket.publish(id, out);
    } else {
      const client = own.clients.get(to);
      if (client === undefined) return refuse(socket, 'UNKNOWN_PEER', 'no such peer');
      deliver(client, out);
    }
  },

  close(socket) {
    const { id, room, own } = socket.data;
    if (room) {
      if (room.clients.delete(id)) room.socket.send(`{"from":"0","type":"PEER_GONE","message":{"id":"${id}"}}`);
    } else if (own) {
      servers.delete(id);
      for (const client of own.clients.values()) {
        client.send(`{"from":"0","type":"PEER_GONE","message":{"id":"${id}"}}`);
        client.close(4410, 'the server has left');
      }
    }
  },
};

function fetch(request, server) {
  const url = request.url;
  const path = url.slice(url.indexOf('/', 8));
  let room;
  if (path.startsWith('/client/')) {
    room = servers.get(path.slice(8));
    if (room === undefined) return new Response('no such server', { status: 404 });
  } else if (path !== '/server') {
    return new Response('not found', { status: 404 });
  }
  if (!server.upgrade(request, { data: { id: newId(), room, own: undefined, server } })) {
    return new Response('an upgrade is needed', { status: 426 });
  }
}

const plain = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, websocket });
console.log(`ws://127.0.0.1:${plain.port}`);
const tls = { cert: Bun.file(cert), key: Bun.file(key) };
const secure = Bun.serve({ hostname: '127.0.0.1', port: 0, tls, fetch, websocket });
console.log(`wss://127.0.0.1:${secure.port}`);
