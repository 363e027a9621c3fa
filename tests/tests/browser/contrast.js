// The texts whose contrast to what is behind them is below 4.5 (WCAG 2, 1.4.3), or that are smaller than 11 pixels.
(() => {
  const parse = colour => {
    const numbers = colour.match(/[\d.]+/g).map(Number);
    return numbers.length < 4 ? [...numbers, 1] : numbers;
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = node => {
    const layers = [];
    for (let e = node; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || node.closest('script, style') || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), below = behind(node);
    const [one, other] = [luminance(over(parse(style.color), below)), luminance(below)];
    const contrast = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    if (contrast < 4.5 || parseFloat(style.fontSize) < 11) faint.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}, ${style.fontSize}`);
  }
  return [...new Set(faint)].slice(0, 30);
})()
