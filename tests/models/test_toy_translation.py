"""Three phrases by letters: they are learned by heart in seconds, and that is all."""

import keras
import pytest

from attention_course.datasets.subwords import encode_pairs, letters
from attention_course.models.translation import translator, write

PHRASES = [("hello", "hola"), ("how are you", "cómo estás"), ("good morning", "buenos días")]
COPIES = 240


@pytest.mark.slow
def test_three_phrases_are_learned_by_heart():
    english, spanish = (letters(side) for side in zip(*PHRASES, strict=True))
    source, target = encode_pairs(PHRASES * COPIES, english, spanish)
    keras.utils.set_random_seed(0)
    sizes = len(english), len(spanish)
    model = translator("toy", sizes, steps=COPIES, score="dot", width=16, units=16)
    model.jit_compile = False  # to compile takes longer than to train
    model.fit([source, target[:, :-1]], target[:, 1:], batch_size=3, verbose=0)

    def translate(*texts):
        asked, _ = encode_pairs([(text, "") for text in texts], english, spanish)
        return [spanish.decode(row) for row in write(model, asked, 20)[0]]

    assert translate(*(phrase for phrase, _ in PHRASES)) == [phrase for _, phrase in PHRASES]
    # Every letter of these is known, and so is every word.
    assert translate("are you good")[0] != "estás bien"
    assert set("".join(translate("are you good", "good you"))) <= set("holacómo estásbuenos días")
