let state, before, map, history = [], next = 0, nextLine = 0, polls = 0, changing = false, cursor = null;
const colours = new Map(), alive = [], loads = [];
const colour = region => COLOURS[colours.get(region)] ?? '#7d7d7d';
const size = pages => bytes(pages * state.pool.page_size);
const seconds = h => h[2] + h[3] + h[4] || 1;
// How much a number grows in a second; 0 until it is known twice.
const growth = (now, then) => now >= then ? (now - then) * 1e6 / (state.now - before.now) : 0;
const rate = (layer, name) => growth(state.counters[layer][name], before?.counters[layer]?.[name]);

function tiles() {
  const each = get => history.map(get), {pool, connections} = state;
  alive.push(connections.total);
  // Of each core, how much of a second it has worked.
  state.cores.forEach(([busy], i) => (loads[i] ??= []).push(growth(busy, before?.cores[i][0]) / 1e6));
  sync($('tiles'), [
    ['handled', count, '/s', each(h => h[1] * 1e6 / seconds(h))],
    ['busy', percent, '', each(h => (h[2] + h[3]) / seconds(h))],
    ['memory of ' + size(pool.pages), size, '', [...each(h => sum(h.slice(7))), pool.pages - pool.free]],
    ['received', bytes, '/s', each(h => h[5] * 1e6 / seconds(h))],
    ['sent', bytes, '/s', each(h => h[6] * 1e6 / seconds(h))],
    ['connections', count, '', alive],
    ...loads.map((l, i) => ['core ' + i, percent, '', l]),
  ], '<div class="tile"><small></small><b><span></span><i></i></b><svg viewBox="0 0 300 40" preserveAspectRatio="none">', (_, [title, text, unit, values], name, number, svg) => {
    const [big, ...rest] = text(values.at(-1) ?? 0).split(' ');
    put(name, title);
    put(number.firstChild, big);
    put(number.lastChild, rest.join(' ') + unit);
    spark(svg, values);
  });
}

function memory() {
  const all = state.regions.map((r, i) => {
    const values = history.map(h => h[7 + i] ?? 0), high = Math.max(0, ...values);
    // Regions change that at some time hold half of what they hold at most, or less.
    return {...r, i, values, high, key: r.name, changes: Math.min(...values) <= high / 2};
  });
  // The largest have colours of their own, and keep them.
  for (const r of [...all].sort((a, b) => b.high - a.high)) {
    if (r.high && colours.size < COLOURS.length && !colours.has(r.i)) colours.set(r.i, colours.size);
    r.colour = colour(r.i);
  }
  const bands = all.filter(r => r.high && (r.changes || !changing)).sort((a, b) => a.changes - b.changes || a.high - b.high);
  const total = history.map((_, i) => sum(bands.map(r => r.values[i])));
  const high = Math.max(4, ...total) * 1.08, step = 2 ** Math.floor(Math.log2(high / 4)), top = step * [4, 6, 8].find(n => step * n >= high);
  stack($('bands'), bands, top);
  sync($('scale'), [[0], [.25], [.5], [.75]], '<span><b>', (line, [part], text) => {
    line.style.top = 100 * part + '%';
    put(text, size(top - top * part));
  });
  const point = cursor === null ? -1 : history.findLastIndex(h => 1 - (state.now - h[0]) / WINDOW <= cursor);
  Object.assign($('cursor').style, {opacity: point < 0 ? 0 : .6, left: 100 * cursor + '%'});
  put($('moment'), point < 0 ? 'the last five minutes' : `${clock(state.now - history[point][0])} ago: ${size(total[point])}`);
  const then = Object.fromEntries(before?.regions.map(r => [r.name, r.opened]) ?? []);
  table($('regions'), [
    ['region', r => r.name],
    ['now', r => point < 0 ? r.pages : r.values[point], size],
    ['at most', r => r.most, size],
    ['opened/s', r => growth(r.opened, then[r.name]), count],
    ['refused', r => r.refused, whole],
  ], all);
  $('changing').ariaPressed = changing;
  if (map && $('map').clientWidth) drawMap($('map'));
}

function time() {
  const last = history.at(-1)?.slice(2, 5) ?? [0, 0, 0];
  const parts = ['tower', 'tasks', 'idle'].map((key, i) => ({
    key, share: last[i] / (sum(last) || 1), colour: `var(--${['blue', 'orange', 'faint'][i]})`, values: history.map(h => h[i + 2] / seconds(h)),
  }));
  sync($('shares'), parts, '<i>', ({style}, p) => Object.assign(style, {background: p.colour, width: 100 * p.share + '%'}));
  sync($('parts'), parts, '<small><i class="dot"></i><span>', (_, p, dot, text) => {
    dot.style.color = p.colour;
    put(text, p.key + ' ' + percent(p.share));
  });
  const [tower, tasks] = parts;
  stack($('busy'), [tower, tasks], Math.max(.02, ...tower.values.map((v, i) => v + tasks.values[i])));
  const {rows, reason, period, counted} = state.places;
  put($('how'), reason ?? `${whole(counted)} samples, one for ${span(period)} of computing`);
  sync($('places'), rows, '<li><span></span><b>', (row, [name, samples], place, share) => {
    row.style.backgroundSize = 100 * samples / rows[0][1] + '% 100%';
    put(place, place.title = name);
    put(share, percent(samples / counted));
  });
}

