// A plot of the last minutes, in SVG.

/** The time that a plot shows at most; less while there is less to show. */
const MINUTES = 5;
const GUTTER = { left: 52, right: 8, top: 8, bottom: 20 };

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}

/** The next round number whose half is as round. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

/** From zero up. */
const LINEAR = {
  range: (values) => [0, nice(Math.max(2, ...values))],
  ticks: ([, high]) => [0, high / 2, high],
  place: (value, [, high]) => value / high,
};

/** By powers of ten. */
const LOGARITHMIC = {
  range(values) {
    const low = Math.floor(Math.log10(Math.min(1e-4, ...values)));
    const high = Math.ceil(Math.log10(Math.max(1e-3, ...values)));
    return [low, high];
  },
  ticks([low, high]) {
    const every = Math.ceil((high - low) / 4);
    const ticks = [];
    for (let power = low; power <= high; power += every) ticks.push(10 ** power);
    return ticks;
  },
  place: (value, [low, high]) => (Math.log10(value) - low) / (high - low),
};

class Plot {
  /** `figure` has a caption already. `format` words a value. */
  constructor(figure, format, scale = LINEAR) {
    this.format = format;
    this.scale = scale;
    this.title = figure.querySelector('h2').textContent;
    this.picture = svg('svg', { role: 'img' });
    this.legend = document.createElement('ul');
    this.legend.className = 'legend';
    figure.append(this.picture, this.legend);
    this.names = [];
    this.points = [];
    this.pointed = null;
    this.picture.addEventListener('pointermove', (event) => this.point(event));
    this.picture.addEventListener('pointerleave', () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  /** Draws these points, each `{time, values: {name: number or null}}`; a gap is a point without values. */
  show(names, points) {
    this.names = names;
    this.points = points;
    this.draw();
  }

  point(event) {
    this.pointed = event && event.clientX - this.picture.getBoundingClientRect().left;
    this.draw();
  }

  draw() {
    const { width, height } = this.picture.getBoundingClientRect();
    if (width === 0) return;
    const area = { x: GUTTER.left, y: GUTTER.top, width: width - GUTTER.left - GUTTER.right, height: height - GUTTER.top - GUTTER.bottom };
    const end = this.points.at(-1)?.time ?? 0;
    const age = (end - (this.points[0]?.time ?? end)) / 60000;
    const minutes = Math.min(MINUTES, Math.max(1, Math.ceil(age)));
    const across = (time) => area.x + area.width * (1 - (end - time) / (minutes * 60000));
    const values = this.points.flatMap(({ values }) => this.names.map((name) => values[name] ?? null)).filter((value) => value !== null);
    const range = this.scale.range(values);
    const up = (value) => area.y + area.height * (1 - this.scale.place(value, range));
    this.picture.replaceChildren(...this.axes(area, range, up, minutes), ...this.curves(across, up));
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const shown = this.shown(across);
    if (shown && this.pointed !== null) {
      const x = across(shown.time);
      this.picture.append(svg('line', { class: 'cursor', x1: x, x2: x, y1: area.y, y2: area.y + area.height }));
    }
    this.tell(shown?.values ?? {});
  }

  /** The point that the legend tells: the one under the pointer, else the last. */
  shown(across) {
    if (this.pointed === null) return this.points.at(-1);
    const far = ({ time }) => Math.abs(across(time) - this.pointed);
    return this.points.reduce((best, point) => (best && far(best) <= far(point) ? best : point), undefined);
  }

  axes(area, range, up, minutes) {
    const right = area.x + area.width;
    const lines = this.scale.ticks(range).flatMap((tick) => [
      svg('line', { class: 'grid', x1: area.x, x2: right, y1: up(tick), y2: up(tick) }),
      svg('text', { x: area.x - 6, y: up(tick) + 4, 'text-anchor': 'end' }, this.format(tick).replace('.0', '')),
    ]);
    const bottom = area.y + area.height + 16;
    return [
      ...lines,
      svg('text', { x: area.x, y: bottom }, `${minutes} min ago`),
      svg('text', { x: right, y: bottom, 'text-anchor': 'end' }, 'now'),
    ];
  }

  curves(across, up) {
    return this.names.map((name, at) => {
      let pen = 'M';
      const path = this.points.flatMap(({ time, values }) => {
        const value = values[name] ?? null;
        const step = value === null ? [] : [`${pen}${across(time).toFixed(1)} ${up(value).toFixed(1)}`];
        pen = value === null ? 'M' : 'L';
        return step;
      });
      return svg('path', { class: `curve style-${at + 1}`, d: path.join('') });
    });
  }

  tell(values) {
    const words = this.names.map((name) => this.format(values[name] ?? null));
    const items = this.names.map((name, at) => {
      const item = document.createElement('li');
      const value = document.createElement('b');
      value.textContent = words[at];
      item.append(svg('svg', { viewBox: '0 0 26 10', 'aria-hidden': 'true' }, svg('path', { class: `curve style-${at + 1}`, d: 'M1 5H25' })), name, value);
      return item;
    });
    this.legend.replaceChildren(...items);
    const told = this.names.map((name, at) => `${name} ${words[at]}`).join(', ');
    this.picture.setAttribute('aria-label', `${this.title}, the last minutes. Now: ${told || 'nothing'}`);
  }
}
