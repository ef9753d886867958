/** The plot of round trips: a minute, and a scale of powers of ten, since the two paths may be far apart. */

import { draw } from './dom.js';
import { milliseconds } from './words.js';

/** What the plot shows, in milliseconds. */
export const MINUTE = 60_000;
const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 68;
const RIGHT = WIDTH - 8;
const TOP = 12;
const BOTTOM = HEIGHT - 24;
/** Samples further apart have no line between them. */
const GAP = 3_500;

/** A round trip, and when it ended. */
export interface Sample {
    at: number;
    time: number;
}

/** Draws the samples of each path as they are now. */
export function plot(svg: Element, paths: Sample[][], now: number): void {
    const times = paths.flat().map(({ time }) => Math.max(time, 0.1));
    const least = Math.floor(Math.log10(Math.min(...times, 1)));
    const most = Math.max(Math.ceil(Math.log10(Math.max(...times, 1))), least + 1);
    const x = (at: number) => RIGHT - ((now - at) / MINUTE) * (RIGHT - LEFT);
    const y = (time: number) => {
        const share = (Math.log10(Math.max(time, 0.1)) - least) / (most - least);
        return BOTTOM - share * (BOTTOM - TOP);
    };
    const drawn: Element[] = [];
    for (let power = least; power <= most; power += 1) {
        const at = y(10 ** power);
        drawn.push(
            draw('path', { class: 'grid', d: `M${LEFT} ${at}H${RIGHT}` }),
            draw('text', { x: LEFT - 8, y: at + 4, 'text-anchor': 'end' }, label(10 ** power)),
        );
    }
    drawn.push(
        draw('text', { x: LEFT, y: HEIGHT - 5 }, '1 min ago'),
        draw('text', { x: RIGHT, y: HEIGHT - 5, 'text-anchor': 'end' }, 'now'),
    );
    paths.forEach((samples, index) => {
        let before = -Infinity;
        const steps = samples.map(({ at, time }) => {
            const step = `${at - before > GAP ? 'M' : 'L'}${x(at).toFixed(1)} ${y(time).toFixed(1)}`;
            before = at;
            return step;
        });
        drawn.push(draw('path', { class: `curve style-${index + 1}`, d: steps.join('') }));
    });
    svg.replaceChildren(...drawn);
}

/** The time in the middle. */
export function median(samples: Sample[]): number | undefined {
    const times = samples.map(({ time }) => time).sort((a, b) => a - b);
    return times[Math.floor(times.length / 2)];
}

function label(time: number): string {
    return time < 1 ? `${time * 1_000} µs` : milliseconds(time).replace(/\.0/, '');
}