function tower() {
  const list = Object.entries(state.counters).reverse().map(([key, all]) => ({key, all, flow: ['_rx', '_tx'].map(way => {
    const name = Object.keys(all).find(name => name.endsWith(way));
    return name && rate(key, name);
  })}));
  const most = Math.max(1e-9, ...list.flatMap(l => l.flow.map(n => n ?? 0)));
  sync($('tower'), list, '<details><summary><span><i></i><small></small></span><b></b><span><i></i><small></small></span></summary><dl>', (_, l, head, all) => {
    put(head.children[1], l.key);
    l.flow.forEach((n, i) => {
      const [bar, text] = head.children[2 * i].children;
      bar.style.width = 70 * (n ?? 0) / most + '%';
      put(text, n == null ? '' : count(Math.round(n)));
    });
    sync(all, Object.entries(l.all), '<div><dt></dt><dd>', (row, [name, n], title, value) => {
      const grows = Math.round(rate(l.key, name));
      put(title, name);
      put(value, whole(n) + (grows ? ` +${count(grows)}/s` : ''));
      row.className = n ? '' : 'none';
    });
  });
}

function start() {
  const end = Math.max(1, ...state.boot.map(b => b[1]));
  put($('boot'), 'serving after ' + span(end));
  let from = 0;
  sync($('steps'), state.boot, '<li><span></span><i></i><small>', (_, [step, at], name, bar, time) => {
    Object.assign(bar.style, {width: 100 * (at - from) / end + '%', marginLeft: 100 * from / end + '%'});
    put(name, step);
    put(time, '+' + span(at - from));
    from = at;
  });
}

const lines = [];
function log() {
  const list = $('log'), follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  lines.push(...state.log.lines.splice(0));
  lines.splice(0, lines.length - 300);
  sync(list, lines, '<li><span></span><div>', (_, [, at, line], time, text) => {
    put(time, clock(at - state.started));
    put(text, line);
  });
  if (follows) list.scrollTop = list.scrollHeight;
  put($('lines'), whole(state.log.next) + ' lines since the start');
}

function connections() {
  const {total, rows} = state.connections;
  for (const r of rows) r.key = r.remote + ' ' + r.local;
  const then = Object.fromEntries(before?.connections.rows.map(r => [r.key, r]) ?? []);
  const flow = way => r => growth(r[way], then[r.key]?.[way]);
  table($('connections'), [
    ['remote', r => r.remote], ['local', r => r.local], ['out/s', flow('sent'), bytes], ['in/s', flow('received'), bytes],
    ['sent', r => r.sent, bytes], ['received', r => r.received, bytes], ['sent again', r => r.retransmitted, bytes],
    ['round trip', r => r.rtt ?? -1, v => v < 0 ? '–' : span(v)], ['window', r => r.window, bytes], ['cwnd', r => r.congestion_window, bytes], ['state', r => r.state],
  ], rows);
  put($('many'), whole(total) + (total > rows.length ? `, the ${rows.length} with the most bytes are shown` : ''));
}

function show() {
  for (const id of ['name', 'platform', 'serving']) put($(id), state[id]);
  document.title = state.name + ' – letregion';
  put($('up'), 'up ' + clock(state.now - state.started));
  for (const part of [tiles, memory, time, tower, start, log, connections]) part();
}

async function poll() {
  if (document.hidden) return;
  let live = false;
  try {
    const answer = await fetch(`state.json?history=${next}&log=${nextLine}&map=${++polls % 2}`, {signal: AbortSignal.timeout(4000)});
    const now = await answer.json();
    // Another start of the program: nothing is as it was.
    if (state && state.started !== now.started) return location.reload();
    [before, state, map] = [state, now, now.map ?? map];
    [next, nextLine] = [now.history.next, now.log.next];
    history = history.concat(now.history.samples).filter(h => now.now - h[0] < WINDOW);
    show();
    live = true;
  } finally {
    $('live').className = 'chip ' + (live ? 'on' : 'off');
    put($('live'), live ? 'live' : 'no answer');
  }
}

$('changing').onclick = () => {
  changing = !changing;
  memory();
};
$('plot').onpointermove = $('plot').onpointerleave = event => {
  cursor = event.type === 'pointermove' ? event.offsetX / event.currentTarget.clientWidth : null;
  memory();
};
$('map').onpointermove = event => {
  let at = map ? Math.floor(event.offsetY / map.size) * map.columns + Math.floor(event.offsetX / map.size) : -1;
  const run = map?.runs.find(run => (at -= run[2]) < 0);
  put($('owner'), run?.[1] ? `${state.regions[run[0]].name}: ${run[1]} of ${map.per_cell} pages` : 'free');
};
document.onvisibilitychange = poll;
setInterval(poll, 1000);
poll();
