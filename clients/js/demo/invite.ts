/** How others get here: the id, the link and its QR code. */

import { encode } from 'uqr';
import { byId, draw } from './dom.js';
import type { Room } from './room.js';
import { isLoopback } from './words.js';

/** White around the code, in modules (ISO/IEC 18004 wants four). */
const QUIET_ZONE = 4;
const COPIED_FOR = 1_500;

/** Shows the server's id and the ways to it. */
export function showInvite(room: Room): void {
    const id = byId<HTMLInputElement>('server-id');
    const link = byId<HTMLInputElement>('link');
    copies(byId<HTMLButtonElement>('copy-id'), id);
    copies(byId<HTMLButtonElement>('copy-link'), link);
    byId('loopback').hidden = !isLoopback(location.hostname);
    room.events.on('began', (opened) => {
        const url = linkTo(opened.id);
        id.value = opened.id;
        link.value = url;
        byId<HTMLAnchorElement>('open-client').href = url;
        drawCode(byId('qr'), url);
    });
}

/** The address of a client's page. */
function linkTo(id: string): string {
    return `${location.origin}${location.pathname}#${encodeURIComponent(id)}`;
}

function drawCode(svg: Element, text: string): void {
    const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE });
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
    svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    svg.setAttribute('shape-rendering', 'crispEdges');
    svg.replaceChildren(
        draw('rect', { width: size, height: size, fill: '#fff' }),
        draw('path', { d: dark.join(''), fill: '#000' }),
    );
}

function copies(button: HTMLButtonElement, field: HTMLInputElement): void {
    field.onfocus = () => field.select();
    button.onclick = async () => {
        try {
            await navigator.clipboard.writeText(field.value);
        } catch {
            // Pages that are not secure have no clipboard.
            field.select();
            document.execCommand('copy');
        }
        button.textContent = 'Copied';
        setTimeout(() => (button.textContent = 'Copy'), COPIED_FOR);
    };
}
