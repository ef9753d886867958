/** Close codes, and what they mean for coming back. */

/** The relay's codes after which another try is of no use. */
const FINAL = [1000, 1002, 1003, 1007, 1009, 4400, 4401, 4403, 4404, 4409, 4410, 4422];

/** Why a connection ended, or none came about. */
export interface End {
    code: number;
    reason: string;
    /** In how many seconds the relay wants to see us again. */
    reconnectIn?: number;
    /** Did the relay say so, in BYE or by a code of its own? Else something broke. */
    told: boolean;
}

/** An end that nobody told. */
export function broken(reason: string): End {
    return { code: 1006, reason, told: false };
}

/** Is another try of no use? */
export function isFinal(end: End): boolean {
    return end.told && end.reconnectIn === undefined && FINAL.includes(end.code);
}

/** The end that a connection came to without BYE. Codes that anything on the way may use say nothing of the relay. */
export function endOf(code: number, reason: string): End {
    return { code, reason, told: code >= 4400 || (FINAL.includes(code) && code !== 1000) };
}
