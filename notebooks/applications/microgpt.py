"""A language model with 4,192 parameters learns to make up names, letter by letter, in seconds.

It is a transformer with one layer, built like the large ones: Andrej Karpathy's microgpt (2026,
https://karpathy.github.io/2026/02/12/microgpt/), made from the parts in nn. Run it with
`python -m notebooks.applications.microgpt`.
"""

from random import Random

from engine import compile, no_grad, softmax
from engine.utils.console import make_output_readable
from nn import MLP, Adam, CausalSelfAttention, Embedding, Linear, Module, RMSNorm, cross_entropy

COMMON = """
aaron abigail adam adrian alan albert alex alexander alice amanda amelia amy andrea andrew angela anita anna anne
anthony arthur ashley audrey barbara beatrice benjamin bernard beth betty brandon brenda brian bruce caleb carl carla
carlos carmen carol caroline catherine charles charlotte chloe christian christina christopher clara claire daniel
danielle david deborah diana diego dominic donald dorothy dylan edith edward eleanor elena eliza elizabeth ella ellen
emily emma eric erica esther ethan eva evelyn felix fiona florence frances frank gabriel george gloria grace gregory
hannah harold harry hazel heather helen henry hugo ian ida irene iris isaac isabel isabella ivan jack jacob james jane
janet jasmine jason jean jeffrey jennifer jessica joan joel john jonathan joseph joshua joyce judith julia julian karen
katherine keith kevin laura lauren leo leonard lily linda lisa logan louis louise lucas lucy luke luna madison marcus
margaret maria marie mark martha martin mary mason matthew maya megan melissa mia michael michelle mila molly monica
nancy naomi natalie nathan nicholas nicole nina noah nora oliver olivia oscar pamela patricia patrick paul paula peter
philip rachel ralph raymond rebecca richard robert roger rosa rose ruby russell ruth ryan samuel sandra sara sarah scott
sean sebastian sharon simon sofia sophia sophie stella stephen steven susan sylvia teresa theodore thomas timothy tina
valerie vanessa vera victor victoria vincent violet virginia walter wendy william xavier yvonne zachary zoe
"""
NAMES = COMMON.split()

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BOUNDARY = len(ALPHABET)  # the token before the first letter and after the last
VOCABULARY = len(ALPHABET) + 1
WIDTH, HEADS, BLOCK = 16, 4, 16  # numbers in a row, heads of attention, longest text
STEPS = 1000


class MicroGPT(Module):
    """From the tokens of a text to the scores of what comes next, at every place in it.

    Each token becomes a row of numbers: what it is, plus where it stands. Attention adds to each row what it gathers
    from those before it; two layers of neurons then add what they make of each row by itself.
    """

    def __init__(self, rng):
        self.token = Embedding(VOCABULARY, WIDTH)
        self.position = Embedding(BLOCK, WIDTH)
        self.norm = RMSNorm(WIDTH, eps=1e-5, elementwise_affine=False)  # one for all: it has no parameters
        self.attention = CausalSelfAttention(WIDTH, HEADS)
        self.think = MLP(WIDTH, [4 * WIDTH, WIDTH], bias=False)
        self.score = Linear(WIDTH, VOCABULARY, bias=False)
        for parameter in self.parameters():
            parameter.data = rng.gauss(0, 0.08)

    def forward(self, tokens):
        rows = self.norm([plus(self.token(token), self.position(i)) for i, token in enumerate(tokens)])
        rows = [plus(row, seen) for row, seen in zip(rows, self.attention(self.norm(rows)))]
        rows = [plus(row, self.think(self.norm(row))) for row in rows]
        return [self.score(row) for row in rows]


def plus(xs, ys):
    return [x + y for x, y in zip(xs, ys)]


def tokens_of(name):
    return [BOUNDARY, *map(ALPHABET.index, name), BOUNDARY]


def loss_on(model):
    """How surprised the model is by the next token, on average over a text.

    Compiled, it is recorded once for each length of text; the tokens are inputs, so any text of that length is
    run by the same recording.
    """

    @compile
    def loss(tokens):
        return cross_entropy(model(tokens[:-1]), tokens[1:])

    return loss


def train(model, names, rng):
    loss = loss_on(model)
    optimizer = Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99))
    recent = []
    for step in range(STEPS):
        value = loss(tokens_of(rng.choice(names)))
        optimizer.zero_grad()
        value.backward()
        optimizer.lr = 0.01 * (1 - step / STEPS)  # ever smaller steps
        optimizer.step()
        recent.append(value.data)
        if len(recent) == 100:
            print(f"step {step + 1:4}   loss {sum(recent) / 100:.3f}")
            recent = []


def sample(model, rng, temperature=0.5):
    """A name, one letter after another, each drawn with the probability that the model gives it.

    A temperature below 1 favours what is likely.
    """
    tokens = [BOUNDARY]
    with no_grad():
        while len(tokens) <= BLOCK:
            shares = softmax([score / temperature for score in model(tokens)[-1]])
            token = rng.choices(range(VOCABULARY), [share.data for share in shares])[0]
            if token == BOUNDARY:
                break
            tokens.append(token)
    return "".join(ALPHABET[token] for token in tokens[1:])


def main():
    rng = Random(1337)
    model = MicroGPT(rng)
    print(f"{len(model.parameters()):,} parameters, {len(NAMES)} names; guessing among 27 tokens costs a loss of 3.296")
    train(model, NAMES, rng)
    print("\nMade up:", " ".join(sample(model, rng) for _ in range(20)))


if __name__ == "__main__":
    make_output_readable()
    main()
