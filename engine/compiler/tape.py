"""A graph as a linear program: a list of instructions, recorded once and run again on other numbers.

>>> from engine import Value
>>> x, w = Value(3.0), Value(2.0, label="w", role="parameter")
>>> print(Tape([("x", x)], [(w * x).tanh()]))
1 input, 1 parameter, 0 constants, 2 instructions
  v1 = w * x     6
  v2 = tanh(v1)  1
"""

from array import array
from collections.abc import Container, Iterator, Sequence
from itertools import chain, count, zip_longest

from engine.graph import topological_order
from engine.names import in_brackets, number
from engine.nary_rules import total
from engine.rules import Rule
from engine.steps import as_python
from engine.utils.console import printable
from engine.value import Value, new

# Each output of a softmax is a node with a rule of its own. All those of the same operands become one instruction, a
# group, which computes what they share once.
GROUPS = ("softmax", "log_softmax")

Operation = tuple[Rule | str, int]  # what an opcode stands for: a rule, or the name of a group; and its operand count


@printable
class Tape:
    """The instructions of a graph.

    Every number has a slot. The inputs come first, then the parameters, the constants, and the results of the
    instructions, in order. An instruction is encoded as integers: its opcode, the number of integers that follow, the
    slot of the result, and the slots of the operands. For a group, what follows is the number of operands, their slots,
    and for each output its index and its slot.

    Args:
        inputs: the leaves that stand for the arguments, with their names.
        outputs: the Values to compute.
        lasting: the leaves that may be parameters, while others become constants; None if all may.

    Attributes:
        parameters: the leaves in use that are neither inputs nor constants. They are read again at each run.
        constants: the numbers of the constants.
        operations: what each opcode stands for.
        program: the encoded instructions.
        starts: where in the program each instruction begins.
        outputs: the slots of the outputs.
        numbers: what each slot held when the tape was recorded.
    """

    def __init__(
        self, inputs: Sequence[tuple[str, Value]], outputs: Sequence[Value], lasting: Container[Value] | None = None
    ) -> None:
        self.inputs = len(inputs)
        slots: dict[Value, int] = {leaf: i for i, (_, leaf) in enumerate(inputs)}
        parameters: list[Value] = []
        constants: list[Value] = []
        made: list[Value] = []
        for node in _order(outputs):
            if node.rule is not None:
                made.append(node)
            elif node not in slots:
                constant = node.role == "constant" or (lasting is not None and node not in lasting)
                (constants if constant else parameters).append(node)
        slots.update(zip(chain(parameters, constants), count(self.inputs)))
        self.parameters = tuple(parameters)
        self.constants = array("d", [node._data for node in constants])
        self.leaves = self.inputs + len(parameters) + len(constants)
        self.operations: list[Operation] = []
        self.program, self.starts = array("I"), array("I")
        self._write(made, slots)
        self.outputs = [slots[node] for node in outputs]
        self.numbers = array("d", [node._data for node in slots])
        self._names = dict(enumerate(name for name, _ in inputs))  # but for the parameters, which know their own
        self._names |= {slots[node]: str(node.label) for node in (*constants, *made) if node.label}

    def _write(self, made: Sequence[Value], slots: dict[Value, int]) -> None:
        """Write the instructions that make these nodes, and give each a slot, in order."""
        codes: dict[Operation, int] = {}
        program, starts = self.program, self.starts
        self.size = self.leaves
        groups: dict[tuple[str, tuple[Value, ...]], list[Value]] = {}
        for node in made:
            if node.rule is not None and _grouped(node.rule):
                groups.setdefault((node.rule.name, node.parents), []).append(node)
        for node in made:
            if node in slots:
                continue
            rule, parents = node.rule, node.parents
            assert rule is not None
            what: Rule | str = rule
            operands = [slots[parent] for parent in parents]
            if _grouped(rule):
                what = rule.name
                operands.insert(0, len(operands))
                for member in groups[rule.name, parents]:
                    slots[member] = self.size
                    assert member.rule is not None
                    operands += member.rule.constants[0], self.size
                    self.size += 1
            else:
                slots[node] = self.size
                operands.insert(0, self.size)
                self.size += 1
            starts.append(len(program))
            program.append(codes.setdefault((what, len(parents)), len(codes)))
            program.append(len(operands))
            program.extend(operands)
        self.operations = list(codes)

    def __len__(self) -> int:
        return len(self.starts)

    def instruction(self, i: int) -> tuple[Rule | str, list[int], list[int], list[int]]:
        """The i-th instruction: its rule or the name of its group, the slots of its operands, those of its results, and
        the index of each result if it is a group.
        """
        at = self.starts[i]
        (what, n), count = self.operations[self.program[at]], self.program[at + 1]
        integers = self.program[at + 2 : at + 2 + count].tolist()
        if isinstance(what, str):
            return what, integers[1 : n + 1], integers[n + 2 :: 2], integers[n + 1 :: 2]
        return what, integers[1:], integers[:1], []

    @property
    def nbytes(self) -> int:
        """The size of the instructions in memory, in bytes."""
        return sum(part.itemsize * len(part) for part in (self.program, self.starts, self.constants, self.numbers))

    def difference(self, other: "Tape") -> str:
        """How another recording of the same function differs, in words; empty if it is the same program."""
        here, there = ((t.operations, t.program, t.outputs, len(t.parameters)) for t in (self, other))
        if here != there:
            pairs = zip_longest(map(self._text, range(len(self))), map(other._text, range(len(other))), fillvalue="")
            texts = next(((a, b) for a, b in pairs if a != b), None)
            if texts is not None:
                before, now = (_shortened(text) or "the end" for text in texts)
                return f"it took a different path: {before} was recorded, and now it is {now}"
            what = next((a for (a, *_), (b, *_) in zip(self, other) if a != b), None)
            if what is None:
                return "it returned different Values"
            symbol = what if isinstance(what, str) else what.symbol
            return f"the rule {symbol!r} was a different one; create it once, outside"
        for slot, (a, b) in enumerate(zip(self.constants, other.constants), start=self.leaves - len(self.constants)):
            if a != b and (a == a or b == b):
                user = next((i for i in range(len(self)) if slot in self.instruction(i)[1]), None)
                where = "" if user is None else f" in {_shortened(self._text(user))}"
                return f"the number {a!r}{where} is {b!r} now, and it is not an argument"
        for mine, theirs in zip(self.parameters, other.parameters):
            if mine is not theirs:
                return f"it used a different leaf, {theirs._name()}, in place of {mine._name()}"
        return ""

    def __iter__(self) -> Iterator[tuple[Rule | str, list[int], list[int], list[int]]]:
        return map(self.instruction, range(len(self)))

    def __str__(self) -> str:
        counts = [(self.inputs, "input"), (len(self.parameters), "parameter"), (len(self.constants), "constant")]
        counts.append((len(self), "instruction"))
        head = ", ".join(f"{count:,} {what}{'s' * (count != 1)}" for count, what in counts)
        texts = [_shortened(self._text(i)) for i in range(len(self))]
        width = max(map(len, texts), default=0)
        return "\n".join([head, *(f"  {text:{width}}  {self._results(i)}" for i, text in enumerate(texts))])

    __repr__ = __str__

    def _results(self, i: int) -> str:
        return ", ".join(number(self.numbers[slot]) for slot in self.instruction(i)[2][:8])

    def _text(self, i: int) -> str:
        what, operands, results, indices = self.instruction(i)
        names = [self._name_of(slot) for slot in operands]
        text = f"{what}({', '.join(names)})" if isinstance(what, str) else as_python(what, names)
        if indices != list(range(len(indices) and len(operands))):
            text += str(indices)
        return f"{', '.join(map(self._name_of, results))} = {text}"

    def _name_of(self, slot: int) -> str:
        if slot in self._names:
            return self._names[slot]
        if self.inputs <= slot < self.inputs + len(self.parameters):
            place = slot - self.inputs
            return str(self.parameters[place].label) or f"p{place + 1}"
        return in_brackets(number(self.numbers[slot])) if slot < self.leaves else f"v{slot - self.leaves + 1}"


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:50] + " … " + text[-27:]


def _grouped(rule: Rule) -> bool:
    return bool(rule.constants) and rule.name in GROUPS


def _order(outputs: Sequence[Value]) -> list[Value]:
    """All nodes that several Values were computed from, and these Values, in topological order."""
    end = new(Value)
    end.rule, end._x, end._y = total, tuple(outputs), None
    return topological_order(end)[:-1]
