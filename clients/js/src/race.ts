/** Tries several ways to the relay, so that one that hangs costs little, and takes one of them. */

import { broken, type End } from './codes.js';

/** One way that is tried. */
export interface Contender<T> {
    /**
     * Has the relay a session for us as soon as the handshake is done? Such a way is not tried beside another one: the
     * loser's session would come and go before everyone's eyes.
     */
    readonly eager: boolean;
    /** The handshake. Rejects with an {@link End}. */
    dial(): Promise<unknown>;
    /** Takes the session. Never called for two ways at once, and not again once one of them has succeeded. */
    go(): Promise<T>;
    /** Ends the try. */
    quit(): void;
}

/** How patient a race is, in milliseconds. */
export interface Patience {
    /** For how long the second lane waits for the first, where that has not failed. */
    headStart: number;
    /** How long a handshake may take, and then `go`. */
    timeout: number;
}

/** How long a way whose handshake is done waits for an eager one that has none yet. */
const GRACE = 1_000;

/** Runs each lane's ways one after the other, and the lanes side by side. Rejects with an {@link End}, or the signal's reason. */
export function race<T>(lanes: (() => Contender<T>)[][], patience: Patience, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
        const gate = new Gate();
        const running = new Set<Contender<T>>();
        const waiting = lanes.filter((lane) => lane.length > 0);
        let active = 0;
        let over = false;
        let last = broken('there is no way to the relay');
        let timer: ReturnType<typeof setTimeout> | undefined;

        const finish = (settle: () => void) => {
            if (!over) {
                over = true;
                clearTimeout(timer);
                signal.removeEventListener('abort', abort);
                running.forEach((contender) => contender.quit());
                running.clear();
                settle();
            }
        };
        const abort = () => finish(() => reject(signal.reason));

        const attempt = async (contender: Contender<T>) => {
            let leave: (() => void) | undefined;
            running.add(contender);
            try {
                const forfeit = contender.eager ? await gate.enter(true) : undefined;
                leave = forfeit?.leave;
                if (over) {
                    return;
                }
                await within(patience.timeout, [contender.dial(), ...(forfeit ? [forfeit.lost] : [])]);
                forfeit?.arrived();
                leave ??= (await gate.enter(false)).leave;
                if (over) {
                    return;
                }
                const value = await within(patience.timeout, [contender.go()]);
                running.delete(contender);
                finish(() => resolve(value));
            } catch (error) {
                last = isEnd(error) ? error : broken(String((error as Error | undefined)?.message ?? error));
                if (last.told) {
                    // It is the relay that says so: it would say the same on any other way.
                    finish(() => reject(last));
                }
            } finally {
                if (running.delete(contender)) {
                    contender.quit();
                }
                leave?.();
            }
        };
        const next = async () => {
            clearTimeout(timer);
            const lane = waiting.shift();
            if (!lane || over) {
                return;
            }
            active += 1;
            timer = setTimeout(next, patience.headStart);
            for (const make of lane) {
                if (!over) {
                    await attempt(make());
                }
            }
            active -= 1;
            if (waiting.length > 0) {
                next();
            } else if (active === 0) {
                finish(() => reject(last));
            }
        };

        if (signal.aborted) {
            abort();
        } else {
            signal.addEventListener('abort', abort);
            if (waiting.length > 0) {
                next();
            } else {
                finish(() => reject(last));
            }
        }
    });
}

function isEnd(error: unknown): error is End {
    return typeof (error as End | undefined)?.told === 'boolean';
}

function within<T>(timeout: number, promises: Promise<T>[]): Promise<T> {
    let timer: ReturnType<typeof setTimeout>;
    const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(broken('the relay did not answer in time')), timeout);
    });
    return Promise.race([...promises, late]).finally(() => clearTimeout(timer));
}

/** Lets one in at a time. */
class Gate {
    #tail: Promise<unknown> = Promise.resolve();
    /** Hurries whoever is in and has no handshake. */
    #hurry: (() => void) | undefined;

    async enter(eager: boolean) {
        const before = this.#tail;
        let leave: () => void = () => {};
        this.#tail = new Promise<void>((resolve) => {
            leave = resolve;
        });
        this.#hurry?.();
        await before;
        let timer: ReturnType<typeof setTimeout> | undefined;
        const arrived = () => {
            clearTimeout(timer);
            this.#hurry = undefined;
        };
        const lost = new Promise<never>((_, reject) => {
            if (eager) {
                this.#hurry = () => {
                    timer ??= setTimeout(() => reject(broken('the other transport was faster')), GRACE);
                };
            }
        });
        lost.catch(() => {});
        return {
            arrived,
            lost,
            leave: () => {
                arrived();
                leave();
            },
        };
    }
}
