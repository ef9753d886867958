/** Where the relay has the script from. */
export const SCRIPT: string;
/** The script, readable. */
export function bundle(): Promise<string>;
