/** Where in a JSON text a JSON pointer leads to. */

/** From where to where, in UTF-16 code units. */
export interface Range {
    start: number;
    end: number;
}

/** The ranges of all values of a JSON text, by their JSON pointers (RFC 6901). The text has to be valid. */
export function locate(text: string): Map<string, Range> {
    const ranges = new Map<string, Range>();
    let at = 0;

    const space = () => {
        while (/\s/.test(text[at] ?? '')) {
            at += 1;
        }
    };
    const string = (): string => {
        const start = at;
        at += 1;
        while (text[at] !== '"') {
            at += text[at] === '\\' ? 2 : 1;
        }
        at += 1;
        return JSON.parse(text.slice(start, at)) as string;
    };
    /** Members or elements up to a closing bracket. */
    const all = (close: string, one: (index: number) => void) => {
        at += 1;
        space();
        for (let index = 0; text[at] !== close; index += 1) {
            one(index);
            space();
            if (text[at] === ',') {
                at += 1;
                space();
            }
        }
        at += 1;
    };
    const value = (pointer: string) => {
        space();
        const start = at;
        if (text[at] === '{') {
            all('}', () => {
                const name = string().replaceAll('~', '~0').replaceAll('/', '~1');
                space();
                at += 1;
                value(`${pointer}/${name}`);
            });
        } else if (text[at] === '[') {
            all(']', (index) => value(`${pointer}/${index}`));
        } else if (text[at] === '"') {
            string();
        } else {
            at += /^[\w.+-]+/.exec(text.slice(at))?.[0].length ?? 1;
        }
        ranges.set(pointer, { start, end: at });
    };
    value('');
    return ranges;
}
