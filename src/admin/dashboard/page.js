// The page: asks for /metrics again and again, and shows what it says.

const EVERY = 2000;
const PATIENCE = 5000;
/** Quantiles are of this much time, so that a few envelopes do not make them jump. */
const WINDOW = 10000;
/** The system tells the processor's time in whole seconds. */
const LONG_WINDOW = 60000;
const NEARLY_OVER = 3 * 86400;
const RELAY = 'intercessor_relay_duration_seconds';

const element = (id) => document.getElementById(id);
const plots = {
  sessions: new Plot(element('plot-sessions'), words.count),
  messages: new Plot(element('plot-messages'), words.rate),
  refusals: new Plot(element('plot-refusals'), words.rate),
  latency: new Plot(element('plot-latency'), words.time, LOGARITHMIC),
};
/** What the plots show, and the readings that it comes of. */
let history = [];
let readings = [];
let silentSince = null;

function write(id, text, unit) {
  const target = element(id);
  target.replaceChildren(text);
  if (unit && text !== NOTHING) {
    const small = document.createElement('small');
    small.textContent = unit;
    target.append(small);
  }
}

function warn(id, text, bad) {
  write(id, text);
  element(id).classList.toggle('bad', bad);
}

function setState(state, text) {
  element('state').dataset.state = state;
  if (element('state-text').textContent !== text) element('state-text').textContent = text;
  document.body.classList.toggle('silent', state === 'silent');
}

function rows(id, table, none) {
  const cell = (text, at) => {
    const made = document.createElement(at === 0 ? 'th' : 'td');
    if (at === 0) made.scope = 'row';
    if (typeof text === 'string') made.textContent = text;
    else {
      made.textContent = text.text;
      made.classList.toggle('bad', text.bad);
    }
    return made;
  };
  const made = (table.length > 0 ? table : [[none]]).map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map(cell));
    return row;
  });
  element(id).replaceChildren(...made);
}

/** Handshakes that were refused for their login, which is counted as such. */
const LOGIN_REASONS = ['login', 'too_many_failed', 'busy'];

/** Every refusal, by reason: of envelopes by their code, of handshakes, and of logins. */
function refusals(reading) {
  const found = new Map();
  const add = (reason, count) => count > 0 && found.set(reason, (found.get(reason) ?? 0) + count);
  for (const [code, count] of reading.by('intercessor_refused_envelopes_total', 'code')) add(code, count);
  for (const [reason, count] of reading.by('intercessor_refused_handshakes_total', 'reason')) {
    if (!LOGIN_REASONS.includes(reason)) add(`handshake: ${reason}`, count);
  }
  for (const [outcome, count] of reading.by('intercessor_logins_total', 'outcome')) if (outcome !== 'ok') add(`login: ${outcome}`, count);
  return found;
}

function refusalRates(span) {
  if (!span) return new Map();
  const before = refusals(span.before);
  return new Map([...refusals(span.now)].map(([reason, count]) => [reason, (count - (before.get(reason) ?? 0)) / span.seconds]));
}

function showGlance(now, span, window) {
  const rate = (name) => (span ? span.rate(name) : null);
  const roles = now.by('intercessor_sessions', 'role');
  write('sessions', words.count(now.sum('intercessor_sessions')));
  write('sessions-more', `${words.plural(roles.get('server') ?? 0, 'server', 'servers')}, ${words.plural(roles.get('client') ?? 0, 'client', 'clients')}`);
  write('rooms', words.count(now.sum('intercessor_rooms')));
  write('rooms-more', `of ${words.count(now.sum('intercessor_rooms_limit'))}`);
  for (const direction of ['received', 'sent']) {
    write(direction, words.rate(rate(`intercessor_${direction}_envelopes_total`)), '/s');
    write(`${direction}-more`, `${words.count(now.sum(`intercessor_${direction}_envelopes_total`))} in all`);
  }
  const sum = (map) => [...map.values()].reduce((all, one) => all + one, 0);
  write('refused', words.rate(span ? sum(refusalRates(span)) : null), '/s');
  write('refused-more', `${words.count(sum(refusals(now)))} in all`);
  const [value, unit] = words.time(window?.quantile(RELAY, 0.5) ?? null).split(' ');
  write('latency', value, unit);
  write('latency-more', `p99 ${words.time(window?.quantile(RELAY, 0.99) ?? null)}`);
}

function showRelay(now, span) {
  const seconds = now.clock;
  write('version', now.all('intercessor_build_info')[0]?.labels.version ?? NOTHING);
  write('uptime', words.duration(seconds - now.sum('process_start_time_seconds')));
  const since = seconds - now.sum('intercessor_config_last_reload_success_timestamp_seconds');
  write('config', `generation ${words.count(now.sum('intercessor_config_generation'))}, ${words.duration(Math.max(0, since))} old`);
  const good = now.sum('intercessor_config_last_reload_successful') === 1;
  const reloads = now.sum('intercessor_config_reloads_total');
  warn('reload', !good ? 'refused: see the log' : reloads > 0 ? 'done' : 'none since the start', !good);
  write('memory', words.bytes(now.sum('process_resident_memory_bytes')));
  write('cpu', span ? `${words.count(100 * span.rate('process_cpu_seconds_total'))} % of a core` : NOTHING);
  write('files', words.of(now.sum('process_open_fds'), now.sum('process_max_fds'), words.count));
}

