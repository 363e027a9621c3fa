'use strict';
const $ = id => document.getElementById(id);
const put = (node, text) => node.textContent === String(text) || (node.textContent = text);
const sum = list => list.reduce((a, b) => a + b, 0);

// Three digits and a unit.
const scaled = (n, base, units) => {
  let at = 0;
  while (n >= base * .9995 && units[at + 1]) { n /= base; at++; }
  return (n >= 99.95 || !at && n % 1 === 0 ? n.toFixed() : n.toFixed(n >= 9.995 ? 1 : 2)) + ' ' + units[at];
};
const count = n => scaled(n, 1000, ['', 'k', 'M', 'G', 'T']);
const bytes = n => scaled(n, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
const span = us => scaled(us, 1000, us < 1e6 ? ['µs', 'ms'] : ['µs', 'ms', 's']);
const percent = x => (100 * x).toFixed(x > .0995 ? 0 : 1) + ' %';
const whole = n => String(n).replace(/\B(?=(\d{3})+$)/g, '\u2009');
const clock = us => {
  const s = Math.floor(us / 1e6), m = Math.floor(s / 60), two = n => String(n % 60).padStart(2, 0);
  return (m < 60 ? m : Math.floor(m / 60) + ':' + two(m)) + ':' + two(s);
};

// Makes the children of a node those of a list, and keeps those that are there. An item has a key, or begins with it.
// What is read is never part of the markup.
const sync = (parent, list, markup, update) => {
  const old = parent.kept ?? new Map();
  parent.kept = new Map();
  list.forEach((item, at) => {
    const key = item.key ?? item[0];
    if (parent.kept.has(key)) return;
    let row = old.get(key);
    if (!row) {
      const template = document.createElement('template');
      template.innerHTML = markup;
      row = template.content.firstChild;
    }
    old.delete(key);
    parent.kept.set(key, row);
    if (parent.children[at] !== row) parent.insertBefore(row, parent.children[at]);
    update(row, item, ...row.children);
  });
  old.forEach(row => row.remove());
};

// A table that is sorted by the column that was chosen. A column is a title, a value, and its text.
const table = (node, columns, rows) => {
  const order = node.order ??= {by: 2, down: true}, get = columns[order.by][1];
  const compare = (a, b) => a.localeCompare ? a.localeCompare(b, 'en', {numeric: true}) : a - b;
  rows.sort((a, b) => (order.down ? -1 : 1) * compare(get(a), get(b)) || compare(a.key, b.key));
  sync(node.tHead.rows[0], columns.map(([key], by) => [key, by]), '<th><button>', (th, [key, by], button) => {
    put(button, key);
    button.onclick = () => {
      node.order = {by, down: by === order.by ? !order.down : by > 0};
      show();
    };
    th.ariaSort = by === order.by ? order.down ? 'descending' : 'ascending' : null;
  });
  sync(node.tBodies[0], rows, '<tr>' + '<td><i></i><span>'.repeat(columns.length), (row, r, ...cells) => {
    row.title = r.place ?? '';
    columns.forEach(([, get, text], at) => {
      const value = get(r), [dot, span] = cells[at].children;
      put(span, text ? text(value) : value);
      cells[at].className = value ? '' : 'none';
      if (!at && r.colour) {
        dot.className = 'dot';
        dot.style.color = r.colour;
      }
    });
  });
};
