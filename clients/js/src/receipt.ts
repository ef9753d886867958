/** What `send` returns. */

/**
 * Fulfils when the relay has taken a message in and has not refused it: it is then on its way to its recipient.
 * Rejects with an `IntercessorError` when the relay refuses it, when it cannot be known any more whether it was taken
 * in (`SESSION_LOST`), or when it was not (`CLOSED`, `QUEUE_FULL`).
 *
 * The relay says nothing of what goes well. So it is asked where somebody waits for the answer, by `await` or `then`; a receipt
 * that nobody waits for costs nothing, and is no unhandled rejection.
 */
export class Receipt extends Promise<void> {
    /** What `then` and its kin return are plain promises. */
    static override get [Symbol.species](): PromiseConstructor {
        return Promise;
    }

    /** Calls `onWanted` once somebody waits for it. */
    static make(onWanted: () => void): { receipt: Receipt; settle: Settle } {
        let settle: Settle = () => {};
        const receipt = new Receipt((resolve, reject) => {
            settle = (error) => (error ? reject(error) : resolve());
        });
        // Not by `then`, which would be somebody who waits.
        Promise.prototype.then.call(receipt, undefined, () => {});
        receipt.#onWanted = onWanted;
        return { receipt, settle };
    }

    #onWanted: (() => void) | undefined;

    override then<A = void, B = never>(
        onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
        onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
        this.#onWanted?.();
        this.#onWanted = undefined;
        return super.then(onFulfilled, onRejected);
    }
}

/** Settles a receipt. The first time counts. */
export type Settle = (error?: Error) => void;
