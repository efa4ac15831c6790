// How a typed answer is judged: as viz/classroom/worksheets/marking.py does it, and with the same fractions.
//
// judgeAnswer(typed, right, {mistakes, following, before}) returns {state, number, causes}:
//   typed      what was typed: "3", "3.0", "-0,5", "6/2", "1 1/2"
//   right      the right number, or a fraction as text: "-20/3"
//   mistakes   [name, numbers it gives if made here, number it gives if made at every step (may be left out)], ...
//   following  what earlier answers lead to, if they were wrong
//   before     whether an earlier answer that this one needs was wrong
//   state      "right", "wrong", "not yet" or "unreadable"
//   number     the number to go on with; `following` if there is none
//   causes     [[name, whether at every step], ...], the most likely first; besides the names of mistakes these are
//              "rounded", "follows" (from an earlier wrong answer), "unknown" and "unreadable"
const judgeAnswer = (() => {
  "use strict";
  const WIDE = "０１２３４５６７８９．，／－＋−–⁄", PLAIN = "0123456789.,/-+--/";
  const FRACTIONS = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3"};
  const DECIMAL = /^([+-]?) ?(?=[.,]?[0-9])([0-9]{0,9})(?:[.,]([0-9]{0,20}))?$/;
  const FRACTION = /^([+-]?) ?(?:([0-9]{1,9}) )?([0-9]{1,9}) ?\/ ?([+-]?)([0-9]{1,9})$/;

  // A fraction is its numerator and its denominator, which is above 0. In binary most decimals would be a little off.
  const fraction = (x) => {
    if (typeof x === "string") {
      const [top, bottom = "1"] = x.split("/");
      return [BigInt(top), BigInt(bottom)];
    }
    let bottom = 1n;
    for (; !Number.isInteger(x); x *= 2) bottom *= 2n;
    return [BigInt(x), bottom];
  };
  const size = ([top, bottom]) => [top < 0n ? -top : top, bottom];
  const distance = (x, y) => size([x[0] * y[1] - y[0] * x[1], x[1] * y[1]]);
  const isLess = (x, y) => x[0] * y[1] < y[0] * x[1];
  const toNumber = ([top, bottom]) => Number(top) / Number(bottom);
  const MILLIONTH = fraction(1e-6);

  const plain = (typed) => [...typed].map((c) => FRACTIONS[c] || PLAIN[WIDE.indexOf(c)] || c).join("").trim()
    .replace(/\s+/g, " ");

  // The number, the unit of its last decimal (0 if it has none) and how many digits it has; null if it is not a number.
  const read = (typed) => {
    const text = plain(typed), signed = (sign, x) => sign === "-" ? -x : x;
    let match = DECIMAL.exec(text);
    if (match) {
      const [, sign, whole, decimals = ""] = match, scale = 10n ** BigInt(decimals.length);
      return {
        number: [signed(sign, BigInt(whole + decimals)), scale],
        unit: [decimals ? 1n : 0n, scale],
        digits: (whole + decimals).replace(/^0+/, "").length,
      };
    }
    match = FRACTION.exec(text);
    if (!match || BigInt(match[5]) === 0n) return null;
    const [, sign, whole = "0", top, below, bottom] = match;
    const number = BigInt(whole) * BigInt(bottom) + signed(below, BigInt(top));
    return {number: [signed(sign, number), BigInt(bottom)], unit: [0n, 1n], digits: 0};
  };

  // Whether an answer is this number or, if it has at least so many digits, this number rounded or cut off.
  const isNear = (answer, x, digits = 3) => {
    if (typeof x === "number" && !Number.isFinite(x)) return false;
    const exact = fraction(x), off = distance(answer.number, exact), [top, bottom] = answer.unit;
    const room = isLess(size(answer.number), size(exact)) ? answer.unit : [top, 2n * bottom];
    return isLess(off, MILLIONTH) || (answer.digits >= digits && isLess(off, room));
  };

  const isClose = (x, y) => x === y || Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));

  return (typed, right, {mistakes = [], following = toNumber(fraction(right)), before = false} = {}) => {
    if (!plain(typed)) return {state: "not yet", number: following, causes: []};
    const answer = read(typed);
    if (!answer) return {state: "unreadable", number: following, causes: [["unreadable", false]]};
    if (isNear(answer, right)) return {state: "right", number: toNumber(fraction(right)), causes: []};
    const gives = (x) => isNear(answer, x) && !isClose(x, following);
    const causes = [];
    if (isNear(answer, right, 0)) causes.push(["rounded", false]);
    if (before && isNear(answer, following)) causes.push(["follows", false]);
    for (const [name, here] of mistakes) if (here.some(gives)) causes.push([name, false]);
    for (const [name, , everywhere] of mistakes) {
      if (everywhere !== undefined && gives(everywhere) && !causes.some(([other]) => other === name)) {
        causes.push([name, true]);
      }
    }
    return {state: "wrong", number: toNumber(answer.number), causes: causes.length ? causes : [["unknown", false]]};
  };
})();
