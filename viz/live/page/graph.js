// A graph as the player's page wants it: engine/graph.py and names.py, viz/graph/folding.py, and viz/player's firing.py
// and player.py, for what is typed here.

const MOST_BOXES_AT_FIRST = 120, MOST_DRAWN = 9000, MOST_LABELLED = 40, LEAST_PARAMETERS = 3;

function topologicalOrder(root) { // operands from left to right, depth first
  const order = [], seen = new Set(), stack = [root];
  while (stack.length) {
    const node = stack.pop();
    if (node === null) order.push(stack.pop());
    else if (!seen.has(node)) {
      seen.add(node);
      stack.push(node, null, ...node.parents.filter(parent => !seen.has(parent)).reverse());
    }
  }
  return order;
}
function nodeNames(order) {
  const taken = new Set(order.map(({ label }) => label)), seen = new Set(), names = new Map();
  const fresh = (stem, i) => { while (taken.has(stem + i)) i++; return stem + i; };
  for (const node of order.filter(({ label }) => label)) {
    const name = seen.has(node.label) ? fresh(`${node.label}_`, 2) : node.label;
    for (const set of [taken, seen]) set.add(name);
    names.set(node, name);
  }
  let last = 0;
  for (const node of order.filter(one => !names.has(one))) {
    if (node.role === "constant") names.set(node, shown(node.value).replace(/^-.*/, "($&)"));
    else { while (taken.has(`v${++last}`)); names.set(node, `v${last}`); }
  }
  return names;
}
const localsOf = node => (node.rule ? ruleOf(node.rule, node.constants).partials(node.value, ...node.parents.map(({ value }) => value)) : []);
function gradientsOf(order, orderName = "") { // the chain rule: multiply along a path, add over paths
  const gradient = new Map(order.map(node => [node, 0])), assigned = orderName === "=";
  gradient.set(order.at(-1), 1);
  for (const node of ORDERS[orderName]?.(order.at(-1)) ?? [...order].reverse()) {
    const upstream = gradient.get(node), locals = upstream !== 0 || assigned ? localsOf(node) : [];
    locals.forEach((local, i) => gradient.set(node.parents[i], (assigned ? 0 : gradient.get(node.parents[i])) + (upstream === 0 || local === 0 ? 0 : upstream * local)));
  }
  return gradient;
}

// ---- Wrong orders: viz/formulas/orders.py.

const MOST_FIRINGS = 10000;
function depthFirst(root, again) { // down the first operand as far as it goes, then the next
  const fired = [], seen = new Set(), stack = [root];
  while (stack.length) {
    const node = stack.pop();
    if (again ? !node.rule : seen.has(node)) continue;
    seen.add(node);
    fired.push(node);
    if (fired.length > MOST_FIRINGS) trouble("tooManyFirings", { count: MOST_FIRINGS });
    stack.push(...[...node.parents].reverse());
  }
  return fired;
}
const ORDERS = {
  "=": root => topologicalOrder(root).reverse(),
  "naive recursion": root => depthFirst(root, true),
  "depth-first": root => depthFirst(root, false),
  "breadth-first"(root) {
    const fired = new Set([root]); // which is gone through while it grows
    for (const node of fired) for (const parent of node.parents) fired.add(parent);
    return [...fired];
  },
};

// ---- Modules as boxes. A path is a text such as "L0.n3", "" for the model as a whole.

