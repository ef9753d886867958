/** Waits for conditions, never for time. */

/** Looks again and again until `condition` holds. */
export async function until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    patience = 30_000,
): Promise<void> {
    const deadline = Date.now() + patience;
    while (!(await condition())) {
        if (Date.now() > deadline) {
            throw new Error(`in vain waited for: ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

/** A generator that gives the same numbers for the same seed. */
export function random(seed: number): () => number {
    let state = seed;
    return () => {
        // mulberry32
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}
