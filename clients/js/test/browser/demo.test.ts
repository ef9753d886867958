import jsqr from 'jsqr';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../tools/browser.js';
import { Demo, POLL, shippedRelay, text } from '../tools/demo.js';
import { OPEN, Relay } from '../tools/relay.js';

let browser: Browser;
let relay: Relay;
let demo: Demo;
beforeAll(async () => {
    [browser, relay] = await Promise.all([Browser.launch(), shippedRelay()]);
    demo = new Demo(browser, relay);
});
afterAll(() => Promise.all([browser.close(), relay.stop()]));
afterEach(() => browser.clear());
afterEach(() => expect(demo.wrong.splice(0)).toEqual([]));

const number = async (page: Page, id: string) => Number(await text(page, `#${id}`));

/** What the code on the page says, as a camera would see it. */
async function scanned(page: Page): Promise<string | undefined> {
    const seen = await page.evaluate(async () => {
        const code = document.getElementById('qr') as unknown as SVGSVGElement;
        const image = new Image();
        image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(code))}`;
        await image.decode();
        const canvas = Object.assign(document.createElement('canvas'), { width: 400, height: 400 });
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        context.drawImage(image, 0, 0, 400, 400);
        return [...context.getImageData(0, 0, 400, 400).data];
    });
    return jsqr.default(new Uint8ClampedArray(seen), 400, 400)?.data;
}

const noSideways = (page: Page) =>
    page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

test('a tab becomes a server, and its id is there as text, link and code', async () => {
    const page = await demo.serve();
    const id = await page.inputValue('#server-id');
    const link = `${relay.http}/#${id}`;
    expect(id).toMatch(/^[\w-]{21}$/);
    expect(await page.inputValue('#link')).toBe(link);
    expect(await page.getAttribute('#open-client', 'href')).toBe(link);
    expect(await scanned(page)).toBe(link);
    expect(await page.isVisible('#loopback')).toBe(true);
    expect(await page.isVisible('#nobody')).toBe(true);
    expect(await page.isDisabled('#send-json')).toBe(true);
});

test('a wrong passphrase is told, and another one may be tried in place', async () => {
    const page = await demo.open();
    await page.fill('#passphrase', 'open says me');
    await page.click('#become');
    await expect.poll(() => text(page, '#problem'), POLL).toContain('This is not the passphrase');
    expect(await text(page, '#problem')).toContain('4401');
    await page.fill('#passphrase', 'open sesame');
    await page.press('#passphrase', 'Enter');
    await expect.poll(() => page.isVisible('#invite'), POLL).toBe(true);
    expect(await page.isVisible('#problem')).toBe(false);
});

test('where servers are open nobody is asked for a passphrase', async () => {
    const other = await Relay.start({ demo: true, more: OPEN });
    const page = await demo.open(`${other.http}/`);
    expect(await page.isVisible('#passphrase')).toBe(false);
    await page.click('#become');
    await expect.poll(() => page.isVisible('#invite'), POLL).toBe(true);
    await other.stop();
});

test('both sides see who is here, and over what', async () => {
    const [server, client] = await demo.pair();
    for (const page of [server, client]) {
        await expect.poll(() => text(page, '#peers'), POLL).toMatch(/WebTransport.*direct/);
        await expect.poll(() => text(page, '#label-server'), POLL).toBe('WebTransport');
        await expect.poll(() => text(page, '#label-client'), POLL).toBe('WebTransport');
        await expect.poll(() => text(page, '#label-direct'), POLL).toBe('direct: WebRTC');
    }
    await client.close();
    await expect.poll(() => server.isVisible('#nobody'), POLL).toBe(true);
    expect(await text(server, '#name-client')).toBe('nobody yet');
});