function showLoad(now, window) {
  const full = (id, used, limit, format) => warn(id, words.of(now.sum(used), now.sum(limit), format), now.sum(used) >= 0.9 * now.sum(limit));
  full('connections', 'intercessor_connections', 'intercessor_connections_limit', words.count);
  write('parked', words.count(now.sum('intercessor_parked_sessions')));
  write('queued', words.count(now.sum('intercessor_queued_envelopes')));
  full('longest', 'intercessor_longest_queue_envelopes', 'intercessor_queue_limit_envelopes', words.count);
  full('queued-bytes', 'intercessor_queued_bytes', 'intercessor_queued_limit_bytes', words.bytes);
  write('schema', words.time(window?.mean('intercessor_schema_duration_seconds') ?? null));
  const right = now.sum('intercessor_logins_total', { outcome: 'ok' });
  write('logins', `${words.count(right)} and ${words.count(now.sum('intercessor_logins_total') - right)}`);
}

function showTables(now, span) {
  const names = { websocket: 'WebSocket', webtransport: 'WebTransport' };
  const rate = (name, labels, format, unit) => (span ? `${format(span.rate(name, labels))}${unit}` : NOTHING);
  const traffic = now.all('intercessor_sessions').map(({ labels, value }) => {
    const { role, transport } = labels;
    const flow = (direction) => [
      rate(`intercessor_${direction}_envelopes_total`, { role, transport }, words.rate, ' /s'),
      rate(`intercessor_${direction}_bytes_total`, { role, transport }, words.bytes, '/s'),
    ];
    return [`${role === 'server' ? 'Servers' : 'Clients'} over ${names[transport]}`, words.count(value), ...flow('received'), ...flow('sent')];
  });
  rows('traffic', traffic, 'None');
  const rates = refusalRates(span);
  const refused = [...refusals(now)].sort(([, one], [, other]) => other - one);
  rows('refusals', refused.map(([reason, count]) => [reason, `${words.rate(rates.get(reason) ?? null)} /s`, words.count(count)]), 'None since the start');
  const certificates = now.all('intercessor_certificate_expiry_timestamp_seconds').map(({ labels, value }) => {
    const left = value - now.clock;
    return [labels.listener, { text: left > 0 ? words.duration(left) : 'expired', bad: left < NEARLY_OVER }];
  });
  rows('certificates', certificates, 'No listener has one');
}

/** The reasons with most refusals in what the plot shows, and the rest as one. */
function topRefusals() {
  const sums = new Map();
  for (const { refused } of history) for (const [reason, rate] of refused) sums.set(reason, (sums.get(reason) ?? 0) + rate);
  const sorted = [...sums].filter(([, sum]) => sum > 0).sort(([, one], [, other]) => other - one).map(([reason]) => reason);
  const top = sorted.slice(0, 4);
  const rest = sorted.slice(4);
  const points = history.map(({ time, told, refused }) => {
    if (!told) return { time, values: {} };
    const values = Object.fromEntries(top.map((reason) => [reason, refused.get(reason) ?? 0]));
    if (rest.length > 0) values['all others'] = rest.reduce((sum, reason) => sum + (refused.get(reason) ?? 0), 0);
    return { time, values };
  });
  if (top.length === 0) return [['none'], history.map(({ time, told }) => ({ time, values: told ? { none: 0 } : {} }))];
  return [rest.length > 0 ? [...top, 'all others'] : top, points];
}

function showPlots() {
  const points = (group) => history.map((entry) => ({ time: entry.time, values: entry[group] ?? {} }));
  plots.sessions.show(['connected', 'parked', 'rooms'], points('sessions'));
  plots.messages.show(['received', 'sent'], points('messages'));
  plots.refusals.show(...topRefusals());
  plots.latency.show(['p50', 'p99'], points('latency'));
}

function remember(now, span, window) {
  const rate = (name) => (span ? span.rate(name) : null);
  history.push({
    time: now.time,
    told: true,
    refused: refusalRates(span),
    sessions: { connected: now.sum('intercessor_sessions'), parked: now.sum('intercessor_parked_sessions'), rooms: now.sum('intercessor_rooms') },
    messages: { received: rate('intercessor_received_envelopes_total'), sent: rate('intercessor_sent_envelopes_total') },
    latency: { p50: window?.quantile(RELAY, 0.5) ?? null, p99: window?.quantile(RELAY, 0.99) ?? null },
  });
}

function show(now) {
  const started = (reading) => reading.sum('process_start_time_seconds');
  // Counters of another process say nothing about this one's.
  readings = readings.filter((old) => started(old) === started(now) && now.time - old.time <= LONG_WINDOW);
  const span = readings.length > 0 ? new Span(readings.at(-1), now) : null;
  const first = readings.find((old) => now.time - old.time <= WINDOW + EVERY / 2);
  const window = first ? new Span(first, now) : null;
  readings.push(now);
  remember(now, span, window);
  showGlance(now, span, window);
  showRelay(now, readings.length > 1 ? new Span(readings[0], now) : null);
  showLoad(now, window);
  showTables(now, span);
  const ready = now.sum('intercessor_ready') === 1;
  setState(ready ? 'ready' : 'closed', ready ? 'Ready' : 'Draining: takes no peers');
}

async function ask() {
  const asked = Date.now();
  try {
    const answer = await fetch('/metrics', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    silentSince = null;
    show(new Reading(text, Date.now(), Date.parse(answer.headers.get('date')) / 1000));
  } catch {
    silentSince ??= asked;
    history.push({ time: Date.now(), told: false, refused: new Map() });
    setState('silent', `No answer for ${words.duration((Date.now() - silentSince) / 1000)}`);
  }
  history = history.filter(({ time }) => Date.now() - time <= MINUTES * 60000);
  showPlots();
  setTimeout(ask, Math.max(0, asked + EVERY - Date.now()));
}

element('where').textContent = location.host;
ask();
