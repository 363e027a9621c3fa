'use strict';
const seconds = since => ((performance.now() - since) / 1000).toFixed(2) + ' s';
const lines = (output, note, text) => {
  const small = document.createElement('small');
  small.textContent = note;
  output.replaceChildren(small, text);
};
const ask = async (url, options) => {
  const reply = await fetch(url, options);
  if (!reply.ok) throw new Error(await reply.text());
  return reply;
};
// Does `work` when the form is sent, and shows what goes wrong.
const on = (id, work, at_once) => {
  const form = document.getElementById(id);
  const [button, output] = [form.querySelector('button'), form.nextElementSibling];
  form.addEventListener('submit', async event => {
    event.preventDefault();
    button.disabled = true;
    try {
      await work(form.elements[0].value.trim(), output, performance.now());
    } catch (error) {
      lines(output, 'That did not work.', error.message);
    }
    button.disabled = false;
  });
  if (at_once) form.requestSubmit();
};
on('fib', async (n, output, start) => {
  const { fibonacci } = await (await ask('/fib/' + encodeURIComponent(n))).json();
  lines(output, `${fibonacci.length.toLocaleString('en')} digits, ${seconds(start)}`, fibonacci);
}, true);
on('sort', async (numbers, output, start) => {
  const text = await (await ask('/sort', { method: 'POST', body: `[${numbers}]` })).text();
  lines(output, seconds(start), text.trim().replaceAll(',', ', '));
}, true);
on('speed', async (size, output, start) => {
  const reply = await ask('/bytes/' + Number(size) * 1e6, { cache: 'no-store' });
  const body = await reply.blob();
  const rate = since => Math.round(body.size / (performance.now() - since) / 1000) + ' MB/s';
  const down = 'down: ' + rate(start);
  lines(output, down, '');
  const middle = performance.now();
  await ask('/sum', { method: 'POST', body });
  lines(output, down, 'up: ' + rate(middle));
});
for (const host of document.querySelectorAll('pre span')) host.textContent = location.host;
