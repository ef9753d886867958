/** A moving picture for who has no camera, or does not want to show it. */

const WIDTH = 480;
const HEIGHT = 360;
const PER_SECOND = 20;
const STRANDS = 5;
/** From one point of a line to the next. */
const STEP = 8;
const MICROSECONDS = 1_000_000;
const RIBBONS = ['#7db0ff', '#4f86dd', '#f2a65e', '#cb9ff2', '#72cf9b'];

/** What Chromium has, and TypeScript does not know. */
declare const MediaStreamTrackGenerator:
    (new (init: { kind: 'video' }) => MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> }) | undefined;

/** A moving picture, and how it ends. */
export interface Moving {
    stream: MediaStream;
    stop(): void;
}

/** May it stand still while the tab is hidden? A canvas that nobody sees is not captured. */
export const standsStillWhenHidden = typeof MediaStreamTrackGenerator === 'undefined';

/** Begins one, with a caption in it. */
export function movingPicture(caption: string): Moving {
    const canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    const context = canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
    const began = performance.now();
    const paint = () => paintFrame(context, (performance.now() - began) / 1_000, caption);
    paint();
    if (typeof MediaStreamTrackGenerator === 'undefined') {
        return { stream: canvas.captureStream(PER_SECOND), stop: tick(paint) };
    }
    const track = new MediaStreamTrackGenerator({ kind: 'video' });
    const writer = track.writable.getWriter();
    let frames = 0;
    const stop = tick(() => {
        paint();
        frames += 1;
        const frame = new VideoFrame(canvas, { timestamp: (frames * MICROSECONDS) / PER_SECOND });
        // The track takes no more once it has ended.
        writer.write(frame).catch(() => frame.close());
    });
    return { stream: new MediaStream([track]), stop };
}

/** Calls at each frame, also while the tab is hidden: the timers of a page are slowed down then, and a worker's are not. */
function tick(frame: () => void): () => void {
    const source = `setInterval(() => postMessage(0), ${1_000 / PER_SECOND});`;
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(trusted(url));
    URL.revokeObjectURL(url);
    worker.onmessage = frame;
    return () => worker.terminate();
}

/** The page's policy takes no plain text for a script's address. */
function trusted(url: string): string {
    const { trustedTypes } = globalThis as unknown as {
        trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
    };
    policy ??= trustedTypes?.createPolicy('clock', { createScriptURL: (url: string) => url });
    return policy?.createScriptURL(url) ?? url;
}

let policy: { createScriptURL(url: string): string } | undefined;

function paintFrame(context: CanvasRenderingContext2D, time: number, caption: string): void {
    context.fillStyle = '#121826';
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.lineWidth = 2;
    RIBBONS.forEach((color, ribbon) => {
        context.strokeStyle = color;
        for (let strand = 0; strand < STRANDS; strand += 1) {
            context.globalAlpha = 0.9 - (strand / STRANDS) * 0.75;
            context.beginPath();
            for (let x = -STEP; x <= WIDTH + STEP; x += STEP) {
                const phase = time * (0.5 + ribbon * 0.13) + ribbon * 1.7 + strand * 0.13;
                const swell = Math.sin((x / WIDTH) * Math.PI) * (58 + 24 * Math.sin(time * 0.4 + ribbon));
                const y = HEIGHT * 0.46 + Math.sin(x / 66 + phase) * swell + Math.sin(x / 31 - phase * 1.3) * 12;
                context.lineTo(x, y);
            }
            context.stroke();
        }
    });
    context.globalAlpha = 1;
    context.fillStyle = '#fff';
    context.font = '600 21px system-ui, sans-serif';
    context.fillText(caption, 18, HEIGHT - 20);
    context.textAlign = 'right';
    context.fillText(clock(time), WIDTH - 18, HEIGHT - 20);
    context.textAlign = 'left';
}

/** Minutes, seconds and tenths: how late the other side sees them can be read off. */
function clock(time: number): string {
    const minutes = Math.floor(time / 60) % 60;
    return `${String(minutes).padStart(2, '0')}:${(time % 60).toFixed(1).padStart(4, '0')}`;
}
