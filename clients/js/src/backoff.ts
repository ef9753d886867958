/** How long to wait between tries. */

const FIRST = 250;
const LONGEST = 15_000;

/**
 * Full jitter: anything up to a bound that doubles with each try, so that many peers that lost their relay in one
 * instant do not come back in one.
 */
export function backoff(attempt: number, random: () => number): number {
    return random() * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt - 1, 16));
}
