// Builds the package: ES modules and CommonJS, each with types, by the TypeScript compiler alone; and one minified
// file of each entry for a <script type="module">, whose size is what the client costs a page.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
const tsc = fileURLToPath(new URL('./node_modules/.bin/tsc', import.meta.url));

rmSync('dist', { recursive: true, force: true });
execFileSync(tsc, ['-p', 'tsconfig.json'], { stdio: 'inherit' });
execFileSync(tsc, ['-p', 'tsconfig.cjs.json'], { stdio: 'inherit' });
mkdirSync('dist/cjs', { recursive: true });
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n');

for (const [entry, file] of [
    ['index', 'intercessor-client.min.js'],
    ['webrtc', 'intercessor-webrtc.min.js'],
]) {
    await build({
        entryPoints: [`src/${entry}.ts`],
        outfile: `dist/${file}`,
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'es2022',
        legalComments: 'none',
    });
    console.log(`${file}: ${gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length} bytes with gzip`);
}

for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    copyFileSync(`../../${licence}`, licence);
}
