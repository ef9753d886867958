// Makes the script of the relay's demo page, of this folder and the client itself. It is committed, since the relay is
// built by cargo alone.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Where the relay has it from. */
export const SCRIPT = fileURLToPath(new URL('../../../src/transport/demo/demo.js', import.meta.url));

const root = fileURLToPath(new URL('..', import.meta.url));

/** The script, readable. */
export async function bundle() {
    const licence = readFileSync(new URL('../node_modules/uqr/LICENSE', import.meta.url), 'utf8');
    const built = await build({
        absWorkingDir: root,
        entryPoints: ['demo/main.ts'],
        bundle: true,
        write: false,
        format: 'iife',
        target: 'es2022',
        charset: 'utf8',
        legalComments: 'none',
        banner: {
            js: `// Made of clients/js/demo and clients/js/src by \`npm run demo\` in clients/js: change it there.\n
/*!
QR codes are made by uqr, whose code is part of this script:\n\n${licence.trim()}\n*/`,
        },
    });
    return built.outputFiles[0].text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    writeFileSync(SCRIPT, await bundle());
}
