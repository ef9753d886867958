/** Browsers whose WebTransport is known to fail in use. */

/**
 * May WebTransport be used in this browser?
 *
 * - WebKit (Safari, and every browser on iOS) never gives flow-control credit back, so that a long session stalls:
 *   https://bugs.webkit.org/show_bug.cgi?id=319818
 * - Firefox before 153 takes two streams of the relay at a time and no more:
 *   https://bugzilla.mozilla.org/show_bug.cgi?id=2046262
 */
export function webTransportWorks(userAgent: string): boolean {
    const firefox = /Firefox\/(\d+)/.exec(userAgent);
    if (firefox) {
        return Number(firefox[1]) >= 153;
    }
    const webKit = /AppleWebKit\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent);
    return !webKit && !/iPhone|iPad|iPod|CriOS|FxiOS|EdgiOS/.test(userAgent);
}
