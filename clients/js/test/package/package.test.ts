import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../tools/browser.js';
import { Relay, SCHEMAS } from '../tools/relay.js';
import { until } from '../tools/wait.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** Node.js 20 has a WebSocket behind a flag. */
const NODE = typeof WebSocket === 'undefined' ? ['--experimental-websocket'] : [];

let project: string;
let tarball: string;
let relay: Relay;
beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'intercessor-client-'));
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: ROOT, stdio: 'ignore' });
    tarball = join(project, readdirSync(project).find((file) => file.endsWith('.tgz')) as string);
    writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }');
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], {
        cwd: project,
        stdio: 'ignore',
    });
    for (const name of ['ws', '@types']) {
        symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
    }
    const shipped = readFileSync(`${SCHEMAS}/../config/relay.yaml`, 'utf8');
    const more = shipped.slice(shipped.indexOf('servers:')).replaceAll('../schemas', SCHEMAS);
    relay = await Relay.start({ more: `${more}\nlimits: { messages_per_second: off }` });
});
afterAll(async () => {
    await relay?.stop();
    rmSync(project, { recursive: true, force: true });
});

/** An example of the README, for the relay of this test. */
function example(name: string): string {
    const code = new RegExp(`<!-- example: ${name} -->\n\`\`\`\\w+\n([^]*?)\`\`\``).exec(README)?.[1];
    if (!code) {
        throw new Error(`the README has no example ${name}`);
    }
    return code.replaceAll('http://localhost:8080', relay.http);
}

const running: (() => void)[] = [];
afterEach(() => running.splice(0).forEach((stop) => stop()));

