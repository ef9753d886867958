import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from '../tools/browser.js';
import { Demo, POLL, shippedRelay, text } from '../tools/demo.js';
import type { Relay } from '../tools/relay.js';

/** For who wants to look at them. */
const PICTURES = fileURLToPath(new URL('../../pictures/', import.meta.url));

let browser: Browser;
let relay: Relay;
let demo: Demo;
beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    [browser, relay] = await Promise.all([Browser.launch(), shippedRelay()]);
    demo = new Demo(browser, relay);
});
afterAll(() => Promise.all([browser.close(), relay.stop()]));

/** Every text whose contrast to what is behind it is under 4.5 to 1 (WCAG 2.2, 1.4.3). */
function pale(page: Page): Promise<string[]> {
    return page.evaluate(() => {
        const light = (color: string) => {
            const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => {
                const value = Number(part) / 255;
                return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        };
        const behind = (element: Element): string => {
            const box = element.closest('.node')?.querySelector('rect');
            const color = box ? getComputedStyle(box).fill : getComputedStyle(element).backgroundColor;
            return color === 'rgba(0, 0, 0, 0)' && element.parentElement ? behind(element.parentElement) : color;
        };
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found: string[] = [];
        while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            const words = texts.currentNode.textContent?.trim();
            if (!element || !words || element.closest('script, style, noscript, title') || !element.checkVisibility()) {
                continue;
            }
            const style = getComputedStyle(element);
            const one = light(element.closest('svg') ? style.fill : style.color);
            const other = light(behind(element));
            const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
            if (contrast < 4.5) {
                found.push(`${words}: ${contrast.toFixed(2)}`);
            }
        }
        return found;
    });
}

async function picture(page: Page, name: string): Promise<Buffer> {
    const bytes = await page.screenshot({ fullPage: true });
    writeFileSync(`${PICTURES}${name}.png`, bytes);
    return bytes;
}

const places = (page: Page) =>
    page.evaluate(() =>
        [...document.querySelectorAll('section, h2, button')].map((one) => {
            const { x, y, width } = one.getBoundingClientRect();
            return [x, y + scrollY, width].map(Math.round);
        }),
    );

test('it can be read in both schemes and on a phone, and numbers move nothing', async () => {
    const start = await demo.open(undefined, { viewport: { width: 1120, height: 700 } });
    expect(await pale(start)).toEqual([]);
    await picture(start, 'start');
    const server = await demo.serve({ viewport: { width: 1120, height: 900 } });
    await picture(server, 'alone');
    const link = await server.inputValue('#link');
    const phone = await demo.open(link, {
        viewport: { width: 360, height: 760 },
        deviceScaleFactor: 2,
        colorScheme: 'dark',
    });
    const client = await demo.open(link, { viewport: { width: 1120, height: 900 } });
    await expect.poll(() => text(server, '#channel'), POLL).toBe('Data channels: 2 open');
    await client.click('label:has(input[value=websocket])');
    await expect.poll(() => text(server, '#label-client'), POLL).toContain('WebSocket');
    const say = async (page: Page, words: string) => {
        await page.fill('#text', words);
        await page.press('#text', 'Enter');
        await expect.poll(() => text(server, '#lines'), POLL).toContain(words);
        await expect.poll(() => text(phone, '#lines'), POLL).toContain(words);
    };
    await say(phone, 'Hello from the phone');
    await say(server, 'Welcome! This went through the relay.');
    await server.click('label:has(input[value=direct])');
    await say(server, 'And this went past it.');
    await server.click('#count');
    await server.click('#send-json');
    await server.locator('.verdict.bad').waitFor();
    const resume = async () => {
        await server.click('#cut');
        await expect.poll(() => text(server, '#resumed'), POLL).toBe('Resumed once');
    };
    await resume();
    await expect.poll(() => server.locator('#cells [data-state=arrived]').count(), POLL).toBeGreaterThan(50);

    for (const page of [server, client, phone]) {
        await page.click('#show-picture');
    }
    await expect.poll(() => server.locator('figure').count(), POLL).toBe(3);
    for (const [page, name] of [
        [server, 'light'],
        [phone, 'phone'],
    ] as const) {
        await page.bringToFront();
        expect(await pale(page), name).toEqual([]);
        const before = await places(page);
        const counted = await text(server, '#sent');
        await expect.poll(() => text(server, '#sent'), POLL).not.toBe(counted);
        expect(await places(page), name).toEqual(before);
    }
    const [light, small] = [await picture(server, 'light'), await phone.screenshot()];
    await picture(phone, 'phone');
    await server.emulateMedia({ colorScheme: 'dark' });
    expect(await pale(server)).toEqual([]);
    await picture(server, 'dark');
    if (process.env.PICTURE) {
        writeFileSync(process.env.PICTURE, await composed(light, small));
    }
    expect(demo.wrong).toEqual([]);
    await browser.clear();
});

/** The server's page with a phone before it. */
async function composed(page: Buffer, phone: Buffer): Promise<Buffer> {
    const url = (bytes: Buffer) => `data:image/png;base64,${bytes.toString('base64')}`;
    const frame = await browser.visit('about:blank', { viewport: { width: 1200, height: 1060 } });
    await frame.setContent(`<!doctype html>
<body style="margin: 0; height: 1060px; position: relative; overflow: hidden; background: #e4e7ec">
<div style="position: absolute; left: 24px; top: 24px; width: 880px; height: 1100px; overflow: hidden; border-radius: 10px; box-shadow: 0 2px 18px #0003">
<img src="${url(page)}" style="display: block; width: 880px"></div>
<img src="${url(phone)}" style="position: absolute; right: 20px; bottom: 40px; width: 270px; border: 9px solid #22252b; border-radius: 34px; box-shadow: 0 10px 36px #0006">
</body>`);
    return frame.screenshot();
}
