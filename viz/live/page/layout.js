// Where everything in a picture stands: viz/graph/layout.py, function by function, for arrows that point to the right.

const LINE_HEIGHT = 21, CHARACTER = 8.2, PADDING = 13, LAYER_GAP = 46, BOX_GAP = 14, MARGIN = 8, WIDEST_GAP = 220;
const LABEL_HEIGHT = 24, FULLY_ROUTED = 300, SWEEPS = 8, CELL = 6;
const ALONG = [0.5, 0.58, 0.42, 0.66, 0.34, 0.74, 0.26, 0.82, 0.18, 0.1];

const pairwise = xs => xs.slice(1).map((x, i) => [xs[i], x]);
const largest = (xs, otherwise = -Infinity) => xs.reduce((x, y) => Math.max(x, y), otherwise); // of any number of them
const smallest = xs => xs.reduce((x, y) => Math.min(x, y), Infinity);
function round(x) { // as Python's: of two equally near numbers the even one
  const below = Math.floor(x), rest = x - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}
function mean(xs) { // rounded only once, as Python's fmean (J. R. Shewchuk, 1997)
  let parts = [];
  for (let x of xs) {
    const kept = [];
    for (let y of parts) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y, low = y - (high - x);
      if (low) kept.push(low);
      x = high;
    }
    parts = [...kept, x];
  }
  let total = parts.pop(), low = 0;
  while (parts.length && !low) {
    const high = total, next = parts.pop();
    total = high + next;
    low = next - (total - high);
  }
  if (parts.length && low && Math.sign(low) === Math.sign(parts.at(-1)) && 2 * low === total + 2 * low - total) total += 2 * low;
  return total / xs.length;
}
const added = (map, key, what) => map.set(key, [...(map.get(key) ?? []), what]);
const tally = (map, key, by = 1) => map.set(key, (map.get(key) ?? 0) + by);

// Boxes are {id, rows, ordered}, in topological order; arrows {tail, head, label}.
function layered(boxes, arrows, gap) {
  const sizes = new Map(boxes.map(box => [box.id, [largest(box.rows.map(widthOf)) + 2 * PADDING, box.rows.length * LINE_HEIGHT + 6]]));
  const { rank, layers, routes } = assignRanks(boxes, arrows);
  orderLayers(layers, routes);
  const extents = layerExtents(layers, sizes, arrows, rank);
  const lane = arrows.some(({ label }) => label) ? LABEL_HEIGHT : BOX_GAP;
  const across = assignPositions(layers, sizes, gap, lane, routes);
  const ports = portsOf(routes, across, sizes, new Set(boxes.filter(box => box.ordered).map(({ id }) => id)));
  const width = extents.at(-1)[1] + MARGIN;
  const height = largest([...across].map(([name, y]) => y + (sizes.get(name)?.[1] ?? 0) / 2)) + MARGIN;
  const side = (id, which) => mean(extents[rank.get(id)]) + which * sizes.get(id)[0] / 2;
  const places = boxes.map(({ id }) => [side(id, 0), across.get(id), ...sizes.get(id)]);
  const splines = routes.map((route, i) => {
    const [first, last] = [route[0], route.at(-1)], points = [[side(first, 1), across.get(first)]];
    for (const dummy of route.slice(1, -1)) for (const edge of extents[rank.get(dummy)]) points.push([edge, across.get(dummy)]);
    return spline([...points, [side(last, -1), ports[i]]]);
  });
  const around = [[width / 2, -1, width, 1], [width / 2, height + 1, width, 1], [-1, height / 2, 1, height], [width + 1, height / 2, 1, height]];
  return { width, height, places, curves: splines.map(pathOf), labels: labelCentres(arrows.map(({ label }) => label), splines, [...places, ...around]) };
}
const widthOf = text => [...text].reduce((sum, c) => sum + (c.codePointAt(0) < 0x1100 ? 1 : 1.8), 0) * CHARACTER;

