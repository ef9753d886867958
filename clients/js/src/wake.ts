/** When a page may have slept, or its network changed. */

/** Calls `listener` whenever that is over. What is returned stops that. Outside of browsers nothing is ever heard. */
export function onWake(listener: () => void): () => void {
    const { document, window } = globalThis as { document?: EventTarget & { hidden: boolean }; window?: EventTarget };
    if (!document || !window?.addEventListener) {
        return () => {};
    }
    const visible = () => {
        if (!document.hidden) {
            listener();
        }
    };
    document.addEventListener('visibilitychange', visible);
    window.addEventListener('online', listener);
    window.addEventListener('pageshow', visible);
    return () => {
        document.removeEventListener('visibilitychange', visible);
        window.removeEventListener('online', listener);
        window.removeEventListener('pageshow', visible);
    };
}
