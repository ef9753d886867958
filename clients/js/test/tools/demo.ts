/** The demo in a browser: its pages, and what they show. */

import { readFileSync } from 'node:fs';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Browser } from './browser.js';
import { Relay, SCHEMAS } from './relay.js';

export const POLL = { timeout: 30_000, interval: 20 };

/** What a browser says of a connection that is cut or refused. */
const OF_CONNECTIONS = /^(Failed to establish a connection|Failed to load resource|WebSocket connection)/;

/** What is shown in the element. */
export const text = (page: Page, selector: string) => page.locator(selector).textContent();

/** A relay as in the shipped configuration, but for its addresses. */
export function shippedRelay(): Promise<Relay> {
    const shipped = readFileSync(`${SCHEMAS}/../config/relay.yaml`, 'utf8');
    const more = shipped.slice(shipped.indexOf('servers:')).replaceAll('../schemas', SCHEMAS);
    return Relay.start({ demo: true, more });
}

/** Opens the demo's pages. */
export class Demo {
    /** What no page may say: what its policy forbids among it. */
    readonly wrong: string[] = [];

    constructor(
        private readonly browser: Browser,
        private readonly relay: Relay,
    ) {}

    /** A page in a browser of its own. */
    async open(url = `${this.relay.http}/`, options: BrowserContextOptions = {}): Promise<Page> {
        const page = await this.browser.visit(url, options);
        this.#watch(page);
        return page;
    }

    /** A page that has become a server. */
    async serve(options: BrowserContextOptions = {}): Promise<Page> {
        const page = await this.open(undefined, options);
        await page.fill('#passphrase', 'open sesame');
        await page.click('#become');
        await expect.poll(() => text(page, '#state'), POLL).toContain('Connected over WebTransport');
        return page;
    }

    /** The page of a client, by the link on the server's page. */
    async join(server: Page): Promise<Page> {
        const [page] = await Promise.all([server.context().waitForEvent('page'), server.click('#open-client')]);
        this.#watch(page);
        await expect.poll(() => text(page, '#state'), POLL).toContain('Connected over');
        return page;
    }

    /** A server and a client, connected by both paths. */
    async pair(): Promise<[Page, Page]> {
        const server = await this.serve();
        const client = await this.join(server);
        for (const page of [server, client]) {
            await expect.poll(() => text(page, '#channel'), POLL).toBe('Data channel: open');
        }
        return [server, client];
    }

    #watch(page: Page): void {
        page.on('pageerror', (error) => this.wrong.push(String(error)));
        page.on('console', (message) => {
            if (['error', 'warning'].includes(message.type()) && !OF_CONNECTIONS.test(message.text())) {
                this.wrong.push(message.text());
            }
        });
    }
}
