"""How a formula is written: as text that Python reads, as LaTeX, and as MathML, which browsers show unaided.

`Notation.write` decides what stands where and what takes brackets; each notation knows how a fraction, a power or a
call looks.

>>> from engine import rules
>>> x = Name("x")
>>> print(TEXT.write(1 / rules.sqrt(x) + 2), LATEX.write(1 / rules.sqrt(x) + 2))
1 / sqrt(x) + 2 \\frac{1}{\\sqrt{x}} + 2
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape

from engine import rules
from engine.names import number
from engine.steps import builtin_name
from viz.formulas.symbols import Applied, Expression, Name, Number

# How tightly a formula holds together: a looser one in a tighter place takes brackets.
SUM, PRODUCT, CALL, ATOM = range(4)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def in_page(text: str) -> str:
    """A text for the inside of an element of a page."""
    return escape(_printable(text))


class Notation(ABC):
    """One way to write formulas. Every method but `write` and `equation` takes written parts and gives a whole."""

    held = CALL  # how tightly a function and its arguments hold together
    scientific = PRODUCT  # and a number with a power of ten

    def write(self, formula: Expression) -> str:
        """A formula, written."""
        return self._written(formula)[0]

    def equation(self, *sides: str) -> str:
        """Written formulas that are equal."""
        return self.row([part for side in sides for part in (self.sign("="), side)][1:])

    def terms(self, parts: Sequence[str]) -> str:
        """A sum of written parts."""
        return self.row([part for term in parts for part in (self.sign("+"), term)][1:])

    def factors(self, parts: Sequence[str]) -> str:
        """A product of written parts, with the dot that a board has in every notation."""
        return self.row([part for factor in parts for part in (self.sign("·"), factor)][1:])

    def sum(self, numbers: Sequence[float]) -> str:
        """A sum of numbers."""
        return self.terms(self._numbers(numbers))

    def difference(self, x: float, y: float) -> str:
        """One number less another."""
        left, right = self._numbers([x, y])
        return self.row([left, self.sign("-"), right])

    def product(self, numbers: Sequence[float]) -> str:
        """A product of numbers."""
        return self.factors(self._numbers(numbers))

    def _numbers(self, numbers: Sequence[float]) -> list[str]:
        first, *rest = [(self.number(text), text.startswith("-")) for text in map(number, numbers)]
        return [first[0], *(self.brackets(written) if negative else written for written, negative in rest)]

    def _within(self, tightness: int, formula: Expression) -> str:
        written, own = self._written(formula)
        return written if own >= tightness else self.brackets(written)

    def _written(self, formula: Expression) -> tuple[str, int]:
        if isinstance(formula, Number):
            text = number(formula.value)
            return self.number(text), SUM if text.startswith("-") else self.scientific if "e" in text else ATOM
        if isinstance(formula, Name):
            return self.name(formula.name), ATOM
        assert isinstance(formula, Applied)
        rule, xs = formula.rule, formula.operands
        match builtin_name(rule):
            case "add":
                return self.row([self._within(SUM, xs[0]), self.sign("+"), self._behind(SUM, xs[1])]), SUM
            case "sub":
                return self.row([self._within(SUM, xs[0]), self.sign("-"), self._behind(PRODUCT, xs[1])]), SUM
            case "neg":
                return self.row([self.sign("-"), self._within(PRODUCT, xs[0])]), SUM
            case "mul":
                return self.row([self._within(PRODUCT, xs[0]), self.sign("*"), self._within(PRODUCT, xs[1])]), PRODUCT
            case "div":
                return self.fraction(xs[0], xs[1])
            case "exp":
                return self.exponential(xs[0])
            case "sqrt":
                return self.root(self.write(xs[0])), self.held
            case "absolute":
                return self.bars(self.write(xs[0])), self.held
            case "power":
                return self.power(self._within(ATOM, xs[0]), Number(rule.constants[0])), CALL
            case "pow":
                return self.power(self._within(ATOM, xs[0]), xs[1]), CALL
        constants = [self.number(number(constant)) for constant in rule.constants]
        return self.call(rule.symbol, [*map(self.write, xs), *constants]), self.held

    def _behind(self, tightness: int, formula: Expression) -> str:
        """A formula behind a sign: one that begins with a sign of its own takes brackets there."""
        first = formula
        while isinstance(first, Applied) and first.rule in (rules.add, rules.sub):
            first = first.operands[0]
        signed = isinstance(first, Number) and first.value < 0 or isinstance(first, Applied) and first.rule is rules.neg
        return self._within(PRODUCT if signed else tightness, formula)

    @abstractmethod
    def number(self, text: str) -> str:
        """A number of four digits."""

    @abstractmethod
    def name(self, name: str) -> str:
        """A variable, whatever characters it is made of."""

    @abstractmethod
    def words(self, words: str) -> str:
        """Words beside a formula."""

    @abstractmethod
    def sign(self, sign: str) -> str:
        """One of ``+ - * · = →``."""

    @abstractmethod
    def row(self, parts: Sequence[str]) -> str:
        """Parts one after another."""

    @abstractmethod
    def brackets(self, inner: str) -> str:
        """Something in brackets."""

    @abstractmethod
    def fraction(self, above: Expression, below: Expression) -> tuple[str, int]:
        """A quotient, and how tightly it holds together."""

    @abstractmethod
    def power(self, base: str, exponent: Expression) -> str:
        """A base, in brackets if it takes them, to the power of an exponent."""

    @abstractmethod
    def exponential(self, exponent: Expression) -> tuple[str, int]:
        """``e`` to the power of an exponent, and how tightly it holds together."""

    @abstractmethod
    def root(self, inner: str) -> str:
        """A square root."""

    @abstractmethod
    def bars(self, inner: str) -> str:
        """An absolute value."""

    @abstractmethod
    def call(self, function: str, arguments: Sequence[str]) -> str:
        """A function of its arguments."""

    @abstractmethod
    def derivative(self, of: str, by: str) -> str:
        """``∂of/∂by`` of two names."""

    @abstractmethod
    def slope(self, of: str, by: str) -> str:
        """``dof/dby`` of two names."""


class _Text(Notation):
    """As Python reads it."""

    held = scientific = ATOM

    def number(self, text: str) -> str:
        return text

    def name(self, name: str) -> str:
        return name

    def words(self, words: str) -> str:
        return words

    def sign(self, sign: str) -> str:
        return sign

    def row(self, parts: Sequence[str]) -> str:
        return "".join(parts) if parts[0] == "-" else " ".join(parts)

    def brackets(self, inner: str) -> str:
        return f"({inner})"

    def fraction(self, above: Expression, below: Expression) -> tuple[str, int]:
        return f"{self._within(PRODUCT, above)} / {self._within(CALL, below)}", PRODUCT

    def power(self, base: str, exponent: Expression) -> str:
        return f"{base}**{self._within(ATOM, exponent)}"

    def exponential(self, exponent: Expression) -> tuple[str, int]:
        return self.call("exp", [self.write(exponent)]), ATOM

    def root(self, inner: str) -> str:
        return self.call("sqrt", [inner])

    def bars(self, inner: str) -> str:
        return self.call("abs", [inner])

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{function}({', '.join(arguments)})"

    def derivative(self, of: str, by: str) -> str:
        return f"∂{of}/∂{by}"

    def slope(self, of: str, by: str) -> str:
        return f"d{of}/d{by}"


_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_ON_THE_BOARD = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "log": "ln", "sigmoid": "σ"}
_LATEX_COMMANDS = {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln", "max", "min"}
_LATEX_ESCAPES = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_SUBSCRIPT = re.compile(r"([^\W\d_])[_\[]?(\d+)\]?", re.UNICODE)  # x1, x_1, x[1]: a letter, and which one


class _Latex(Notation):
    """As LaTeX's mathematics, without the dollars."""

    def number(self, text: str) -> str:
        text = text.replace("inf", r"\infty ").replace("nan", r"\mathrm{nan}")
        digits, _, exponent = text.partition("e")
        return rf"{digits} \times 10^{{{int(exponent)}}}" if exponent and "\\" not in text else text

    def name(self, name: str) -> str:
        if found := _SUBSCRIPT.fullmatch(name):
            return f"{self.name(found[1])}_{{{found[2]}}}"
        if len(name) == 1 and name in _GREEK:
            return f"\\{_GREEK[name]}"
        if len(name) == 1 and name.isascii() and name.isalpha():
            return name
        return self.words(name)

    def words(self, words: str) -> str:
        return rf"\text{{{self.prose(words)}}}"

    def prose(self, words: str) -> str:
        """Words outside of formulas, of any length."""
        return re.sub(r"[\\{}$&#^_%~]", lambda c: _LATEX_ESCAPES.get(c[0], f"\\{c[0]}"), _printable(words))

    def sign(self, sign: str) -> str:
        return {"*": r"\cdot", "·": r"\cdot", "→": r"\to"}.get(sign, sign)

    def row(self, parts: Sequence[str]) -> str:
        return " ".join(parts)

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def fraction(self, above: Expression, below: Expression) -> tuple[str, int]:
        return rf"\frac{{{self.write(above)}}}{{{self.write(below)}}}", PRODUCT

    def power(self, base: str, exponent: Expression) -> str:
        return f"{base}^{{{self.write(exponent)}}}"

    def exponential(self, exponent: Expression) -> tuple[str, int]:
        return self.power("e", exponent), CALL

    def root(self, inner: str) -> str:
        return rf"\sqrt{{{inner}}}"

    def bars(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def call(self, function: str, arguments: Sequence[str]) -> str:
        function = _ON_THE_BOARD.get(function, function)
        if function in _GREEK:
            shown = f"\\{_GREEK[function]}"
        elif function in _LATEX_COMMANDS:
            shown = f"\\{function}"
        else:
            shown = rf"\operatorname{{{self.prose(function)}}}"
        return rf"{shown}\left({', '.join(arguments)}\right)"

    def derivative(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {self.name(of)}}}{{\partial {self.name(by)}}}"

    def slope(self, of: str, by: str) -> str:
        return rf"\frac{{d {self.name(of)}}}{{d {self.name(by)}}}"


