import { defineConfig } from 'vitest/config';

export default defineConfig({
    test: {
        include: ['test/**/*.test.ts'],
        globalSetup: 'test/tools/build.ts',
        testTimeout: 60_000,
        hookTimeout: 60_000,
        // Each file starts relays, and some a browser: more at once than this would only wait for one another.
        maxWorkers: 2,
    },
});
