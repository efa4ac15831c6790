// The part of Python that an expression needs: names, numbers, + - * / % **, calls, methods, lists and assignments. It is
// computed while it is read. What is wrong becomes a `Trouble`, which knows its line.

const TOKEN = /[ \t\r]*(?:(#.*)|(\n|;)|((?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|("[^"\n]*"|'[^'\n]*')|(\*\*=?|\/\/|[-+*/%=<>!]=|[-+*/%(),.=[\]<>:{}@^&|~!]))/uy;
const ALIKE = { "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "÷": "/", "：": ":", "、": ",", "　": " " };
const STATEMENTS = /^(if|elif|else|for|while|def|class|return|with|lambda|try|except|assert|del|print|not|and|or|in|is|None|global|yield|await|async)$/;

function tokensOf(source) { // and [end] after the last one
  const text = source.replace(/[！-～−–×·⋅÷、　]/g, c => ALIKE[c] ?? String.fromCharCode(c.charCodeAt(0) - 0xfee0));
  const tokens = [], open = [];
  TOKEN.lastIndex = line = 0;
  const add = (kind, start, end) => tokens.push({ kind, text: text.slice(start, end), start, end, line });
  line = 1;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex, found = TOKEN.exec(text);
    if (!found) {
      const rest = text.slice(from).trimStart();
      if (!rest) break;
      trouble("character", { what: [...rest][0] });
    }
    const [, comment, end, number, name, string, sign] = found, [start, stop] = [TOKEN.lastIndex - (comment ?? end ?? number ?? name ?? string ?? sign).length, TOKEN.lastIndex];
    if (end) {
      if (!open.length || end === ";") add("end", start, stop);
      if (end === "\n") line++;
    } else if (!comment) {
      add(number ? "number" : name ? "name" : string ? "string" : "sign", start, stop);
      if (sign && "([".includes(sign)) open.push(tokens.at(-1));
      if (sign === ")" || sign === "]") open.pop();
    }
  }
  if (open.length) { line = open[0].line; trouble("unclosed", { sign: open[0].text, needed: open[0].text === "(" ? ")" : "]" }); }
  add("end", text.length, text.length);
  return tokens;
}

const own = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);
const weightsOf = ({ label, seed }) => `${label}.${seed}`; // under what a network's weights are kept: another seed is another network

function read(source, weights = {}) { // {root, names, moving}: the last value; what has a name; leaves, with how to write them
  modules = made = 0;
  const tokens = tokensOf(source), names = new Map(), written = new Map();
  let at = 0, last = null;
  const now = () => tokens[at], is = text => now().kind === "sign" && now().text === text;
  const take = text => is(text) && tokens[at++];
  const before = () => tokens[at - 1]?.text ?? "";

  function need(text) { if (!take(text)) unexpected(); }
  function unexpected() { // at a token that does not belong here
    const { kind, text } = now(), last = tokens[at - 1], previous = last && last.kind !== "end" ? last : null;
    if (kind === "end") missing(previous);
    if (STATEMENTS.test(text) && kind === "name") trouble("statement", { what: text });
    if (text === "^") trouble("power", {});
    if (text === "//") trouble("floor", {});
    if (/^([<>]=?|[=!]=)$/.test(text)) trouble("comparison", { what: text });
    if (previous?.kind === "number" && (kind === "name" || text === "(")) trouble("times", { write: `${previous.text}*${text}` });
    if (previous && previous.text !== ")" && previous.kind !== "sign" && kind === "name") trouble("two", { first: previous.text, second: text });
    if (text === "=") trouble("left", {});
    if (text === ",") trouble("comma", {});
    trouble(previous ? "unexpected" : "start", { what: text, after: previous?.text });
  }

  let start = 0; // of the statement
  function missing({ text, end }) { // after its last token
    trouble("missing", { after: text, write: `${source.slice(start, end)}${text === "." ? "tanh()" : " 2"}` });
  }
  const example = (name, count) => `${name}(${[..."abcdefgh"].slice(0, count).join(", ")})`;

  // ---- Expressions, from the loosest sign to the tightest, as in Python.

  const climb = (signs, next) => () => {
    let x = next();
    for (let sign; (sign = signs.find(is)); ) { at++; x = binary(sign, x, next()); }
    return x;
  };
  const unary = () => (take("-") ? minus(unary()) : take("+") ? unary() : power());
  const minus = x => (typeof x === "number" ? -x : negative(x));
  const power = () => { const x = postfix(); return take("**") ? binary("**", x, unary()) : x; };
  const sum = climb(["+", "-"], climb(["*", "/", "%"], unary));
  function listed(end) { // expressions up to a sign; after the plain ones those with a name
    const xs = [], options = {};
    while (!take(end)) {
      if (now().kind === "name" && tokens[at + 1].text === "=") {
        const name = now().text;
        at += 2;
        options[name] = sum();
      } else xs.push(sum());
      if (!is(end)) need(",");
    }
    return { xs, options };
  }
  function postfix() {
    let x = atom();
    for (;;) {
      if (take(".")) x = method(x);
      else if (take("[")) x = item(x, listed("]").xs);
      else if (is("(")) {
        if (!x?.call) trouble("notCalled", { what: before() });
        at++;
        x = x.call(...listed(")").xs);
      } else return x;
    }
  }
  function method(x) {
    const name = now().text;
    if (now().kind !== "name") unexpected();
    at++;
    if (name === "data" && isNode(x)) return x.value;
    if (name === "backward" || name === "grad") trouble("backward", { name });
    if (!isNode(x)) trouble("noMethods", { name });
    const many = name === "leaky_relu" || name === "clamp", operands = own(board.methods, name);
    if (!many && !operands) {
      const meant = nearest(name, [...Object.keys(board.methods), "leaky_relu", "clamp"]);
      trouble(meant ? "unknownNear" : "noMethod", { name: `.${name}()`, meant: `.${meant}()` });
    }
    if (!take("(")) trouble("brackets", { write: `.${name}()` });
    const { xs } = listed(")");
    if (many) return FUNCTIONS[name](x, ...xs);
    const { rule, count } = operands;
    if (xs.length !== count - 1) trouble("arguments", { name: `.${name}`, expected: count - 1, given: xs.length, write: example(`.${name}`, count - 1) });
    return apply(rule, [x, ...xs]);
  }
  function item(xs, [i]) {
    if (!Array.isArray(xs)) trouble("notAList", {});
    const index = i < 0 ? xs.length + i : i;
    return xs[index] ?? trouble("index", { size: xs.length });
  }
  function atom() {
    const token = now();
    if (token.kind === "number") { at++; return Number(token.text.replaceAll("_", "")); }
    if (token.kind === "string") { at++; return token.text.slice(1, -1); }
    if (take("(")) { const x = sum(); need(")"); return x; }
    if (take("[")) return listed("]").xs;
    if (token.kind !== "name" || STATEMENTS.test(token.text)) return unexpected();
    at++;
    if (names.has(token.text)) return names.get(token.text);
    return named(token.text);
  }
  function named(text) { // a name that nothing has been called in this text
    const name = own({ Neuron: "neuron", MLP: "mlp", Parameter: "parameter" }, text) ?? text;
    if (/^(math|np|numpy|torch|engine)$/.test(text) && is(".")) { at++; const { text } = now(); at++; return named(text); }
    if (text === "True" || text === "False") return text === "True";
    if (text === "pi" || text === "inf") return text === "pi" ? Math.PI : Infinity;
    const rule = own(board.functions, name), isFunction = rule || Object.hasOwn(FUNCTIONS, name) || name === "linear";
    if (!isFunction) {
      const meant = nearest(text, is("(") ? functionNames() : [...names.keys()]);
      if (meant) trouble("unknownNear", { name: text, meant });
      trouble(is("(") ? "noFunction" : "noValue", { name: text });
    }
    if (!is("(")) return /^[,)\]]$/.test(now().text) && ACTIVATIONS.includes(name) ? { name } : trouble("aFunction", { name: text });
    const opening = ++at, { xs, options } = listed(")"), wrong = Object.keys(options).find(key => !OPTIONS[name]?.split(" ").includes(key));
    if (wrong) trouble("noOption", { name: text, option: wrong });
    if (rule) {
      if (xs.length !== rule.count) trouble("arguments", { name: text, expected: rule.count, given: xs.length, write: example(text, rule.count) });
      return apply(rule.rule, xs);
    }
    const [least, most] = ARGUMENTS[name];
    if (xs.length > most && LISTS.includes(name)) trouble("takesList", { name: text });
    if (xs.length < least || xs.length > most) trouble("arguments", { name: text, expected: least === most ? most : `${least}–${most}`, given: xs.length, write: example(text, least) });
    while (OPTIONS[name] && xs.length < most) xs.push(undefined);
    const value = FUNCTIONS[name](...xs, ...(OPTIONS[name] ? [options] : []));
    if (isNode(value) && !value.parents.length) written.set(value, [tokens[opening].start, endOf(opening)]);
    return value;
  }
  const functionNames = () => [...Object.keys(board.functions), ...Object.keys(FUNCTIONS)];
  function endOf(from) { // of the argument that begins there
    let depth = 0, i = from;
    for (; depth || !/^[,)]$/.test(tokens[i].text); i++) depth += "([".includes(tokens[i].text) - ")]".includes(tokens[i].text);
    return tokens[i - 1].end;
  }

  // ---- Statements.

  function call(name, value, start) { // the value gets the name
    if (typeof value === "number") { value = leaf(value, "input"); written.set(value, [start, tokens[at - 1].end]); }
    if (Array.isArray(value)) value = value.map((x, i) => inList(`${name}[${i}]`, x));
    if (isNode(value)) value.label ||= name;
    if (value?.call && !value.label) { value.name(name); value.label = name; restore(value, weights[weightsOf(value)]); }
    names.set(name, value);
    return value;
  }
  function inList(name, x) {
    if (Array.isArray(x)) return x.map((y, i) => inList(`${name}[${i}]`, y));
    const value = typeof x === "number" ? leaf(x, "input") : x;
    if (isNode(value)) value.label ||= name;
    return value;
  }
  function restore({ parameters }, numbers) {
    if (numbers?.length === parameters.length) parameters.forEach((p, i) => { p.value = numbers[i]; });
  }
  function targets() { // the names before the "=", if this is an assignment
    const found = [];
    for (let i = at; tokens[i].kind === "name"; i += 2) {
      found.push(tokens[i].text);
      const { text } = tokens[i + 1];
      if (text === "=" || /^(\*\*|[-+*/%])=$/.test(text)) { at = i + 2; return [found, text.slice(0, -1)]; }
      if (text !== ",") return [];
    }
    return [];
  }
  function statement() {
    const end = tokens.findIndex(({ kind }, i) => i > at && kind === "end"), final = tokens[end - 1];
    start = now().start;
    if (/^(import|from)$/.test(now().text) || /^\.(zero_grad|backward)$/.test(tokens[at + 1].text + tokens[at + 2]?.text)) { at = end; return; } // from a lesson
    if (final.kind === "sign" && /^(\*\*|[-+*/%]?=|[-+*/%])$/.test(final.text)) missing(final);
    const chain = [], first = now().text;
    for (let found = targets(); found[0]; found = targets()) chain.push(found);
    const bad = chain.flatMap(([names]) => names).find(name => STATEMENTS.test(name));
    if (bad) trouble("reserved", { name: bad });
    const [[left = [], sign = ""] = []] = chain;
    if (sign && (left.length > 1 || !names.has(first))) trouble("noValue", { name: first });
    const values = [], starts = [];
    do { starts.push(now().start); values.push(sum()); } while (is(",") && left.length > values.length && at++);
    if (now().kind !== "end") unexpected();
    if (!chain.length) { last = values[0]; return; }
    if (sign) { last = call(first, binary(sign, names.get(first), values[0]), starts[0]); return; }
    const parts = left.length > 1 && values.length === 1 && Array.isArray(values[0]) ? values[0] : values;
    for (const [names] of chain) {
      if (names.length !== parts.length) trouble("sizes", { name: names.join(", "), expected: names.length, given: parts.length });
      names.forEach((name, i) => { last = parts[i] = call(name, parts[i], starts[i] ?? starts[0]); });
    }
  }
  while (at < tokens.length) {
    line = now().line;
    if (now().kind !== "end") statement();
    at++;
  }
  if (last === null) trouble("nothing", {});
  if (typeof last === "number") last = leaf(last, "input");
  if (isNode(last)) return { root: last, names, written };
  const [name = "y"] = [...names].find(([, value]) => value === last) ?? [];
  return trouble(Array.isArray(last) ? "aList" : last?.call ? "aModule" : "notANumber", { name, what: described(last) });
}

function nearest(name, among) { // the name that was probably meant, or ""
  const distance = (a, b) => { // insertions, deletions, replacements (V. Levenshtein, 1965)
    let row = [...Array(b.length + 1).keys()];
    for (let i = 1; i <= a.length; i++) {
      row = row.reduce((next, above, j) => [...next, j ? Math.min(above + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] !== b[j - 1])) : i], []);
    }
    return row[b.length];
  };
  const low = name.toLowerCase(), scored = among.map(one => [distance(low, one.toLowerCase()), one]).sort(([a], [b]) => a - b);
  return scored.length && scored[0][0] <= Math.max(low === scored[0][1].toLowerCase() ? 1 : 0, (low.length - 1) / 3) ? scored[0][1] : "";
}
