// Formulas in MathML, with □0, □1 for the operands and □-1 for the result. Those of a fixed number of operands come from
// Python; here are those of any number, and of constants: viz/formulas/symbols.py and notation.py for these few.

const MOST_SIGNS = 24; // names, numbers and operations in a formula that is shown
const row = (...parts) => `<mrow>${parts.join("")}</mrow>`;
const operandName = i => `<mi>□${i}</mi>`;
const signed = sign => `<mo>${sign}</mo>`;
const fraction = (above, below) => `<mfrac>${above}${below}</mfrac>`;
const raised = (base, exponent) => `<msup>${base}${exponent}</msup>`;
const joined = (sign, parts) => parts.reduce((sum, part) => row(sum, signed(sign), part));
const minusOf = x => row(signed("−"), x);
function called(name, parts) {
  const listed = parts.length === 1 ? parts[0] : row(...parts.flatMap((part, i) => (i ? [signed(","), part] : [part])));
  return row(`<mi>${name}</mi>${signed("\u2061")}`, row(signed("("), parts.length === 1 && !/^<mi>□-?\d+<.mi>$/.test(listed) ? row(listed) : listed, signed(")")));
}
function numberWritten(x) {
  const [digits, exponent] = shown(x).replace("inf", "∞").split("e"), written = n => `<mn>${String(n).replace("-", "−")}</mn>`;
  return exponent ? row(written(digits), signed("×"), raised(written(10), written(Number(exponent)))) : written(digits);
}
function part(x) { // a third as 1/3; what it counts for
  const n = Math.round(1 / x);
  return x > 1e-9 && x < 1 && Number(shown(x)) !== x && x === 1 / n ? fraction(numberWritten(1), numberWritten(n)) : "";
}
const writtenOut = x => part(x) || numberWritten(x);
const factored = (x, rest) => { // x · rest, simplified
  if (x < 0) return minusOf(factored(-x, rest));
  return x === 1 ? rest : part(x) ? fraction(rest, numberWritten(Math.round(1 / x))) : row(numberWritten(x), signed("·"), rest);
};

const FORMULAS = {
  power(xs, n) {
    const [x] = xs, value = raised(x, numberWritten(n));
    if (n === 0) return [value, numberWritten(0)];
    if (n === 1 || n === 2) return [value, n === 1 ? numberWritten(1) : row(numberWritten(2), signed("·"), x)];
    return [value, factored(n, raised(x, part(n) ? row(part(n), signed("−"), numberWritten(1)) : numberWritten(n - 1)))];
  },
  leaky_relu(xs, slope) {
    const value = called("leaky_relu", [...xs, numberWritten(slope)]), step = called("step", xs), rest = 1 - slope;
    if (rest === 0 || slope === 0) return [value, rest === 0 ? numberWritten(1) : step];
    return [value, row(writtenOut(slope), signed(rest < 0 ? "−" : "+"), factored(Math.abs(rest), step))];
  },
  clamp: (xs, low, high) => ["clamp", "between"].map(name => called(name, [...xs, numberWritten(low), numberWritten(high)])),
  select: ([x]) => [x, numberWritten(1)],
  total: xs => sized(2 * xs.length - 1, () => joined("+", xs), xs, () => numberWritten(1)),
  mean: xs => sized(2 * xs.length + 1, () => (xs.length === 1 ? xs[0] : fraction(joined("+", xs), numberWritten(xs.length))), xs, () => writtenOut(1 / xs.length)),
  dot(all) {
    const n = Math.floor(all.length / 2), bias = all.slice(2 * n), other = i => (i < n ? all[i + n] : i < 2 * n ? all[i - n] : numberWritten(1));
    const terms = () => joined("+", [...all.slice(0, n).map((w, i) => row(w, signed("·"), all[i + n])), ...bias]);
    return sized(4 * n - 1 + 2 * bias.length, terms, all, other);
  },
  largest: xs => ties("max", xs),
  smallest: xs => ties("min", xs),
  logsumexp: xs => sized(3 * xs.length, () => called("ln", [exponentials(xs)]), xs, i => short(3 * xs.length + 2, () => share(xs, i))),
  softmax(xs, at) {
    const n = xs.length, z = operandName(-1), times = i => row(z, signed("·"), share(xs, i));
    return sized(3 * n + 2, () => share(xs, at), xs, i =>
      (i !== at ? short(3 * n + 5, () => minusOf(times(i))) : n === 1 ? numberWritten(0) : n === 2 ? times(1 - at) : ""));
  },
  log_softmax(xs, at) {
    const n = xs.length, others = xs.map((_, i) => i).filter(i => i !== at);
    const rest = () => (n === 1 ? numberWritten(0) : joined("+", others.map(i => share(xs, i))));
    return sized(3 * n + 2, () => row(xs[at], signed("−"), called("ln", [exponentials(xs)])), xs, i =>
      (i !== at ? short(3 * n + 3, () => minusOf(share(xs, i))) : n <= 3 ? rest() : ""));
  },
  gather: xs => sized(xs.length + 1, () => called("gather", xs), xs, i =>
    (i === 0 ? numberWritten(0) : called("between", [xs[0], numberWritten(i - 1.5), numberWritten(i - 0.5)]))),
};
const short = (signs, write) => (signs > MOST_SIGNS ? "" : write());
const sized = (signs, write, xs, partial) => [short(signs, write), ...xs.map((_, i) => partial(i))];
const exponentials = xs => joined("+", xs.map(x => raised("<mi>e</mi>", x)));
const share = (xs, i) => fraction(raised("<mi>e</mi>", xs[i]), exponentials(xs));
function ties(name, xs) {
  const equal = x => called("equal", [x, operandName(-1)]);
  return sized(xs.length + 1, () => called(name, xs), xs, i => short(4 * xs.length + 3, () => fraction(equal(xs[i]), joined("+", xs.map(equal)))));
}
function formulasOf({ rule, constants, parents }) {
  const { formulas } = board.rules[rule];
  if (!formulas) return FORMULAS[rule](parents.map((_, i) => operandName(i)), ...constants);
  return formulas.map(text => [...text].map(c => board.pieces[c] ?? c).join(""));
}
