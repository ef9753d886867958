/** Stands between a peer and the relay, and breaks what goes through. */

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** How a connection breaks: both sides see an end, or a reset, or nothing at all ever again. */
export type Cut = 'end' | 'reset' | 'stall';

/** What each new connection is in for: so many bytes in either direction, and then the cut. */
export type Plan = () => { bytes: number; cut: Cut };

export class TcpProxy {
    /** Connections that were cut. */
    cuts = 0;
    readonly #pairs = new Set<() => void>();

    private constructor(
        private readonly server: Server,
        readonly port: number,
    ) {}

    /** Without a plan nothing is cut but by {@link cut}. */
    static async start(target: () => number, plan?: Plan): Promise<TcpProxy> {
        const server = createServer();
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
        server.on('connection', (near) => proxy.#join(near, connect(target(), '127.0.0.1'), plan?.()));
        return proxy;
    }

    #join(near: Socket, far: Socket, fate: ReturnType<Plan> | undefined): void {
        let left = fate?.bytes ?? Infinity;
        let stalled = false;
        const cut = (how: Cut) => {
            this.cuts += 1;
            this.#pairs.delete(now);
            if (how === 'stall') {
                stalled = true;
            } else {
                for (const socket of [near, far]) {
                    how === 'reset' ? socket.resetAndDestroy() : socket.destroy();
                }
            }
        };
        const now = () => cut('reset');
        this.#pairs.add(now);
        for (const [from, to] of [
            [near, far],
            [far, near],
        ] as const) {
            from.on('error', () => {});
            from.on('data', (chunk) => {
                if (!stalled && left > 0) {
                    to.write(chunk.subarray(0, left));
                    left -= chunk.length;
                    if (left <= 0) {
                        cut(fate?.cut ?? 'end');
                    }
                }
            });
            from.on('close', () => {
                this.#pairs.delete(now);
                if (!stalled) {
                    to.end();
                }
            });
        }
    }

    /** Breaks what goes through at the moment. */
    cut(): void {
        [...this.#pairs].forEach((cut) => cut());
    }

    /** Breaks what goes through, and refuses all that comes. */
    refuse(): void {
        this.server.close();
        this.cut();
    }

    stop(): void {
        this.refuse();
    }
}

export class UdpProxy {
    readonly #dead = new Set<number>();
    #blocked = false;
    readonly #flows = new Map<number, UdpSocket>();

    private constructor(
        private readonly near: UdpSocket,
        readonly port: number,
    ) {}

    static async start(target: () => number): Promise<UdpProxy> {
        const near = createSocket('udp4');
        near.bind(0, '127.0.0.1');
        await once(near, 'listening');
        const proxy = new UdpProxy(near, near.address().port);
        near.on('message', (message, { port }) => proxy.#pass(message, port, target));
        return proxy;
    }

    #pass(message: Buffer, port: number, target: () => number): void {
        if (this.#blocked || this.#dead.has(port)) {
            return;
        }
        let far = this.#flows.get(port);
        if (!far) {
            far = createSocket('udp4');
            far.on('error', () => {});
            far.on('message', (answer) => {
                if (!this.#blocked && !this.#dead.has(port)) {
                    this.near.send(answer, port, '127.0.0.1');
                }
            });
            this.#flows.set(port, far);
        }
        far.send(message, target(), '127.0.0.1');
    }

    /** Lets nothing more through of the present connections. New ones are no matter. */
    cut(): void {
        for (const port of this.#flows.keys()) {
            this.#dead.add(port);
        }
    }

    /** Lets nothing through at all. */
    block(): void {
        this.cut();
        this.#blocked = true;
    }

    unblock(): void {
        this.#blocked = false;
    }

    stop(): void {
        this.near.close();
        this.#flows.forEach((far) => far.close());
    }
}

/** A port where datagrams vanish, as behind a firewall. */
export class BlackHole {
    /** Datagrams that came. */
    swallowed = 0;

    private constructor(
        private readonly socket: UdpSocket,
        readonly port: number,
    ) {}

    static async open(): Promise<BlackHole> {
        const socket = createSocket('udp4');
        socket.bind(0, '127.0.0.1');
        await once(socket, 'listening');
        const hole = new BlackHole(socket, socket.address().port);
        socket.on('message', () => (hole.swallowed += 1));
        return hole;
    }

    close(): void {
        this.socket.close();
    }
}