test('they chat through the relay, and past it', async () => {
    const [server, client] = await demo.pair();
    const other = await demo.join(server);
    await client.fill('#text', 'hello');
    await client.press('#text', 'Enter');
    await expect.poll(() => text(client, '#lines'), POLL).toBe('helloyou, through the relay');
    await expect.poll(() => text(server, '#lines'), POLL).toMatch(/^helloClient .*, through the relay$/);
    await expect.poll(() => text(other, '#lines'), POLL).toMatch(/^helloClient .*, through the relay$/);
    await server.fill('#text', '<b>welcome</b>');
    await server.press('#text', 'Enter');
    await expect.poll(() => text(client, '#lines'), POLL).toContain('<b>welcome</b>The server, through the relay');
    await client.click('label:has(input[value=direct])');
    await client.fill('#text', 'quietly');
    await client.press('#text', 'Enter');
    await expect.poll(() => text(server, '#lines'), POLL).toMatch(/quietlyClient .*, direct$/);
    expect(await text(other, '#lines')).not.toContain('quietly');
});

test('a moving picture plays on the other side', async () => {
    const [server, client] = await demo.pair();
    await server.click('#show-picture');
    await client.bringToFront();
    const video = client.locator('figure[data-of]:not([data-of=self]) video');
    const width = () => video.evaluate((video: HTMLVideoElement) => video.videoWidth);
    const frames = () => video.evaluate((video: HTMLVideoElement) => video.getVideoPlaybackQuality().totalVideoFrames);
    await video.waitFor();
    await expect.poll(width, POLL).toBeGreaterThan(0);
    const before = await frames();
    await expect.poll(frames, POLL).toBeGreaterThan(before + 20);
    await server.click('#show-picture');
    await expect.poll(() => client.isVisible('#no-video'), POLL).toBe(true);
    expect(await server.isVisible('#no-video')).toBe(true);
});

test('video that is shown again and again stays one', async () => {
    const server = await demo.serve();
    await server.context().addInitScript(() => {
        const made: RTCPeerConnection[] = [];
        const Real = RTCPeerConnection;
        globalThis.RTCPeerConnection = class extends Real {
            constructor(configuration?: RTCConfiguration) {
                super(configuration);
                made.push(this);
            }
        };
        Object.assign(globalThis, { made });
    });
    const client = await demo.join(server);
    await expect.poll(() => text(client, '#channel'), POLL).toBe('Data channel: open');
    const tile = server.locator('figure[data-of]:not([data-of=self]) video');
    for (let round = 0; round < 3; round += 1) {
        await client.click('#show-picture');
        await tile.waitFor();
        // It plays though nobody has scrolled to it.
        await expect.poll(() => tile.evaluate((video: HTMLVideoElement) => video.currentTime), POLL).toBeGreaterThan(0);
        await client.click('#show-picture');
        await tile.waitFor({ state: 'detached' });
    }
    const sections = await client.evaluate(() => {
        const { made } = globalThis as unknown as { made: RTCPeerConnection[] };
        return made.map((one) => one.localDescription?.sdp.match(/^m=video/gm)?.length);
    });
    expect(sections).toEqual([1]);
});

test('round trips are measured over both paths', async () => {
    const [server, client] = await demo.pair();
    for (const page of [server, client]) {
        for (const path of ['relay', 'direct']) {
            await expect.poll(() => text(page, `#${path}-now`), POLL).toMatch(/^[\d.]+ (ms|s)$/);
        }
        await expect.poll(() => page.getAttribute('#plot .style-1', 'd'), POLL).toMatch(/L/);
        await expect.poll(() => page.getAttribute('#plot .style-2', 'd'), POLL).toMatch(/L/);
    }
});

