/** How far the numbers of a run have come. */

/** What has come of one run. */
export interface Tally {
    run: string;
    /** The highest number. */
    last: number;
    /** How many have come. */
    arrived: number;
    /** How many were left out, */
    missing: number;
    /** and how many were doubled or late. */
    wrong: number;
}

/** One more number. */
export function count(tally: Tally | undefined, { run, n }: { run: string; n: number }): Tally {
    if (tally?.run !== run) {
        return { run, last: n, arrived: 1, missing: n - 1, wrong: 0 };
    }
    return n > tally.last
        ? { ...tally, last: n, arrived: tally.arrived + 1, missing: tally.missing + n - tally.last - 1 }
        : { ...tally, wrong: tally.wrong + 1 };
}