const prefixes = path => ["", ...path.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."))].slice(0, path ? undefined : 1);
const depthOf = path => prefixes(path).length - 1;
function modulePaths(order) {
  const paths = new Map(), outputs = new Map();
  for (const node of order) {
    const cut = node.label.lastIndexOf(".");
    if (node.role === "parameter" && cut > 0) paths.set(node, node.label.slice(0, cut));
  }
  const modules = new Set(paths.values());
  for (const node of order) if (node.rule && modules.has(node.label)) outputs.set(node, node.label);
  const named = new Set(outputs.values()), place = new Map(order.map((node, i) => [node, i]));
  for (const node of order) {
    const used = node.parents.find(parent => !parent.rule && paths.has(parent));
    if (used && !named.has(paths.get(used))) paths.set(node, paths.get(used));
  }
  for (const [output, path] of outputs) { // what leads to the output without passing another module
    const region = new Set([output]), stack = [output];
    while (stack.length) {
      const found = stack.pop().parents.filter(p => p.rule && !region.has(p) && !outputs.has(p) && !paths.has(p));
      for (const p of found) region.add(p);
      stack.push(...found);
    }
    for (const node of [...region].sort((a, b) => place.get(a) - place.get(b))) {
      if (node === output || node.parents.some(p => paths.get(p) === path && !outputs.has(p))) paths.set(node, path);
    }
  }
  const users = new Map();
  for (const node of order) for (const parent of node.parents) users.set(parent, (users.get(parent) ?? new Set()).add(paths.get(node)));
  for (const node of order) {
    const [only] = users.get(node) ?? [];
    if (node.role === "constant" && users.get(node)?.size === 1 && only !== undefined) paths.set(node, only);
  }
  const inside = new Map();
  for (const node of order) if (node.role === "parameter" && paths.has(node)) added(inside, paths.get(node), node);
  for (const [path, parameters] of inside) if (parameters.length >= LEAST_PARAMETERS) for (const p of parameters) paths.set(p, `${path}.parameters`);
  return paths;
}
function collapse(order, paths, isExpanded) { // {vertices, vertexOf}; a vertex is a node, or {path, nodes, inputs, outputs}
  const cyclic = new Set(), root = order.at(-1);
  let owner, found;
  do {
    const closed = node => (paths.has(node) ? prefixes(paths.get(node)) : []).find(path => !isExpanded(path) && !cyclic.has(path));
    owner = new Map(order.map(node => [node, closed(node) ?? node]));
    const uses = new Map(order.map(node => [owner.get(node), new Set()]));
    for (const node of order) for (const parent of node.parents) if (owner.get(parent) !== owner.get(node)) uses.get(owner.get(node)).add(owner.get(parent));
    found = dependencyOrder(uses, owner.get(root));
    for (const box of found.cycle) if (typeof box === "string") cyclic.add(box);
  } while (found.cycle.length);
  const members = new Map(), usedOutside = new Set([root]), vertexOf = new Map();
  for (const node of order) {
    added(members, owner.get(node), node);
    for (const parent of node.parents) if (owner.get(parent) !== owner.get(node)) usedOutside.add(parent);
  }
  const vertices = found.boxes.map(box => {
    const nodes = members.get(box);
    const inputs = () => [...new Set(nodes.flatMap(({ parents }) => parents.filter(parent => owner.get(parent) !== box)))];
    const vertex = isNode(box) ? box : { path: box, nodes, inputs: inputs(), outputs: nodes.filter(node => usedOutside.has(node)) };
    for (const node of nodes) vertexOf.set(node, vertex);
    return vertex;
  });
  return { vertices, vertexOf };
}
function dependencyOrder(uses, root) { // all boxes, each after those that it uses; or a cycle
  const done = new Set(), path = new Map([[root, [...uses.get(root)]]]);
  while (path.size) {
    const last = [...path.keys()].at(-1), waiting = path.get(last);
    let next;
    while (waiting.length && next === undefined) {
      const used = waiting.shift(), way = [...path.keys()];
      if (path.has(used)) return { boxes: [], cycle: way.slice(way.indexOf(used)) };
      if (!done.has(used)) next = used;
    }
    if (next !== undefined) path.set(next, [...uses.get(next)]);
    else { path.delete(last); done.add(last); }
  }
  return { boxes: [...done], cycle: [] };
}
const expandedTo = depth => path => depthOf(path) < depth;
const expandedAlong = along => path => path === "" || along === path || along.startsWith(`${path}.`);

function firingOrder({ vertices, vertexOf }, preferred) {
  const place = new Map(), users = new Map(), waiting = new Map();
  preferred.forEach((node, i) => { if (!place.has(vertexOf.get(node))) place.set(vertexOf.get(node), i); });
  for (const vertex of vertices) {
    const used = new Set((vertex.parents ?? vertex.inputs).map(node => vertexOf.get(node)));
    waiting.set(vertex, used.size);
    for (const one of used) added(users, one, vertex);
  }
  const ready = vertices.filter(vertex => !waiting.get(vertex)), found = [];
  while (ready.length) {
    const first = ready.reduce((a, b) => (place.get(b) < place.get(a) ? b : a));
    ready.splice(ready.indexOf(first), 1);
    found.push(first);
    for (const user of users.get(first) ?? []) {
      tally(waiting, user, -1);
      if (!waiting.get(user)) ready.push(user);
    }
  }
  return found;
}
function moduleByModule(order, paths) {
  let arranged = order;
  for (let depth = 1; depth <= largest([...paths.values()].map(depthOf), 0); depth++) {
    const folded = collapse(order, paths, expandedTo(depth)), members = new Map();
    for (const node of arranged) added(members, folded.vertexOf.get(node), node);
    arranged = firingOrder(folded, arranged).flatMap(vertex => members.get(vertex));
  }
  return arranged;
}
function edgesOf({ vertices, vertexOf }) { // {tail, head, operand: -1 where one of them is a module, values}
  return vertices.flatMap(head => {
    const tails = (head.parents ?? head.inputs).map(node => vertexOf.get(node)), uses = new Map(), found = [];
    for (const tail of tails) tally(uses, tail);
    tails.forEach((tail, operand) => {
      if (isNode(head) && isNode(tail)) found.push({ tail, head, operand, values: 1 });
      else if (uses.has(tail)) { found.push({ tail, head, operand: -1, values: uses.get(tail) }); uses.delete(tail); }
    });
    return found;
  });
}
const parametersOf = ({ nodes }) => nodes.filter(({ role }) => role === "parameter");
const countLabel = ({ tail, values }) => (values === 1 || (!isNode(tail) && !tail.inputs.length && values === parametersOf(tail).length) ? "" : `${values} values`);

// ---- What the player is given.

function forPlayer(root, lang, orderName = "") {
  const order = topologicalOrder(root), number = new Map(order.map((node, i) => [node, i])), names = nodeNames(order);
  const firing = ORDERS[orderName]?.(root), words = board.words[lang].player, pairs = new Map();
  for (const node of order) if (node.rule) pairs.set([node.rule, node.constants, node.parents.length].join(), node);
  const first = [...pairs.keys()], one = [...pairs.values()], parents = order.flatMap(node => node.parents);
  const known = new Set(one.flatMap(({ rule, constants }) => Object.keys(ruleOf(rule, constants).wrong ?? {})));
  const hints = Object.entries(words.mistakes).filter(([name]) => /^(sign|upstream included)$/.test(name) || known.has(name));
  const encoded = x => (Number.isFinite(x) ? x : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");
  const lines = order.map(node => (node.rule && node.line ? [number.get(node), `${node.line}  ${board.source[node.line - 1].trim()}`] : null));
  return {
    names: order.map(node => names.get(node)),
    operations: order.map(({ op }) => op),
    roles: order.map(node => (node === root && node.rule ? "output" : node.role)),
    values: order.map(({ value }) => encoded(value)),
    parents: order.map(node => node.parents.map(parent => number.get(parent))),
    locals: order.map(node => localsOf(node).map(encoded)),
    rules: order.map(node => first.indexOf([node.rule, node.constants, node.parents.length].join())),
    formulas: one.map(formulasOf),
    lines: Object.fromEntries(lines.filter(Boolean)),
    hints: Object.fromEntries([...(parents.length > new Set(parents).size ? [["total", words.allPaths]] : []), ...hints]),
    ...viewsOf(order, names, number, words, firing),
    ...(firing ? { firing: firing.map(node => number.get(node)), assigned: orderName === "=", orderName } : {}),
    used: one.map(({ rule, constants }) => [placeOf(rule, constants), constants]),
  };
}
function viewsOf(order, names, number, words, compares) {
  const paths = compares ? new Map() : modulePaths(order), arranged = moduleByModule(order, paths);
  const lexical = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const modules = [...new Set([...paths.values()].flatMap(prefixes))].sort((a, b) =>
    depthOf(a) - depthOf(b) || a.split(".").reduce((found, part, i) => found || lexical(part, b.split(".")[i]), 0));
  const at = new Map(modules.map((path, i) => [path, i])), idOf = vertex => (isNode(vertex) ? number.get(vertex) : -1 - at.get(vertex.path));
  const nameOf = ({ path }) => path || words.model;
  const count = module => filled(words.parameterCount, { count: parametersOf(module).length });
  const sizeOf = module => (module.inputs.length ? `${module.inputs.length} → ${module.outputs.length}, ${count(module)}` : count(module));
  function rowsOf(vertex) { // with the widest numbers that have to fit
    if (!isNode(vertex)) return [`✓ ${nameOf(vertex)} ✓`, sizeOf(vertex), ...(vertex.outputs.length === 1 ? ["out -0.0000, grad -0.0"] : []), "‖grad‖ 0.0000"];
    if (vertex.role === "constant") return [names.get(vertex)];
    const title = names.get(vertex) + (vertex.op ? `: ${vertex.op}` : "");
    return [`✓ ${title} ✓`, "data -0.00000", `grad -0.0000${compares ? ", -0.00000000" : "0"}`];
  }
  function viewOf(folded) {
    const { vertices } = folded, edges = edgesOf(folded);
    const boxes = vertices.map(v => ({ id: String(idOf(v)), rows: rowsOf(v), ordered: v.parents?.length > 1 && !board.rules[v.rule].alike }));
    const local = edges.length <= MOST_LABELLED ? "× -0.0000" : "";
    const arrows = edges.map(edge => ({ tail: String(idOf(edge.tail)), head: String(idOf(edge.head)), label: edge.operand < 0 ? countLabel(edge) : local }));
    const layout = layered(boxes, arrows, 28), places = new Map(vertices.map((v, i) => [v, layout.places[i]]));
    return {
      size: [layout.width, layout.height].map(round),
      boxes: firingOrder(folded, arranged).map(v => [idOf(v), ...places.get(v).map(round)]),
      arrows: edges.map((edge, i) => [idOf(edge.tail), idOf(edge.head), layout.curves[i], ...layout.labels[i].map(round), edge.operand, ...(countLabel(edge) ? [edge.values] : [])]),
    };
  }
  if (!modules.length) return { modules: [], views: [viewOf(collapse(order, paths, () => true))], first: 0 };
  const clusters = [], views = [], levels = [], opens = new Map([["", 1]]), depths = depthOf(modules.at(-1)) + 2;
  function add(isExpanded, up, level) {
    const folded = collapse(order, paths, isExpanded);
    for (const vertex of folded.vertices.filter(one => !isNode(one))) {
      const numbers = nodes => nodes.map(node => number.get(node));
      clusters[at.get(vertex.path)] ??= {
        name: nameOf(vertex), size: sizeOf(vertex), nodes: numbers(vertex.nodes), parameters: numbers(parametersOf(vertex)), outputs: numbers(vertex.outputs),
      };
    }
    levels.push(level);
    views.push({ ...viewOf(folded), up });
  }
  for (let level = 0; level < depths; level++) add(expandedTo(level), Math.max(0, level - 1), level);
  for (const path of modules.slice(1)) {
    if (views.reduce((sum, { boxes, arrows }) => sum + boxes.length + arrows.length, 0) > MOST_DRAWN) continue;
    opens.set(path, views.length);
    add(expandedAlong(path), opens.get(prefixes(path).at(-2)), depthOf(path) + 1);
  }
  modules.forEach((path, i) => { (clusters[i] ??= {}).opens = opens.get(path) ?? depthOf(path) + 1; });
  const sizes = views.map(({ boxes }) => boxes.length);
  views.forEach((view, i) => {
    const down = sizes.findIndex((size, level) => level >= levels[i] && level < depths && size > sizes[i]);
    if (down >= 0) view.down = down;
  });
  return { modules: clusters, views, first: Math.max(0, sizes.slice(0, depths).findLastIndex(size => size <= MOST_BOXES_AT_FIRST)) };
}