function assignRanks(boxes, arrows) {
  const incoming = new Map(), outgoing = new Map(), rank = new Map();
  for (const { tail, head } of arrows) { added(incoming, head, tail); added(outgoing, tail, head); }
  for (const { id } of boxes) rank.set(id, largest((incoming.get(id) ?? []).map(tail => rank.get(tail) + 1), 0));
  for (const { id } of boxes) {
    if (!incoming.has(id)) rank.set(id, outgoing.has(id) ? smallest(outgoing.get(id).map(head => rank.get(head) - 1)) : 0);
  }
  const layers = Array.from({ length: largest([...rank.values()]) + 1 }, () => []);
  for (const { id } of boxes) layers[rank.get(id)].push(id);
  const routes = arrows.map(({ tail, head }) => {
    let passed = [];
    for (let i = rank.get(tail) + 1; i < rank.get(head); i++) passed.push(i);
    if (boxes.length > FULLY_ROUTED && passed.length > 4) passed = [...passed.slice(0, 2), ...passed.slice(-2)];
    const dummies = passed.map(i => {
      const dummy = `${tail} at ${i}`;
      if (!rank.has(dummy)) { rank.set(dummy, i); layers[i].push(dummy); }
      return dummy;
    });
    return [tail, ...dummies, head];
  });
  return { rank, layers, routes };
}
function orderLayers(layers, routes) {
  const arriving = new Map(), seen = new Map(), uses = new Map(), goesOn = new Map(), dummies = new Set(), place = new Map();
  for (const route of routes) tally(arriving, route.at(-1));
  for (const route of routes) {
    const head = route.at(-1), passed = route.slice(0, -1), last = passed.at(-1);
    for (const [one, next] of pairwise(passed)) goesOn.set(one, next);
    for (const dummy of passed.slice(1)) dummies.add(dummy);
    const shift = (((seen.get(head) ?? 0) + 0.5) / arriving.get(head) - 0.5) / 2;
    added(uses, last, [head, shift]);
    tally(seen, head);
  }
  function wanted(name) {
    const places = (uses.get(name) ?? []).map(([head, shift]) => place.get(head) + shift);
    if (goesOn.has(name) && (dummies.has(name) || !places.length)) places.push(place.get(goesOn.get(name)));
    return places.length ? mean(places) : Infinity;
  }
  for (const layer of [...layers].reverse()) {
    const key = new Map(layer.map(name => [name, wanted(name)]));
    layer.sort((a, b) => (key.get(a) === key.get(b) ? 0 : key.get(a) - key.get(b)));
    layer.forEach((name, i) => place.set(name, i));
  }
}
function layerExtents(layers, sizes, arrows, rank) {
  const longest = new Map(), labelled = new Map(), crossing = new Map();
  for (const { tail, head, label } of arrows) {
    const i = rank.get(head) - 1;
    longest.set(i, Math.max(longest.get(i) ?? 0, label.length));
    if (label) tally(labelled, i);
    tally(crossing, rank.get(tail));
  }
  let edge = MARGIN;
  return layers.map((layer, i) => {
    const thickness = largest(layer.map(name => sizes.get(name)?.[0] ?? 0)), extent = [edge, edge + thickness];
    const label = (longest.get(i) ?? 0) * CHARACTER + Math.min(90, 12 * Math.max(0, (labelled.get(i) ?? 0) - 2));
    edge += thickness + LAYER_GAP + Math.max(label, Math.min(WIDEST_GAP, (crossing.get(i) ?? 0) * 0.8));
    return extent;
  });
}
function assignPositions(layers, sizes, gap, lane, routes) {
  const before = new Map(), after = new Map(), known = new Set(), room = new Map(), across = new Map();
  for (const [tail, head] of routes.flatMap(pairwise)) {
    if (known.has(`${tail}>${head}`)) continue;
    known.add(`${tail}>${head}`);
    added(before, head, tail);
    added(after, tail, head);
  }
  for (const name of layers.flat()) room.set(name, sizes.has(name) ? sizes.get(name)[1] + gap : lane);
  for (const layer of layers) isotonic(layer, room, layer.map(() => 0), across);
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep++) {
    const near = sweep % 2 ? before : after;
    for (const layer of sweep % 2 ? layers : [...layers].reverse()) {
      isotonic(layer, room, layer.map(name => (near.has(name) ? mean(near.get(name).map(one => across.get(one))) : across.get(name))), across);
    }
  }
  const top = smallest([...across].map(([name, y]) => y - room.get(name) / 2)) - MARGIN + gap / 2;
  for (const [name, y] of across) across.set(name, y - top);
  return across;
}
function isotonic(layer, room, wanted, across) { // pool adjacent violators (M. Ayer et al., 1955)
  const offsets = [0], blocks = [];
  for (const [a, b] of pairwise(layer)) offsets.push(offsets.at(-1) + (room.get(a) + room.get(b)) / 2);
  wanted.forEach((place, i) => {
    let middle = place - offsets[i], count = 1;
    while (blocks.length && blocks.at(-1)[0] > middle) {
      const [above, more] = blocks.pop();
      middle = (middle * count + above * more) / (count + more);
      count += more;
    }
    blocks.push([middle, count]);
  });
  blocks.flatMap(([middle, count]) => Array(count).fill(middle)).forEach((middle, i) => across.set(layer[i], middle + offsets[i]));
}
function portsOf(routes, across, sizes, ordered) {
  const arriving = new Map(), ports = [];
  routes.forEach((route, i) => added(arriving, route.at(-1), i));
  for (const [head, all] of arriving) {
    const step = Math.min(LABEL_HEIGHT, 0.8 * sizes.get(head)[1] / all.length);
    const sorted = ordered.has(head) ? all : [...all].sort((a, b) => across.get(routes[a].at(-2)) - across.get(routes[b].at(-2)));
    sorted.forEach((i, at) => { ports[i] = across.get(head) + (at - (all.length - 1) / 2) * step; });
  }
  return ports;
}
function spline(points) {
  return [points[0], ...pairwise(points).flatMap(([[a, b], [c, d]]) => [[(a + c) / 2, b], [(a + c) / 2, d], [c, d]])];
}
const curvesOf = spline => Array.from({ length: (spline.length - 1) / 3 }, (_, i) => spline.slice(3 * i, 3 * i + 4));
function pathOf(spline) {
  const written = point => point.map(round).join();
  return `M${written(spline[0])}` + curvesOf(spline).map(curve => {
    const straight = [0, 1].some(axis => curve.every(point => point[axis] === curve[0][axis]));
    return (straight ? "L" : "C") + curve.slice(straight ? 3 : 1).map(written).join(" ");
  }).join("");
}

