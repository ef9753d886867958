// Numbers as people read them.

const NOTHING = '–';
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const words = {
  count: (value) => (value === null ? NOTHING : whole.format(value)),

  rate(value) {
    if (value === null) return NOTHING;
    return value > 0 && value < 99.95 ? tenths.format(value) : whole.format(value);
  },

  bytes(value) {
    if (value === null) return NOTHING;
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let at = 0;
    while (value >= 1023.5 && at < units.length - 1) {
      value /= 1024;
      at += 1;
    }
    return `${at > 0 && value < 99.95 ? tenths.format(value) : whole.format(value)} ${units[at]}`;
  },

  /** A short time, in seconds. */
  time(value) {
    if (value === null) return NOTHING;
    const [unit, size] = value < 1e-3 ? ['µs', 1e-6] : value < 1 ? ['ms', 1e-3] : ['s', 1];
    return `${Number((value / size).toPrecision(3))} ${unit}`;
  },

  /** A long time, in seconds. */
  duration(value) {
    const sizes = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
    const at = sizes.findIndex(([, size]) => value >= size);
    if (at < 0) return '0 s';
    const [unit, size] = sizes[at];
    const first = `${Math.floor(value / size)} ${unit}`;
    if (at > 1) return first;
    const [smaller, part] = sizes[at + 1];
    return `${first} ${Math.floor((value % size) / part)} ${smaller}`;
  },

  of: (value, limit, format) => (limit > 0 ? `${format(value)} of ${format(limit)}` : format(value)),

  plural: (count, one, many) => `${words.count(count)} ${count === 1 ? one : many}`,
};
