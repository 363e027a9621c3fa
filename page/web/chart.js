const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#56b4e9', '#d55e00', '#cc79a7', '#a8325e', '#8cbf63', '#8c6bff'];
const WINDOW = 300e6;
const paths = (svg, list) => {
  // The parser of HTML makes paths only inside of an image.
  if (!svg.firstChild) svg.innerHTML = '<path/>'.repeat(60);
  [...svg.children].forEach((path, at) => {
    const [line, fill, kind] = list[at] ?? [''];
    path.setAttribute('d', line && 'M' + line);
    path.style.fill = fill ?? '';
    path.setAttribute('class', kind ?? '');
  });
};

// Draws bands, each a list of values, on top of each other in steps.
const stack = (svg, bands, top) => {
  const x = history.map(h => Math.max(0, 300 - 300 * (state.now - h[0]) / WINDOW).toFixed(2));
  const height = svg.viewBox.baseVal.height;
  const edge = (level, i) => [x[i - 1] ?? x[i], x[i]].map(x => x + ' ' + (height - height * level / top).toFixed(2));
  let floor = x.map(() => 0);
  paths(svg, bands.map(b => {
    const roof = floor.map((v, i) => v + b.values[i]), line = [...roof.flatMap(edge), ...floor.flatMap(edge).reverse()];
    floor = roof;
    return [line.join('L'), b.colour];
  }));
};

// A line over the last values, with the area below.
const spark = (svg, values) => {
  const last = values.slice(-150), high = Math.max(...last, 1e-9) * 1.15;
  const line = last.map((v, i) => `${(300 - (last.length - 1 - i) * 2).toFixed()} ${(39 - 37 * v / high).toFixed(1)}`).join('L');
  paths(svg, last[1] >= 0 ? [[`${line}V40H${line.split(' ')[0]}`, null, 'under'], [line, null, 'spark']] : []);
};

// The map of the memory: cells in rows.
const drawMap = canvas => {
  const width = canvas.clientWidth, scale = devicePixelRatio, cells = sum(map.runs.map(run => run[2]));
  const columns = Math.floor(width / Math.max(6, Math.sqrt(width * 250 / cells))), size = width / columns;
  const height = Math.ceil(cells / columns) * size;
  Object.assign(map, {columns, size});
  Object.assign(canvas, {width: width * scale, height: height * scale});
  canvas.style.height = height + 'px';
  const draw = canvas.getContext('2d'), free = getComputedStyle(canvas).getPropertyValue('--faint');
  draw.scale(scale, scale);
  let at = 0;
  for (const [owner, used, times] of map.runs) for (let i = 0; i < times; i++, at++) {
    draw.globalAlpha = used ? .4 + .6 * used / map.per_cell : 1;
    draw.fillStyle = used ? colour(owner) : free;
    draw.fillRect(at % columns * size, Math.floor(at / columns) * size, size - 1, size - 1);
  }
  put($('cells'), `one cell is ${map.per_cell > 1 ? map.per_cell + ' pages' : 'a page'} of 4 KiB`);
};
