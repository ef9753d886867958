/** Messages for whoever iterates over them. */

import { IntercessorError } from './errors.js';

/** How many messages may wait to be read. */
export const UNREAD = 1024;

/** A bounded queue with an asynchronous reader. */
export class Inbox<T> implements AsyncIterableIterator<T> {
    readonly #waiting: T[] = [];
    readonly #takers: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = [];
    #done = false;
    #error: unknown;

    /** `onDone` is called once, when nothing more is to be put in. */
    constructor(
        readonly limit: number,
        private readonly onDone: () => void,
    ) {}

    /** Over the bound the reader gets what waits, and then an error. */
    put(value: T): void {
        const taker = this.#takers.shift();
        if (taker) {
            taker.resolve({ done: false, value });
        } else if (this.#waiting.length < this.limit) {
            this.#waiting.push(value);
        } else {
            const detail = `${this.limit} messages wait to be read, and this one has no place: read faster, or give a higher limit`;
            this.end(new IntercessorError('UNREAD', detail));
        }
    }

    /** Nothing comes after what waits. */
    end(error?: unknown): void {
        if (!this.#done) {
            this.#done = true;
            this.#error = error;
            this.onDone();
            for (const taker of this.#takers.splice(0)) {
                this.#over(taker);
            }
        }
    }

    next(): Promise<IteratorResult<T>> {
        return new Promise((resolve, reject) => {
            if (this.#waiting.length > 0) {
                resolve({ done: false, value: this.#waiting.shift() as T });
            } else if (this.#done) {
                this.#over({ resolve, reject });
            } else {
                this.#takers.push({ resolve, reject });
            }
        });
    }

    /** The reader has had enough. */
    async return(): Promise<IteratorResult<T>> {
        this.#waiting.length = 0;
        this.end();
        return { done: true, value: undefined };
    }

    [Symbol.asyncIterator](): this {
        return this;
    }

    #over({ resolve, reject }: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }): void {
        const error = this.#error;
        this.#error = undefined;
        if (error === undefined) {
            resolve({ done: true, value: undefined });
        } else {
            reject(error);
        }
    }
}
