/** A real relay: the program that cargo built, with a configuration of the test's own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM =
    process.env.INTERCESSOR ?? fileURLToPath(new URL('../../../../target/debug/intercessor', import.meta.url));

/** The schemas that the repository ships. */
export const SCHEMAS = fileURLToPath(new URL('../../../../schemas', import.meta.url));

/** Everyone may be a server, and as fast as it likes. */
export const OPEN = 'servers: { open: true }\nlimits: { messages_per_second: off }';

/** A peer may be slower than what is sent to it: the relay keeps more for it than by default, until it is acknowledged. */
export const BUFFER = '\nresume: { buffer: { messages: 10000, bytes: 16MiB } }';

/** The parts of a configuration that tests choose. */
export interface Settings {
    /** Ports of listeners; 0 is any. */
    websocket?: number;
    webtransport?: number;
    /** Where discovery sends peers instead: a proxy, say. */
    publicWebSocket?: string;
    publicWebTransport?: string;
    /** Is the demo at `/` of the WebSocket listener? */
    demo?: boolean;
    /** Written behind the listeners. */
    more?: string;
}

export class Relay {
    /** Where a WebSocket can be opened, and where discovery is. */
    websocket = '';
    http = '';
    webtransport = '';
    admin = '';

    private constructor(
        private process: ChildProcess,
        private readonly folder: string,
        private readonly lines: string[],
    ) {}

    static async start({
        websocket = 0,
        webtransport = 0,
        more = OPEN,
        demo = false,
        ...urls
    }: Settings = {}): Promise<Relay> {
        const publicUrl = (url?: string) => (url ? `, public_url: ${url}` : '');
        if (!existsSync(PROGRAM)) {
            throw new Error(`${PROGRAM} is missing: \`cargo build\` makes it`);
        }
        const folder = mkdtempSync(join(tmpdir(), 'intercessor-'));
        const file = join(folder, 'relay.yaml');
        writeFileSync(
            file,
            `listeners:
  - { transport: websocket, bind: 127.0.0.1:${websocket}, tls: off, demo: ${demo}${publicUrl(urls.publicWebSocket)} }
  - { transport: webtransport, bind: 127.0.0.1:${webtransport}, tls: { self_signed: [localhost, 127.0.0.1] }${publicUrl(urls.publicWebTransport)} }
admin: { bind: 127.0.0.1:0 }
${more}
`,
        );
        const child = spawn(PROGRAM, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
        const relay = new Relay(child, folder, []);
        const log = createInterface({ input: child.stderr });
        await new Promise<void>((resolve, reject) => {
            log.on('line', (line) => {
                relay.lines.push(line);
                const [, transport, url] = /listening.*transport="?(\w+)"?.*url="?([^\s"]+)/.exec(line) ?? [];
                if (transport && url) {
                    relay.listens(transport, url);
                }
                if (relay.websocket && relay.webtransport && relay.admin) {
                    resolve();
                }
            });
            child.on('exit', () => reject(new Error(`the relay ended:\n${relay.lines.join('\n')}`)));
        });
        return relay;
    }

    private listens(transport: string, url: string): void {
        if (transport === 'websocket') {
            this.websocket = url.replace(/\/$/, '');
            this.http = this.websocket.replace(/^ws/, 'http');
        } else if (transport === 'webtransport') {
            this.webtransport = url.replace(/\/$/, '');
        } else {
            this.admin = url.replace(/\/$/, '');
        }
    }

    /** The settings with which another one takes this one's place. */
    get ports(): Required<Pick<Settings, 'websocket' | 'webtransport'>> {
        return { websocket: Number(new URL(this.http).port), webtransport: Number(new URL(this.webtransport).port) };
    }

    get log(): string {
        return this.lines.join('\n');
    }

    /** What `/sessions` of the administration tells. */
    async sessions(): Promise<unknown> {
        return (await fetch(`${this.admin}/sessions`)).json();
    }

    /** SIGTERM drains it; SIGKILL does not. */
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
        const gone = this.process.exitCode ?? this.process.signalCode;
        if (gone === null) {
            const exit = new Promise((resolve) => this.process.once('exit', resolve));
            this.process.kill(signal);
            await exit;
        }
        rmSync(this.folder, { recursive: true, force: true });
    }
}
