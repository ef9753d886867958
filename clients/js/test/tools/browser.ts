/** A real Chromium, with pages that have the built client. */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser as Chromium, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What pages have as global variables. */
declare global {
    var client: typeof import('../../src/index.js');
    var webrtc: typeof import('../../src/webrtc.js');
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Test</title>
<script type="importmap">
  { "imports": { "intercessor-client": "/intercessor-client.min.js", "intercessor-client/webrtc": "/intercessor-webrtc.min.js" } }
</script>
<script type="module">
  import * as client from 'intercessor-client';
  import * as webrtc from 'intercessor-client/webrtc';
  Object.assign(globalThis, { client, webrtc });
</script>
`;

export class Browser {
    readonly #pages: Page[] = [];

    private constructor(
        private readonly chromium: Chromium,
        private readonly server: Server,
    ) {}

    static async launch(): Promise<Browser> {
        const folders = (process.env.PATH ?? '').split(delimiter);
        const executablePath = folders.map((folder) => join(folder, 'chromium')).find((file) => existsSync(file));
        if (!executablePath) {
            throw new Error(
                'there is no `chromium` on the PATH: `cargo xtask test` installs it (in Debian: apt-get install chromium)',
            );
        }
        const server = createServer((request, response) => {
            const file = /^\/([\w.-]+\.js)$/.exec(request.url ?? '')?.[1];
            const body = file ? readFile(join(DIST, file)) : Promise.resolve(PAGE);
            body.then(
                (text) => response.setHeader('content-type', file ? 'text/javascript' : 'text/html').end(text),
                () => response.writeHead(404).end(),
            );
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const launched = await chromium.launch({
            executablePath,
            args: [
                // The tests run as root in some containers.
                '--no-sandbox',
                // Candidates with the names of mDNS need a network that has it.
                '--disable-features=WebRtcHideLocalIpsWithMdns',
                // A page that is not secure needs a name that is none of this machine's.
                '--host-resolver-rules=MAP relay.example 127.0.0.1',
            ],
        });
        return new Browser(launched, server);
    }

    /** A page of its own, with nothing of another one's. */
    async page(hash = ''): Promise<Page> {
        const page = await this.visit(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/#${hash}`);
        await page.waitForFunction(() => 'webrtc' in globalThis);
        return page;
    }

    /** Somebody else's page, with nothing of another one's. */
    async visit(url: string, options: BrowserContextOptions = {}): Promise<Page> {
        const context = await this.chromium.newContext(options);
        const page = await context.newPage();
        this.#pages.push(page);
        page.on('pageerror', (error) => console.error('in the page:', error));
        await page.goto(url);
        return page;
    }

    /** Closes all pages. */
    async clear(): Promise<void> {
        await Promise.all(this.#pages.splice(0).map((page) => page.context().close()));
    }

    async close(): Promise<void> {
        await this.chromium.close();
        this.server.close();
    }
}
