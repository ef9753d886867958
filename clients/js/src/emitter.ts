/** Listeners by the name of what they listen to. */

/** How a listener is kept. */
export interface ListenOptions {
    /** Removes the listener when it aborts. */
    signal?: AbortSignal;
    /** Removes the listener after the first time. */
    once?: boolean;
}

/** Calls listeners. One that throws costs the others nothing: what it threw is reported as an uncaught error. */
export class Emitter<Events> {
    readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

    /** Adds a listener. What is returned removes it. */
    on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void, options: ListenOptions = {}): () => void {
        const listeners = this.#listeners.get(name) ?? new Set();
        this.#listeners.set(name, listeners);
        const off = () => {
            listeners.delete(call);
            options.signal?.removeEventListener('abort', off);
        };
        const call = (event: Events[K]) => {
            if (options.once) {
                off();
            }
            listener(event);
        };
        if (!options.signal?.aborted) {
            listeners.add(call);
            options.signal?.addEventListener('abort', off);
        }
        return off;
    }

    /** Calls who listens now. */
    emit<K extends keyof Events>(name: K, event: Events[K]): void {
        for (const listener of [...(this.#listeners.get(name) ?? [])]) {
            try {
                (listener as (event: Events[K]) => void)(event);
            } catch (error) {
                queueMicrotask(() => {
                    throw error;
                });
            }
        }
    }
}