class _MathML(Notation):
    """As the inside of a ``<math>``."""

    def number(self, text: str) -> str:
        digits, _, exponent = text.replace("inf", "∞").partition("e")
        if exponent:
            shown = f"<mn>{digits}</mn><mo>×</mo><msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"
            return self.row([shown.replace("-", "−")])
        return f"<mn>{text.replace('inf', '∞').replace('-', '−')}</mn>"

    def name(self, name: str) -> str:
        if found := _SUBSCRIPT.fullmatch(name):
            return f"<msub><mi>{found[1]}</mi><mn>{found[2]}</mn></msub>"
        return f"<mi>{in_page(name)}</mi>"

    def words(self, words: str) -> str:
        return f"<mtext>{in_page(words)}&#xa0;</mtext>"

    def sign(self, sign: str) -> str:
        return f"<mo>{ {'*': '·', '-': '−'}.get(sign, sign) }</mo>"

    def row(self, parts: Sequence[str]) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def brackets(self, inner: str) -> str:
        return self.row(["<mo>(</mo>", inner, "<mo>)</mo>"])

    def fraction(self, above: Expression, below: Expression) -> tuple[str, int]:
        return f"<mfrac>{self.write(above)}{self.write(below)}</mfrac>", PRODUCT

    def power(self, base: str, exponent: Expression) -> str:
        return f"<msup>{base}{self.write(exponent)}</msup>"

    def exponential(self, exponent: Expression) -> tuple[str, int]:
        return self.power("<mi>e</mi>", exponent), CALL

    def root(self, inner: str) -> str:
        return f"<msqrt>{inner}</msqrt>"

    def bars(self, inner: str) -> str:
        return self.row(["<mo>|</mo>", inner, "<mo>|</mo>"])

    def call(self, function: str, arguments: Sequence[str]) -> str:
        function = _ON_THE_BOARD.get(function, function)
        listed = [part for argument in arguments for part in ("<mo>,</mo>", argument)][1:]
        return self.row([f"<mi>{in_page(function)}</mi><mo>&#x2061;</mo>", self.brackets(self.row(listed))])

    def derivative(self, of: str, by: str) -> str:
        return self._over("∂", of, by)

    def slope(self, of: str, by: str) -> str:
        return self._over("d", of, by)

    def _over(self, d: str, of: str, by: str) -> str:
        above, below = (self.row([f'<mi mathvariant="normal">{d}</mi>', self.name(name)]) for name in (of, by))
        return f"<mfrac>{above}{below}</mfrac>"


TEXT, LATEX, MATHML = _Text(), _Latex(), _MathML()