// ---- Labels: beside their arrows, where they lie on as little else as can be; a grid tells what is in the way.

function labelCentres(labels, splines, places) {
  const ends = splines.map(spline => curvesOf(spline).at(-1)), grid = new Map();
  if (!labels.some(Boolean) || places.length > FULLY_ROUTED) return ends.map((curve, i) => beside(curve, 0.5, -1, widthOf(labels[i]), LINE_HEIGHT));
  for (const spline of splines) for (const cell of new Set(curvesOf(spline).flatMap(cellsAlong))) tally(grid, cell);
  for (const [x, y, width, height] of places) for (const cell of cellsUnder([x, y], width, height)) tally(grid, cell, 100);
  return ends.map((curve, i) => {
    if (!labels[i]) return curve.at(-1);
    const size = [widthOf(labels[i]) + 4, LINE_HEIGHT - 4], own = new Set(cellsAlong(curve));
    let best = null, least = Infinity;
    for (const place of ALONG.flatMap(t => [-1, 1].map(side => beside(curve, t, side, ...size)))) {
      const covered = cellsUnder(place, ...size).reduce((sum, cell) => sum + (grid.get(cell) ?? 0) - own.has(cell), 0);
      if (covered < least) [best, least] = [place, covered];
    }
    for (const cell of cellsUnder(best, ...size)) tally(grid, cell, 100);
    return best;
  });
}
const cellOf = x => Math.floor(x / CELL);
const cellsAlong = curve => pointsAlong(curve).map(point => point.map(cellOf).join());
function cellsUnder([x, y], width, height) {
  const cells = [], right = cellOf(x + width / 2), bottom = cellOf(y + height / 2);
  for (let i = cellOf(x - width / 2); i <= right; i++) for (let j = cellOf(y - height / 2); j <= bottom; j++) cells.push(`${i},${j}`);
  return cells;
}
const distance = ([a, b], [c, d]) => Math.sqrt((a - c) ** 2 + (b - d) ** 2);
function pointsAlong(curve) {
  const steps = Math.floor(1.5 * distance(curve[0], curve[3]) / CELL) + 2;
  return Array.from({ length: steps + 1 }, (_, i) => onCurve(curve, i / steps));
}
function onCurve([[a, b], [c, d], [e, f], [g, h]], t) {
  const s = 1 - t, w = s * s * s, x = 3 * s * s * t, y = 3 * s * t * t, z = t * t * t;
  return [w * a + x * c + y * e + z * g, w * b + x * d + y * f + z * h];
}
function beside(curve, t, side, width, height) {
  const [x, y] = onCurve(curve, t), [laterX, laterY] = onCurve(curve, t + 0.01), length = distance([x, y], [laterX, laterY]);
  const across = (laterY - y) / length, down = (x - laterX) / length;
  const away = side * (2 + (Math.abs(across) * width + Math.abs(down) * height) / 2);
  return [x - across * away, y - down * away];
}
