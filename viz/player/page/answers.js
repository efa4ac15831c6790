// A typed number, and what is said of it. Worksheets read and mark in the same way (viz/classroom/worksheets/marking.py).

const TYPED = { "−": "-", "–": "-", "⁄": "/", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3" };

function readNumber(given) { // a fraction, the unit of its last decimal, and its digits; null if it is no number
  const text = given.replace(/[−–⁄½¼¾⅓⅔]/g, c => TYPED[c])
    .replace(/[０-９．，／－＋]/g, c => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).trim().split(/\s+/).join(" ");
  const decimal = /^([+-]?) ?(?=[.,]?\d)(\d{0,9})(?:[.,](\d{0,20}))?$/.exec(text);
  if (decimal) {
    const [, minus, whole, decimals = ""] = decimal, digits = (whole + decimals).replace(/^0+/, "");
    const bottom = 10n ** BigInt(decimals.length), top = BigInt(digits || 0);
    return { top: minus === "-" ? -top : top, bottom, unit: decimals ? [1n, bottom] : [0n, 1n], digits: digits.length };
  }
  const fraction = /^([+-]?) ?(?:(\d{1,9}) )?(\d{1,9}) ?\/ ?([+-]?\d{1,9})$/.exec(text);
  if (!fraction || BigInt(Number(fraction[4])) === 0n) return null;
  let top = BigInt(fraction[3]), bottom = BigInt(Number(fraction[4]));
  if (bottom < 0n) [top, bottom] = [-top, -bottom];
  top += BigInt(fraction[2] ?? 0) * bottom;
  return { top: fraction[1] === "-" ? -top : top, bottom, unit: [0n, 1n], digits: 0 };
}
function exactly(x) { // a float as a fraction
  let bottom = 1n;
  for (; !Number.isInteger(x); x *= 2) bottom *= 2n;
  return [BigInt(x), bottom];
}
const magnitude = x => (x < 0n ? -x : x);
const less = ([a, b], [c, d]) => a * d < c * b;

function isNear({ top, bottom, unit, digits }, number, enough = 3) { // it is this number or, with enough digits, this number rounded or cut off
  if (!isFinite(number)) return false;
  const [n, d] = exactly(number), off = [magnitude(top * d - n * bottom), bottom * d];
  const halves = less([magnitude(top), bottom], [magnitude(n), d]) ? 1n : 2n;
  return less(off, exactly(1e-6)) || (digits >= enough && less(off, [unit[0], unit[1] * halves]));
}

// What is said of an answer whose right number is `key`. The suspects are mistakes, each as its name, the number that it
// gives (or several) and, if it is another, the number that it gives if it is made at every step. `following` is what
// the answers before lead to, if some were wrong; `before`, whether one that is needed here was. The causes are the
// names of the mistakes that give the number, the most likely first, or "rounded", "follows", "unknown", "unreadable";
// `everywhere` has those of them that are made at every step, and `number` is the one to go on with.
function judge(given, key, suspects, following = key, before = false) {
  const everywhere = [], said = (state, number, causes = []) => ({ state, number, causes, everywhere });
  if (!given.trim()) return said("not yet", following);
  const answer = readNumber(given);
  if (!answer) return said("unreadable", following, ["unreadable"]);
  if (isNear(answer, key)) return said("right", key);
  const isClose = (x, y) => isFinite(y) && Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
  const gives = x => isNear(answer, x) && !isClose(x, following);
  const causes = suspects.filter(([, numbers]) => [numbers].flat().some(gives)).map(([name]) => name);
  for (const [name, , last] of suspects) {
    if (last !== undefined && gives(last) && !causes.includes(name)) { causes.push(name); everywhere.push(name); }
  }
  if (before && isNear(answer, following)) causes.unshift("follows");
  if (isNear(answer, key, 0)) causes.unshift("rounded");
  return said("wrong", readSize(given), causes.length ? causes : ["unknown"]);
}
function readSize(given) { // a number to compute with
  const read = readNumber(given);
  return read ? Number(read.top) / Number(read.bottom) : NaN;
}
