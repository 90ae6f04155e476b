"""Learn the subwords of the verses from their training part: ``data/verses_subwords.json``.

This alone needs the library sentencepiece. Its vocabulary is stored as a list of pieces, with
which ``datasets/subwords.py`` splits any text in the same way.
"""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attention_course import environment
from attention_course.datasets import verses
from attention_course.datasets.grammar import END, PADDING, START
from attention_course.datasets.subwords import UNKNOWN
from attention_course.storage import write_json

SIZE = 1_000
"""Numbers of each language, those that stand for no piece included."""


def learn(texts: Iterable[str], size: int) -> Any:
    """Return a sentencepiece processor with ``size`` numbers, learned from ``texts``."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        pad_id=PADDING,
        bos_id=START,
        eos_id=END,
        unk_id=UNKNOWN,
        num_threads=1,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def pieces(processor: Any) -> list[str]:
    """Return the pieces of a processor in the order of their numbers."""
    return [processor.id_to_piece(number) for number in range(UNKNOWN + 1, len(processor))]


def record(folder: Path) -> dict[str, Any]:
    """Learn both languages, write ``verses_subwords.json`` into ``folder``, return its content."""
    train = verses.split(verses.load()[0])[0]["train"]
    content = {
        "versions": environment.versions(["sentencepiece"]),
        "english": pieces(learn([verse.source for verse in train], SIZE)),
        "spanish": pieces(learn([verse.target for verse in train], SIZE)),
    }
    write_json(folder / Path(verses.SUBWORDS_FILE).name, content)
    return content