describe('a schema', () => {
    test.each([
        ['OFFER', ['/type', '/sdp'], ['"answer"', '"v=0']],
        ['CANDIDATE', ['/candidate', '/sdpMid', '/sdpMLineIndex'], ['"1 1 udp', '0', '-1']],
    ])('of %s is broken, and mended', async (type, paths, marks) => {
        const [server, client] = await demo.pair();
        await client.click(`label:has(input[value=${type}])`);
        await client.click('#send-json');
        await expect.poll(() => text(client, '#verdict .code'), POLL).toBe('SCHEMA_VIOLATION');
        expect(await client.locator('.violations code').allTextContents()).toEqual(expect.arrayContaining(paths));
        const marked = await client.locator('#verdict mark').allTextContents();
        expect(marked).toEqual(marks.map((mark) => expect.stringContaining(mark)));
        await client.click('#mend');
        await client.click('#send-json');
        await expect.poll(() => text(client, '#verdict'), POLL).toMatch(/^Let pass.*The other side has it\./s);
        // It is no description for the other side.
        expect(await server.isVisible('#notice')).toBe(false);
        expect(await text(server, '#channel')).toBe('Data channel: open');
    });

    test('that the relay does not have lets everything pass', async () => {
        const [server, client] = await demo.pair();
        await server.click('label:has(input[value=CHAT])');
        await server.click('#send-json');
        await expect.poll(() => text(server, '#verdict'), POLL).toMatch(/^Let pass.*The other side has it\./s);
        expect(await text(client, '#lines')).toBe('Nothing said yet.');
    });

    test('is not asked about what is no JSON', async () => {
        const [server] = await demo.pair();
        for (const [written, said] of [
            ['{ "type": }', 'This is no JSON'],
            ['[1]', 'A message is a JSON object'],
        ] as const) {
            await server.fill('#json', written);
            await server.click('#send-json');
            await expect.poll(() => text(server, '#verdict .code'), POLL).toContain(said);
        }
    });
});

test('the connection is cut under the numbers, and none is lost', async () => {
    const [server, client] = await demo.pair();
    // What is there for a moment only.
    const seen = await client.evaluateHandle(() => {
        const shown = (id: string) => document.getElementById(id) as HTMLElement;
        const seen = { waiting: 0, states: '', problem: false };
        const look = () => {
            seen.waiting = Math.max(seen.waiting, Number(shown('waiting').textContent));
            seen.states += shown('state').textContent;
            seen.problem ||= !shown('problem').hidden;
        };
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
        return seen;
    });
    await client.click('#cut');
    await expect.poll(() => text(client, '#state'), POLL).toContain('Resumed over WebTransport');
    await expect.poll(() => number(client, 'arrived'), POLL).toBeGreaterThan(30);
    await client.click('#count');
    await expect.poll(() => number(client, 'waiting'), POLL).toBe(0);
    expect(await number(client, 'arrived')).toBe(await number(client, 'sent'));
    expect([await number(client, 'missing'), await number(client, 'wrong')]).toEqual([0, 0]);
    expect(await text(client, '#resumed')).toBe('Resumed once');
    const { waiting, states, problem } = await seen.jsonValue();
    expect([waiting > 3, problem]).toEqual([true, false]);
    expect(states).toContain('Reconnecting, attempt');
    // The other side had nothing to do with it.
    expect(await text(server, '#state')).toBe('Connected over WebTransport');
});

test('a session that is lost is told, with what is new', async () => {
    let mortal = await Relay.start({ demo: true, more: OPEN });
    const server = await demo.open(`${mortal.http}/`);
    await server.click('#become');
    await expect.poll(() => server.isVisible('#invite'), POLL).toBe(true);
    const id = await server.inputValue('#server-id');
    await mortal.stop('SIGKILL');
    mortal = await Relay.start({ demo: true, more: OPEN, ...mortal.ports });
    const notice = async () => {
        // Or else it waits for its next try, half a minute at worst.
        await server.evaluate(() => dispatchEvent(new Event('online')));
        return text(server, '#notice');
    };
    await expect.poll(notice, POLL).toContain('Hand the new link out.');
    expect(await server.inputValue('#server-id')).not.toBe(id);
    expect(await server.inputValue('#link')).toBe(`${mortal.http}/#${await server.inputValue('#server-id')}`);
    await demo.join(server);
    await mortal.stop();
    await expect.poll(() => text(server, '#state'), POLL).toContain('Reconnecting');
});

