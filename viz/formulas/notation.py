"""Printers for formulas: as text that Python can read, as LaTeX, and as MathML, which browsers show by themselves.

`Notation.write` goes through the expression tree and puts brackets where the precedence calls for them; each notation
knows what a fraction, a power or a call looks like.

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

# Precedence: an operand of lower precedence than its place demands is put in brackets.
SUM, PRODUCT, CALL, ATOM = range(4)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def in_page(text: str) -> str:
    """A text, escaped for an element of a page."""
    return escape(_printable(text))


class Notation(ABC):
    """One way to write formulas. Most methods take parts that are written already, and put them together."""

    call_precedence = CALL  # the precedence of a function with its arguments
    scientific_precedence = PRODUCT  # that of a number with a power of ten

    def write(self, formula: Expression) -> str:
        """A formula in this notation."""
        return self._with_precedence(formula)[0]

    def equation(self, *sides: str) -> str:
        """An equation, given its sides."""
        return self.row([part for side in sides for part in (self.sign("="), side)][1:])

    def terms(self, parts: Sequence[str]) -> str:
        """A sum, given its terms."""
        return self.row([part for term in parts for part in (self.sign("+"), term)][1:])

    def factors(self, parts: Sequence[str]) -> str:
        """A product, given its factors; with a raised dot in every notation, as on the board."""
        return self.row([part for factor in parts for part in (self.sign("·"), factor)][1:])

    def sum(self, numbers: Sequence[float]) -> str:
        """A sum of numbers."""
        return self.terms(self._numbers(numbers))

    def difference(self, x: float, y: float) -> str:
        """One number minus another."""
        left, right = self._numbers([x, y])
        return self.row([left, self.sign("-"), right])

    def product(self, numbers: Sequence[float]) -> str:
        """A product of numbers."""
        return self.factors(self._numbers(numbers))

    def _numbers(self, numbers: Sequence[float]) -> list[str]:
        first, *rest = [(self.number(text), text.startswith("-")) for text in map(number, numbers)]
        return [first[0], *(self.brackets(text) if negative else text for text, negative in rest)]

    def _operand(self, precedence: int, formula: Expression) -> str:
        text, own = self._with_precedence(formula)
        return text if own >= precedence else self.brackets(text)

    def _with_precedence(self, formula: Expression) -> tuple[str, int]:
        if isinstance(formula, Number):
            text = number(formula.value)
            unsigned = self.scientific_precedence if "e" in text else ATOM
            return self.number(text), SUM if text.startswith("-") else unsigned
        if isinstance(formula, Name):
            return self.name(formula.name), ATOM
        assert isinstance(formula, Applied)
        rule, xs = formula.rule, formula.operands
        match builtin_name(rule):
            case "add":
                return self.row([self._operand(SUM, xs[0]), self.sign("+"), self._right_operand(SUM, xs[1])]), SUM
            case "sub":
                return self.row([self._operand(SUM, xs[0]), self.sign("-"), self._right_operand(PRODUCT, xs[1])]), SUM
            case "neg":
                return self.row([self.sign("-"), self._operand(PRODUCT, xs[0])]), SUM
            case "mul":
                return self.row([self._operand(PRODUCT, xs[0]), self.sign("*"), self._operand(PRODUCT, xs[1])]), PRODUCT
            case "div":
                return self.fraction(xs[0], xs[1])
            case "exp":
                return self.exponential(xs[0])
            case "sqrt":
                return self.root(self.write(xs[0])), self.call_precedence
            case "absolute":
                return self.bars(self.write(xs[0])), self.call_precedence
            case "power":
                return self.power(self._operand(ATOM, xs[0]), Number(rule.constants[0])), CALL
            case "pow":
                return self.power(self._operand(ATOM, xs[0]), xs[1]), CALL
        constants = [self.number(number(constant)) for constant in rule.constants]
        return self.call(rule.symbol, [*map(self.write, xs), *constants]), self.call_precedence

    def _right_operand(self, precedence: int, formula: Expression) -> str:
        """An operand to the right of a sign; if it begins with a sign itself, it is put in brackets."""
        first = formula
        while isinstance(first, Applied) and first.rule in (rules.add, rules.sub):
            first = first.operands[0]
        signed = isinstance(first, Number) and first.value < 0 or isinstance(first, Applied) and first.rule is rules.neg
        return self._operand(PRODUCT if signed else precedence, formula)

    @abstractmethod
    def number(self, text: str) -> str:
        """A number, given as text with four digits."""

    @abstractmethod
    def name(self, name: str) -> str:
        """A variable; its name may have any characters."""

    @abstractmethod
    def words(self, words: str) -> str:
        """Words next to a formula."""

    @abstractmethod
    def sign(self, sign: str) -> str:
        """One of ``+ - * · = →``."""

    @abstractmethod
    def row(self, parts: Sequence[str]) -> str:
        """Parts side by side."""

    @abstractmethod
    def brackets(self, inner: str) -> str:
        """Something in brackets."""

    @abstractmethod
    def fraction(self, above: Expression, below: Expression) -> tuple[str, int]:
        """A quotient and its precedence."""

    @abstractmethod
    def power(self, base: str, exponent: Expression) -> str:
        """A base, with its brackets if it needs any, raised to an exponent."""

    @abstractmethod
    def exponential(self, exponent: Expression) -> tuple[str, int]:
        """``e`` raised to an exponent, and its precedence."""

    @abstractmethod
    def root(self, inner: str) -> str:
        """A square root."""

    @abstractmethod
    def bars(self, inner: str) -> str:
        """An absolute value."""

    @abstractmethod
    def call(self, function: str, arguments: Sequence[str]) -> str:
        """A function applied to its arguments."""

    @abstractmethod
    def derivative(self, of: str, wrt: str) -> str:
        """The partial derivative ``∂of/∂wrt`` of two names."""

    @abstractmethod
    def ordinary_derivative(self, of: str, wrt: str) -> str:
        """The ordinary derivative ``dof/dwrt`` of two names."""


class _Text(Notation):
    """Text that Python can read."""

    call_precedence = scientific_precedence = ATOM

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
        return f"{self._operand(PRODUCT, above)} / {self._operand(CALL, below)}", PRODUCT

    def power(self, base: str, exponent: Expression) -> str:
        return f"{base}**{self._operand(ATOM, exponent)}"

    def exponential(self, exponent: Expression) -> tuple[str, int]:
        return self.call("exp", [self.write(exponent)]), ATOM

    def root(self, inner: str) -> str:
        return self.call("sqrt", [inner])

    def bars(self, inner: str) -> str:
        return self.call("abs", [inner])

    def call(self, function: str, arguments: Sequence[str]) -> str:
        return f"{function}({', '.join(arguments)})"

    def derivative(self, of: str, wrt: str) -> str:
        return f"∂{of}/∂{wrt}"

    def ordinary_derivative(self, of: str, wrt: str) -> str:
        return f"d{of}/d{wrt}"


_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_TEXTBOOK_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "log": "ln", "sigmoid": "σ"}
_LATEX_COMMANDS = {"sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "ln", "max", "min"}
_LATEX_ESCAPES = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_SUBSCRIPT = re.compile(r"([^\W\d_])[_\[]?(\d+)\]?", re.UNICODE)  # x1, x_1, x[1]: a letter with an index


class _Latex(Notation):
    """LaTeX for math mode, without the dollar signs."""

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
        """Words outside formulas, of any length."""
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
        function = _TEXTBOOK_NAMES.get(function, function)
        if function in _GREEK:
            shown = f"\\{_GREEK[function]}"
        elif function in _LATEX_COMMANDS:
            shown = f"\\{function}"
        else:
            shown = rf"\operatorname{{{self.prose(function)}}}"
        return rf"{shown}\left({', '.join(arguments)}\right)"

    def derivative(self, of: str, wrt: str) -> str:
        return rf"\frac{{\partial {self.name(of)}}}{{\partial {self.name(wrt)}}}"

    def ordinary_derivative(self, of: str, wrt: str) -> str:
        return rf"\frac{{d {self.name(of)}}}{{d {self.name(wrt)}}}"


class _MathML(Notation):
    """MathML for the inside of a ``<math>`` element."""

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
        function = _TEXTBOOK_NAMES.get(function, function)
        listed = [part for argument in arguments for part in ("<mo>,</mo>", argument)][1:]
        return self.row([f"<mi>{in_page(function)}</mi><mo>&#x2061;</mo>", self.brackets(self.row(listed))])

    def derivative(self, of: str, wrt: str) -> str:
        return self._derivative("∂", of, wrt)

    def ordinary_derivative(self, of: str, wrt: str) -> str:
        return self._derivative("d", of, wrt)

    def _derivative(self, d: str, of: str, wrt: str) -> str:
        above, below = (self.row([f'<mi mathvariant="normal">{d}</mi>', self.name(name)]) for name in (of, wrt))
        return f"<mfrac>{above}{below}</mfrac>"


TEXT, LATEX, MATHML = _Text(), _Latex(), _MathML()