/** Runs a program in the project; gives what it prints. */
function run(file: string, code: string, ...more: string[]): { lines: string[]; ended: Promise<number | null> } {
    writeFileSync(join(project, file), code);
    const child = spawn(process.execPath, [...NODE, '--no-warnings', file, ...more], {
        cwd: project,
        stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(() => child.kill());
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    return { lines, ended: new Promise((resolve) => child.on('exit', resolve)) };
}

/** Waits for the line that tells the id. */
async function idIn(lines: string[]): Promise<string> {
    const find = () => lines.map((line) => /my id is ([\w-]+)/.exec(line)?.[1]).find((id) => id);
    await until('the id is told', () => find() !== undefined);
    return find() as string;
}

describe('the packed package', () => {
    test('holds what it needs, and no sources or tests', () => {
        const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
        expect(files).toEqual(
            expect.arrayContaining(['package/LICENSE-MIT', 'package/LICENSE-APACHE', 'package/README.md']),
        );
        expect(files.filter((file) => /src|test|\.ts$/.test(file) && !file.endsWith('.d.ts'))).toEqual([]);
        const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
        expect(dependencies).toBeUndefined();
    });

    test('pleases publint and attw', async () => {
        const execute = promisify(execFile);
        await execute(join(BIN, 'publint'), ['run', tarball, '--strict']);
        await execute(join(BIN, 'attw'), [tarball, '--profile', 'node16']);
    });

    test('is small', () => {
        const size = (file: string) => gzipSync(readFileSync(join(ROOT, 'dist', file)), { level: 9 }).length;
        expect(size('intercessor-client.min.js')).toBeLessThanOrEqual(8 * 1024);
        expect(size('intercessor-webrtc.min.js')).toBeLessThanOrEqual(1024);
    });

    test('has types for both kinds of modules, and for who has no types of a browser', async () => {
        const use = `
connectServer({ url: 'ws://x', WebSocket });
const client: Client<{ A: { n: number } }> = connectClient<{ A: { n: number } }>({ url: 'ws://x', serverId: 'x' });
client.send('x', 'A', { n: 1 }).then(() => {});
// @ts-expect-error: no such type
client.send('x', 'B', { n: 1 });
// @ts-expect-error: no such message
client.send('x', 'A', { n: '1' });
client.on('message', ({ message }) => message.n.toFixed());
`;
        const names = 'connectClient, connectServer, type Client';
        writeFileSync(
            join(project, 'esm.mts'),
            `import { ${names} } from 'intercessor-client';\nimport WebSocket from 'ws';${use}`,
        );
        writeFileSync(
            join(project, 'cjs.cts'),
            `import { ${names} } from 'intercessor-client';\nimport { WebSocket } from 'ws';${use}`,
        );
        writeFileSync(join(project, 'readme.mts'), example('types'));
        writeFileSync(
            join(project, 'browser.mts'),
            `import { connectClient } from 'intercessor-client';
import { negotiate } from 'intercessor-client/webrtc';
const client = connectClient({ url: 'https://x', serverId: 'x', WebSocket, WebTransport, memory: sessionStorage, fetch: (url, init) => fetch(url, init) });
const connection: RTCPeerConnection = negotiate(client, 'x').connection;
connection.close();
`,
        );
        const check = async (files: string[], ...options: string[]) => {
            const common = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
            await promisify(execFile)(join(BIN, 'tsc'), [...common, ...options, ...files], { cwd: project }).catch(
                (error) => {
                    throw new Error(error.stdout);
                },
            );
        };
        await check(['esm.mts', 'cjs.cts', 'readme.mts'], '--lib', 'es2022', '--types', 'node');
        await check(['browser.mts'], '--lib', 'es2022,dom', '--types', '');
    });

    test.each([
        [
            'ES modules',
            'peers.mjs',
            `import { connectClient, connectServer } from 'intercessor-client';\nimport WebSocket from 'ws';`,
        ],
        [
            'CommonJS',
            'peers.cjs',
            `const { connectClient, connectServer } = require('intercessor-client');\nconst WebSocket = require('ws');`,
        ],
    ])('works as %s', async (_, file, imports) => {
        const { lines, ended } = run(
            file,
            `${imports}
(async () => {
  const server = connectServer({ url: '${relay.http}', passphrase: 'open sesame', WebSocket });
  const { id } = await server.opened;
  const client = connectClient({ url: '${relay.http}', serverId: id, WebSocket });
  const heard = server.once('message');
  await client.send(id, 'CHAT', { text: 'hello' });
  console.log((await heard).message.text);
  await client.close();
  await server.close();
})();
`,
        );
        expect(await ended).toBe(0);
        expect(lines).toEqual(['hello']);
    });
});

describe('the examples of the README', () => {
    test('server and client talk', async () => {
        const server = run('server.mjs', example('server'));
        const client = run('client.mjs', example('client'), await idIn(server.lines));
        expect(await client.ended).toBe(0);
        expect(client.lines).toEqual([
            expect.stringMatching(/^CHAT of .*: welcome$/),
            expect.stringMatching(/^CHAT of .*: hello$/),
        ]);
        await until('the server hears that the client left', () =>
            server.lines.some((line) => line.endsWith('has left')),
        );
    });

    test('a WebSocket is given', async () => {
        await idIn(run('node20.mjs', example('node20')).lines);
    });

    test('what is refused is explained', async () => {
        const { lines, ended } = run('errors.mjs', example('errors'));
        expect(await ended).toBe(0);
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(/^SCHEMA_VIOLATION .*\./);
    });

    describe('in a browser', () => {
        let browser: Browser;
        beforeAll(async () => {
            browser = await Browser.launch();
        });
        afterAll(() => browser.close());

        async function show(code: string, hash = ''): Promise<{ page: Page; lines: string[] }> {
            const page = await browser.page(hash);
            const lines: string[] = [];
            page.on('console', (message) => lines.push(message.text()));
            await page.addScriptTag({ type: 'module', content: code });
            return { page, lines };
        }

        test('server and client talk', async () => {
            const server = await show(example('server'));
            const client = await show(example('client'), await idIn(server.lines));
            await until('the client is answered', () => client.lines.some((line) => line.endsWith(': hello')));
            expect(server.lines[0]).toMatch(/over web(transport|socket)$/);
        });

        test('two pages say hello, directly', async () => {
            const server = await show(example('webrtc-server'));
            const client = await show(example('webrtc-client'), await idIn(server.lines));
            await until('the client hears', () => client.lines.includes('hello, directly'));
            await until('the server hears', () => server.lines.includes('hello back'));
        });
    });
});
