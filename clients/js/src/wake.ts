/** When a page may have slept, or its network changed. */

/**
 * Calls `listener` whenever that is over; `changed`: it is another network now. What is returned stops that. Outside of browsers nothing
 * is ever heard.
 */
export function onWake(listener: (changed: boolean) => void): () => void {
    const { document, window } = globalThis as { document?: EventTarget & { hidden: boolean }; window?: EventTarget };
    if (!document || !window?.addEventListener) {
        return () => {};
    }
    const visible = () => {
        if (!document.hidden) {
            listener(false);
        }
    };
    const online = () => listener(true);
    document.addEventListener('visibilitychange', visible);
    window.addEventListener('online', online);
    window.addEventListener('pageshow', visible);
    return () => {
        document.removeEventListener('visibilitychange', visible);
        window.removeEventListener('online', online);
        window.removeEventListener('pageshow', visible);
    };
}
