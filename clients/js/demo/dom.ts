/** Short ways to the page. Texts go in as texts only. */

/** The element with this id. */
export function byId<T extends Element = HTMLElement>(id: string): T {
    const element = document.getElementById(id);
    if (!element) {
        throw new Error(`the page has no #${id}`);
    }
    return element as unknown as T;
}

/** A new element with these properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
    tag: K,
    properties: Partial<HTMLElementTagNameMap[K]> = {},
    ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
}

/** A new element of SVG with these attributes. */
export function draw(
    tag: string,
    attributes: Record<string, string | number>,
    ...children: (Node | string)[]
): Element {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) {
        element.setAttribute(name, String(value));
    }
    element.append(...children);
    return element;
}

/** Shows a text in an element, or hides it where there is none. */
export function tell(element: HTMLElement, text: string): void {
    element.textContent = text;
    element.hidden = !text;
}

/** The button of a group of radio buttons that is chosen. */
export function chosen(name: string): string {
    return document.querySelector<HTMLInputElement>(`input[name="${name}"]:checked`)?.value ?? '';
}