test('a session goes on over another transport', async () => {
    const [server, client] = await demo.pair();
    await client.click('label:has(input[value=websocket])');
    await expect.poll(() => text(client, '#state'), POLL).toContain('Resumed over WebSocket');
    await expect.poll(() => text(server, '#peers'), POLL).toContain('WebSocket');
    expect(await text(server, '#label-client')).toBe('WebSocket');
    await client.click('label:has(input[value=webtransport])');
    await expect.poll(() => text(client, '#state'), POLL).toContain('Resumed over WebTransport');
    await expect.poll(() => text(server, '#peers'), POLL).toContain('WebTransport');
});

test('who is kicked is told, and so is who finds no server', async () => {
    const [server, client] = await demo.pair();
    await server.click('#peers button');
    await expect.poll(() => text(client, '#problem'), POLL).toBe('The server has sent you away. (4403)');
    expect(await text(client, '#label-client')).toBe('not connected');
    await expect.poll(() => server.isVisible('#nobody'), POLL).toBe(true);
    await client.click('#again-button');
    await expect.poll(() => text(server, '#peers'), POLL).toContain('Client');
    await server.close();
    await expect.poll(() => text(client, '#problem'), POLL).toContain('(4410)');
    for (const fragment of ['nobody', '%']) {
        const lost = await demo.open(`${relay.http}/#${fragment}`);
        await expect.poll(() => text(lost, '#problem'), POLL).toContain('There is no such server');
    }
});

test('a relay that only takes its own types is no riddle', async () => {
    const more = `${OPEN}\nschemas: { unknown_types: reject, types: { OFFER: { schema: true }, ANSWER: { schema: true }, CANDIDATE: { schema: true } } }`;
    const strict = await Relay.start({ demo: true, more });
    const server = await demo.open(`${strict.http}/`);
    await server.click('#become');
    await expect.poll(() => server.isVisible('#invite'), POLL).toBe(true);
    const client = await demo.join(server);
    await expect.poll(() => text(client, '#notice'), POLL).toMatch(/^This relay refuses DEMO_/);
    await client.fill('#text', 'hello');
    await client.press('#text', 'Enter');
    await expect.poll(() => text(client, '#lines'), POLL).toContain('UNKNOWN_TYPE');
    await strict.stop();
});

test('it can be read on a phone, and by a keyboard alone', async () => {
    const server = await demo.open();
    await server.setViewportSize({ width: 360, height: 740 });
    expect(await noSideways(server)).toBe(true);
    // The first that a keyboard comes to.
    await server.keyboard.press('Tab');
    await server.keyboard.type('open sesame');
    await server.keyboard.press('Enter');
    await expect.poll(() => server.isVisible('#invite'), POLL).toBe(true);
    const client = await demo.join(server);
    await client.setViewportSize({ width: 360, height: 740 });
    await client.click('#send-json');
    await client.click('#show-picture');
    await client.locator('.verdict.bad').waitFor();
    await client.fill('#text', 'w'.repeat(200));
    await client.press('#text', 'Enter');
    for (const page of [server, client]) {
        await expect.poll(() => text(page, '#channel'), POLL).toBe('Data channel: open');
        expect(await noSideways(page)).toBe(true);
        const unnamed = await page.evaluate(
            () =>
                [
                    ...document.querySelectorAll<HTMLElement>('input, textarea, select, button, section, [role=img]'),
                ].filter(
                    (one) =>
                        !one.ariaLabel &&
                        !one.textContent?.trim() &&
                        !(one as HTMLInputElement).labels?.length &&
                        !document.getElementById(one.getAttribute('aria-labelledby') ?? ''),
                ).length,
        );
        expect(unnamed).toBe(0);
    }
});

test('over plain http from elsewhere it says what is not to be had', async () => {
    const elsewhere = await Relay.start({ demo: true, more: OPEN });
    const page = await demo.open(elsewhere.http.replace('127.0.0.1', 'relay.example'));
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    await page.click('#become');
    await expect.poll(() => text(page, '#state'), POLL).toBe('Connected over WebSocket');
    expect(await text(page, '#video-hint')).toContain('for secure pages only');
    expect(await text(page, '#transport-hint')).toContain('for secure pages only');
    expect(await page.isDisabled('#show-camera')).toBe(true);
    expect(await page.isVisible('#loopback')).toBe(false);
    await elsewhere.stop();
});
