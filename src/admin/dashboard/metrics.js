// Metrics as /metrics tells them, and what two readings of them say together.

/** One reading: every series by the name of its metric. */
class Reading {
  /** Reads Prometheus' text format, 0.0.4. `time` is in milliseconds and `clock`, which is the relay's, in seconds. */
  constructor(text, time, clock) {
    this.time = time;
    this.clock = clock;
    this.metrics = new Map();
    for (const line of text.split('\n')) {
      const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!found) continue;
      const [, name, labels, value] = found;
      if (!this.metrics.has(name)) this.metrics.set(name, []);
      this.metrics.get(name).push({ labels: readLabels(labels ?? ''), value: Number(value.replace('Inf', 'Infinity')) });
    }
  }

  /** All series of a metric that have these labels. */
  all(name, labels = {}) {
    const wanted = Object.entries(labels);
    const series = this.metrics.get(name) ?? [];
    return series.filter((one) => wanted.every(([label, value]) => one.labels[label] === value));
  }

  /** Their sum; 0 where there are none. */
  sum(name, labels) {
    return this.all(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** The sums for each value of a label. */
  by(name, label) {
    const sums = new Map();
    for (const { labels, value } of this.all(name)) sums.set(labels[label], (sums.get(labels[label]) ?? 0) + value);
    return sums;
  }
}

function readLabels(text) {
  const unescaped = { n: '\n', '"': '"', '\\': '\\' };
  const labels = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped) => unescaped[escaped] ?? escaped);
  }
  return labels;
}

/** What happened between two readings of the same process. */
class Span {
  constructor(before, now) {
    this.before = before;
    this.now = now;
    this.seconds = (now.time - before.time) / 1000;
  }

  /** How much counters grew in a second. */
  rate(name, labels) {
    return (this.now.sum(name, labels) - this.before.sum(name, labels)) / this.seconds;
  }

  /** The same for each value of a label. */
  rates(name, label) {
    const before = this.before.by(name, label);
    const grown = [...this.now.by(name, label)].map(([value, sum]) => [value, (sum - (before.get(value) ?? 0)) / this.seconds]);
    return new Map(grown);
  }

  /** A quantile of what a histogram took in, in its unit; null where that was nothing. Within a bucket all is spread evenly. */
  quantile(name, quantile) {
    const old = new Map(this.before.all(`${name}_bucket`).map(({ labels, value }) => [labels.le, value]));
    const buckets = this.now
      .all(`${name}_bucket`)
      .map(({ labels, value }) => ({ bound: Number(labels.le.replace('+Inf', 'Infinity')), count: value - (old.get(labels.le) ?? 0) }))
      .sort((a, b) => a.bound - b.bound);
    const rank = quantile * (buckets.at(-1)?.count ?? 0);
    if (!(rank > 0)) return null;
    const at = buckets.findIndex(({ count }) => count >= rank);
    const lower = at > 0 ? buckets[at - 1] : { bound: 0, count: 0 };
    const { bound, count } = buckets[at];
    if (bound === Infinity) return lower.bound;
    return lower.bound + ((bound - lower.bound) * (rank - lower.count)) / (count - lower.count);
  }

  /** The mean of what a histogram took in; null where that was nothing. */
  mean(name) {
    const count = this.rate(`${name}_count`);
    return count > 0 ? this.rate(`${name}_sum`) / count : null;
  }
}
