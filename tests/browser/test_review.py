"""Type your own review: the page says what Keras says, quickly, about any text."""

import gzip
import json
import os
import random
import re
import sys
import unicodedata

import checks
import numpy as np
import pytest
from figure_reading import afresh, alone, output_of

from attention_course import environment, interactive
from attention_course.datasets import reviews
from attention_course.datasets.vocabulary import START, UNKNOWN, Vocabulary, tokens
from attention_course.display import svg
from attention_course.interactive import export, review

pytestmark = pytest.mark.thorough

CHAPTER = "05_keras_attention"
FIGURE = "fig-review"
LOAD = re.compile(r"^Load the model \(\d\.\d MB\)$")
START_IT = "Start the model"
MB = 1e6
VOCABULARY = Vocabulary.load(5000)
WORDS = VOCABULARY.decode(range(4, 5000))
REVIEWS = reviews.load().text.tolist()
LONG = " ".join(f"{text} {number}" for number, text in enumerate(REVIEWS * 5))
ODD = [
    "It's 'the' best, don't y'all think? (No!)",
    "well-made, so-so; half_and_half",
    "10/10 in the 80's and 90s, 3.5 stars",
    "LOUD And CamelCase FILM",
    "ein Übel: Ärger und GRÖẞE, weiß, café cliché CLICHÉS",
    "clich\u0301e, cliche\u0301 and a film",
    "great 😀 film 👩‍👩‍👧 👍🏽 \U0001d516",
    "<b>bad</b> & a <i>good</i> film",
    "<script>alert(1)</script> film",
    '<img src=x onerror="alert(1)"> film',
    "a\u200bbad\u200d film\ufeff good\u00ad not\u2060bad one",
    "a\u00a0bad\u2003film\u3000good\u0085not\u2028bad\u2029one",
    "a\x1cbad\x1dfilm\x1egood\x1fnot\vbad\fone\ttab\nline",
    "the \x96 film \x85 and a dash \u2013 \u2014 …",
    "‘quoted’ film’s “good” ʼbad",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ. Σ a film, İstanbul ISTANBUL ı ǅ ﬀ",
    "not" * 300 + " film",
    "\U0001f600" * 50 + " film",
    "$x^2$ \\(bad\\) film `code` ~good~ {a} |b| @c #d %e",
    "good\x00bad film",
    "\ud83d good \ude00 film",
    "العربية فيلم film עברית 映画 good",
]
API = "createReader, createSplitter, decode"


# --- a page, a reader --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras_reader():
    from attention_course.models.reader import SentimentReader

    return SentimentReader("self_attention")


def by_keras(reader, texts):
    """The probability of each text, and what each of its places receives, as chapter 5 has it."""
    import keras

    layer = reader.model.get_layer("attention")
    below = keras.Model(reader.model.input, layer.input[0])
    numbers = reader.encode(texts)
    mask = numbers != 0
    states = below(numbers, training=False)
    _, weights = layer([states, states], mask=[mask, mask], return_attention_scores=True)
    received = [
        w[real][:, real].mean(axis=0) for w, real in zip(np.array(weights), mask, strict=True)
    ]
    return reader.probability(texts), received


def output_elsewhere():
    """What the cell shows in JupyterLab or on Colab."""
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(environment.BOOK_VARIABLE, raising=False)
        patch.setattr(svg, "_times_shown", svg.Counter())
        patch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
        review.show_review()
    return bundles[0]["text/html"]


opened = alone(output_elsewhere)


@pytest.fixture
def page(opened):
    """The figure as in JupyterLab or on Colab, its model started."""
    if opened.get_by_role("button", name=START_IT).count():
        assert sentence(opened, "The model is not loaded yet.")
        opened.get_by_role("button", name=START_IT).click()
        sentence(opened, "The model says")
    return afresh(opened)


@pytest.fixture(scope="module")
def api(browser):
    """The functions of review.js in a page of their own, and the model as ``packed``."""
    code = "".join(
        (interactive._FOLDER / name).read_text(encoding="utf-8")
        for name in ("../words.js", *interactive._KIT, "review.js")
    )
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.evaluate(
        "([code, api]) => { window.api = new Function(`${code}; return {${api}};`)(); }",
        [code, API],
    )
    page.evaluate("(packed) => { window.packed = packed; }", export.pack(export.ReviewModel.load()))
    page.evaluate("() => { window.reader = api.createReader(packed); }")
    yield page
    context.close()


def sentence(page, start, timeout=90_000):
    """Wait for a sentence that starts so, and return it."""
    page.wait_for_function(
        "([id, start]) => document.querySelector(`#${id} .ac-sentence`)"
        ".textContent.startsWith(start)",
        arg=[FIGURE, start],
        timeout=timeout,
    )
    return page.locator(f"#{FIGURE} .ac-sentence").text_content()


_TYPE = """async ([id, texts]) => {
  const figure = document.getElementById(id);
  const box = figure.querySelector("textarea");
  const readings = [];
  for (const text of texts) {
    box.value = text;
    box.dispatchEvent(new Event("input"));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const result = figure.querySelector("[data-probability]");
    const words = result ? [...result.querySelectorAll(".ac-word")] : [];
    const skipped = figure.querySelector("details");
    readings.push({
      sentence: figure.querySelector(".ac-sentence").textContent,
      shown: Boolean(result) && !result.hidden,
      probability: result && Number(result.dataset.probability),
      number: figure.querySelector(".ac-number").textContent,
      verdict: figure.querySelector("strong").textContent,
      words: words.map((word) => word.firstChild.textContent),
      spoken: words.map((word) => word.textContent),
      unknown: words.map((word) => "remark" in word.dataset),
      weights: words.map((word) => Number(word.dataset.weight)),
      shade: words.map((word) => getComputedStyle(word).backgroundColor),
      printed: words.map((word) =>
        getComputedStyle(word, "::after").content.match(/[\\d.]+/)?.[0] ?? ""),
      text: result ? result.querySelector(":scope > p.ac-text").textContent : "",
      skipped: skipped.hidden ? null
        : [skipped.firstChild.textContent, skipped.lastChild.textContent],
      table: [...figure.querySelectorAll("tbody tr")].map((row) =>
        [...row.cells].map((cell) => cell.textContent)),
    });
  }
  return readings;
}"""


def write(page, *texts):
    """Put texts into the box one after another and read what the figure shows of each."""
    return page.evaluate(_TYPE, [FIGURE, list(texts)])


def differences(readings, probabilities, received, tolerance=1e-4):
    """Places where the page and Keras differ."""
    found = []
    for place, (shown, probability, weights) in enumerate(
        zip(readings, probabilities, received, strict=True)
    ):
        if abs(shown["probability"] - probability) > tolerance:
            found.append(f"{place}: probability {shown['probability']} and {probability}")
        if len(shown["weights"]) != len(weights):
            found.append(f"{place}: {len(shown['weights'])} and {len(weights)} weights")
        elif np.abs(np.subtract(shown["weights"], weights)).max() > tolerance:
            found.append(f"{place}: weights")
    return found


# --- the same as Keras -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts", [REVIEWS[::8], pytest.param(REVIEWS, marks=pytest.mark.thorough)], ids=["some", "all"]
)
def test_reviews_of_the_course(page, keras_reader, texts):
    readings = write(page, *texts)
    probabilities, received = by_keras(keras_reader, texts)
    assert len(readings) == len(texts) > 12
    assert differences(readings, probabilities, received) == []
    for text, shown, weights in zip(texts, readings, received, strict=True):
        assert shown["number"] == f"{shown['probability']:.3f}"
        assert shown["verdict"] == ("positive" if shown["probability"] > 0.5 else "negative")
        assert f"The model says {shown['verdict']}: " in shown["sentence"]
        marked = [
            f"[{word}]" if no else word
            for word, no in zip(shown["words"], shown["unknown"], strict=True)
        ]
        lowered = [word.lower().replace("’", "'") for word in marked]
        assert lowered == keras_reader.shown_tokens(text)
        assert sum(shown["weights"]) == pytest.approx(1, abs=1e-6)
        assert float(shown["table"][0][2]) == pytest.approx(weights.max(), abs=6e-5)
        # The largest weight has the strongest shade.
        alpha = [float(re.findall(r"[\d.]+", shade)[-1]) for shade in shown["shade"]]
        assert alpha[int(np.argmax(weights))] == pytest.approx(0.64, abs=0.005)
        assert alpha == pytest.approx(list(0.64 * weights / weights.max()), abs=0.005)


def test_long_reviews_and_where_they_are_cut(page, keras_reader):
    words = tokens(LONG)
    counts = [398, 399, 400, 401, 2000]
    texts = [" ".join(words[:count]) for count in counts]
    readings = write(page, *texts)
    assert differences(readings, *by_keras(keras_reader, texts)) == []
    for text, count, shown in zip(texts, counts, readings, strict=True):
        assert (shown["words"][0] == "[start]") == (count < 400)
        cut = max(count - 400, 0)
        if cut:
            assert shown["skipped"][0] == f"Not read: the first {cut} word{'s' * (cut > 1)}"
            assert len(tokens(shown["skipped"][1])) == cut
            assert shown["skipped"][1] + shown["text"].replace(" (unknown)", "") == text
            assert f"reads the last 400 words and not the first {cut}." in shown["sentence"]
        else:
            assert shown["skipped"] is None


def test_the_comparison_can_fail(api, keras_reader):
    """One word less, another scale, a forgotten mean: each is noticed."""
    texts = REVIEWS[:20]
    probabilities, received = by_keras(keras_reader, texts)
    mutants = {
        "as it is": "",
        "scaled scores": "packed.step *= 0.9;",
        "another bias": "packed.bias += 0.01;",
        "a shorter text": "packed.length = 12;",
        "a word too few": "packed.words = [packed.words.pop(), ...packed.words];",
        "no punctuation": "packed.separators = ' ';",
    }
    for name, change in mutants.items():
        readings = api.evaluate(
            """([texts, change]) => {
              const packed = structuredClone(window.packed);
              new Function("packed", change)(packed);
              const reader = api.createReader(packed);
              return texts.map((text) => {
                const { probability, places } = reader.read(text);
                return { probability, weights: places.map(({ weight }) => weight) };
              });
            }""",
            [texts, change],
        )
        assert bool(differences(readings, probabilities, received)) == (name != "as it is"), name


# --- the same words as Python ------------------------------------------------------------------


def split_in_page(api, texts):
    return api.evaluate(
        "(texts) => { const split = api.createSplitter(packed.separators);"
        "return texts.map((text) => split(text).map(({ word }) => word)); }",
        texts,
    )


def numbers_in_page(api, texts):
    """The numbers of the words that are read, the start mark included; [] for a refusal."""
    return api.evaluate(
        "(texts) => texts.map((text) => (reader.read(text).places || [])"
        ".map(({ number }) => number))",
        texts,
    )


def test_odd_texts_are_split_as_the_vocabulary_splits_them(api):
    texts = [text for text in ODD if not re.search("[\ud800-\udfff]", text)]
    assert split_in_page(api, texts) == [tokens(text) for text in texts]
    assert numbers_in_page(api, texts) == [VOCABULARY.encode(text)[-400:] for text in texts]


@pytest.mark.thorough
def test_every_character_of_unicode(api):
    """Alone between two letters: split or not, and the same lower case where Python knows it.

    Of the million codes that mean nothing in Unicode, or nothing outside one program, each 97th.
    """
    signs = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    signs = [
        sign
        for sign in signs
        if unicodedata.category(sign) not in ("Cn", "Co") or ord(sign) % 97 == 0
    ]
    for start in range(0, len(signs), 100_000):
        some = signs[start : start + 100_000]
        in_page = api.evaluate(
            "(signs) => { const split = api.createSplitter(packed.separators);"
            "return signs.map((sign) => split(`A${sign}B`).map(({ word }) => word).join(' ')); }",
            some,
        )
        for sign, found in zip(some, in_page, strict=True):
            wanted = tokens(f"A{sign}B")
            # A character that one of the two does not know yet may have a lower case in the other.
            if unicodedata.category(sign) == "Cn":
                assert len(found.split(" ")) == len(wanted)
            else:
                assert found == " ".join(wanted), hex(ord(sign))


def random_text(rng):
    """Words, separators and characters from everywhere, close together."""
    known = [chr(c) for c in (*range(0x250), *range(0x370, 0x400), *range(0x2000, 0x2070))]
    pieces = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.4:
            pieces.append(rng.choice(WORDS))
        elif kind < 0.8:
            pieces.append("".join(rng.choice(known) for _ in range(rng.randint(1, 4))))
        else:
            pieces.append(rng.choice([" ", "\n", "Σ", "ΑΣ", "İ", "’", ".", "-", "😀", "\u0307"]))
        pieces.append(rng.choice(["", "", " "]))
    return "".join(pieces)


def test_a_broad_random_sample(api):
    rng = random.Random(5)
    texts = [random_text(rng) for _ in range(3000)]
    assert split_in_page(api, texts) == [tokens(text) for text in texts]
    wanted = []
    for text in texts:
        numbers = VOCABULARY.encode(text)
        wanted.append(numbers[-400:] if set(numbers) - {START, UNKNOWN} else [])
    assert numbers_in_page(api, texts) == wanted
    assert sum(map(bool, wanted)) > 2000


def test_places_of_words_in_the_text(api):
    """Every word stands where the figure shades it, also where lower case changes its length."""
    for text in ODD:
        places = api.evaluate(
            "(text) => api.createSplitter(packed.separators)(text)"
            ".map(({ start, end, word }) => [text.slice(start, end), word])",
            text,
        )
        for shown, word in places:
            if not re.search("[ΣÉ\ud800-\udfff]", shown):
                assert tokens(shown) == [word]


# --- any text ----------------------------------------------------------------------------------


def test_odd_texts_stay_text(page):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    texts = [text for text in ODD if set(VOCABULARY.encode(text)) - {START, UNKNOWN}]
    assert len(texts) == len(ODD)
    for text, shown in zip(texts, write(page, *texts), strict=True):
        assert shown["shown"]
        known = page.evaluate("(text) => text", text)
        if shown["words"][0] == "[start]":
            known = f"[start] {known}"
        assert shown["text"].replace(" (unknown)", "") == known.replace("\r", "\n")
    assert dialogs == []
    inside = page.locator(f"#{FIGURE} p.ac-text").last
    assert inside.locator("b, i, img, script").count() == 0


def test_unknown_words_are_marked_and_said(page):
    [shown] = write(page, "a flabbergasting, zeppelinesque film")
    assert shown["unknown"] == [False, False, True, True, False]
    assert shown["spoken"][2:4] == ["flabbergasting (unknown)", "zeppelinesque (unknown)"]
    assert "It does not know 2 of them." in shown["sentence"]
    assert ["[unknown]", "2"] in [row[:2] for row in shown["table"]]
    line = page.locator("[data-remark]").first.evaluate(
        "(word) => getComputedStyle(word).textDecoration"
    )
    assert "underline dotted" in line


NO_WORDS = "Your review has no words: write at least one."
NONE_KNOWN = "The model does not know any word of your review: use more common English words."
NOTHING = {
    "": NO_WORDS,
    " \n\t ": NO_WORDS,
    "?! ... <>": NO_WORDS,
    "😀": NONE_KNOWN,
    "qqq zzz <zzz>": NONE_KNOWN,
}


def test_nothing_to_read(page, keras_reader):
    """The figure refuses what the reader in Python refuses, and goes on afterwards."""
    from attention_course.errors import DataError

    for text, answer in NOTHING.items():
        with pytest.raises(DataError):
            keras_reader.encode([text])
        nothing, something = write(page, text, f"{text} film")
        assert nothing["sentence"] == answer
        assert not nothing["shown"]
        assert something["shown"]


def test_up_to_thirty_words_have_their_numbers_below(page):
    few, many = write(page, " ".join(tokens(LONG)[:29]), " ".join(tokens(LONG)[:30]))
    assert few["printed"] == [f"{weight:.2f}" for weight in few["weights"]]
    assert set(many["printed"]) == {""}


def test_the_order_of_the_words_does_not_matter(page):
    first, second = write(page, *review.EXAMPLES[:2])
    assert first["probability"] == pytest.approx(second["probability"], abs=1e-9)
    assert dict(zip(first["words"], first["weights"], strict=True)) == pytest.approx(
        dict(zip(second["words"], second["weights"], strict=True))
    )


# --- as one types ------------------------------------------------------------------------------


# What takes long when a reader types: numbers of the model, and what is drawn.
COUNT_WORK = """() => {
  if (window.courseWork) return;
  const { exp } = Math;
  window.courseWork = { exponentials: 0, nodes: 0 };
  Math.exp = (x) => {
    window.courseWork.exponentials += 1;
    return exp(x);
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) window.courseWork.nodes += addedNodes.length;
  }).observe(document.body, { subtree: true, childList: true });
}"""


def work_of_strokes(page, text, strokes=3):
    """Exponentials that each keystroke at the end of a text computes, and nodes that it adds."""
    [_] = write(page, text)
    box = page.get_by_role("textbox", name="Your review")
    box.focus()
    page.keyboard.press("ControlOrMeta+End")
    page.evaluate(COUNT_WORK)
    used = []
    for stroke in range(strokes):
        page.evaluate("Object.assign(window.courseWork, { exponentials: 0, nodes: 0 })")
        page.keyboard.press("good "[stroke % 5])
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        used.append(page.evaluate("[window.courseWork.exponentials, window.courseWork.nodes]"))
    assert len(box.input_value()) == len(text) + strokes
    return np.array(used).T


def test_a_keystroke_is_answered_at_once(page):
    """It costs one pass over the 400 words that are read, however long the text is."""
    words = tokens(LONG * 4)
    for count in (399, 10_000):
        exponentials, nodes = work_of_strokes(page, " ".join(words[:count]))
        assert exponentials.min() > 0
        assert exponentials.max() <= 400**2 + 1, (count, exponentials)
        assert 0 < nodes.max() <= 4 * 400, (count, nodes)


def test_a_keystroke_that_costs_more_is_noticed(page):
    page.evaluate(
        """() => {
          window.slow = () => { for (let turn = 0; turn < 1e6; turn += 1) Math.exp(turn); };
          document.addEventListener("input", window.slow);
        }"""
    )
    exponentials, _ = work_of_strokes(page, "a film")
    page.evaluate("document.removeEventListener('input', window.slow)")
    assert exponentials.min() > 400**2 + 1


def test_ten_thousand_words(page, keras_reader):
    text = " ".join(tokens(LONG * 4)[:10_000])
    [shown] = write(page, text)
    assert differences([shown], *by_keras(keras_reader, [text])) == []
    assert len(shown["words"]) == 400
    assert shown["skipped"][0] == "Not read: the first 9600 words"


def test_by_keyboard_alone(open_alone):
    page = open_alone(output_elsewhere())
    box = page.get_by_role("textbox", name="Your review")
    page.get_by_role("button", name=START_IT).focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("a good film")
    for example in review.EXAMPLES:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == f"“{example}”"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Reset"
    for _ in range(len(review.EXAMPLES) + 2):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == START_IT
    heard = checks.announced(
        page, lambda: (page.keyboard.press("Enter"), sentence(page, "The model says")), wait=700
    )
    said = sentence(page, "The model says positive: ")
    assert heard[-1] == said
    assert "It reads 3 words." in said
    # The button is gone; the focus is where the reader goes on typing.
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    assert page.get_by_role("button", name=START_IT).count() == 0

    heard = checks.announced(page, lambda: page.keyboard.type("s and bad ones", delay=20), wait=700)
    assert len(heard) == 1, "said after a pause, not at every key"
    assert "It reads 6 words." in heard[0]

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert box.input_value() == review.EXAMPLES[1]
    page.get_by_role("button", name="Reset").focus()
    heard = checks.announced(page, lambda: page.keyboard.press("Enter"), wait=700)
    assert box.input_value() == review.EXAMPLES[0]
    assert heard == ["Reset. " + sentence(page, "The model says negative")]


# --- loading -----------------------------------------------------------------------------------


def test_over_http(open_page, keras_reader):
    page = open_page(f"chapters/{CHAPTER}", over="http", formulas=False)
    page.get_by_role("button", name=LOAD).click()
    sentence(page, "The model says")
    assert differences(write(page, *REVIEWS[:5]), *by_keras(keras_reader, REVIEWS[:5])) == []


DAMAGED = "The model's file is damaged or does not belong to this page."
MISSING = "The model's file could not be loaded."


def changed(script, **values):
    packed = json.loads(script.removeprefix("window.attentionCourseReviewModel = ")[:-2])
    return f"window.attentionCourseReviewModel = {json.dumps({**packed, **values})};"


BODIES = {
    "missing": (None, MISSING),
    "empty": (lambda script: "", DAMAGED),
    "half": (lambda script: script[: len(script) // 2], DAMAGED),
    "short": (lambda script: changed(script, embedding="AAAA"), DAMAGED),
    "unreadable": (lambda script: changed(script, embedding="not base64!"), DAMAGED),
    "other": (lambda script: changed(script, bias=1), DAMAGED),
    "words": (lambda script: changed(script, words=["the", "film"]), DAMAGED),
}


def test_a_model_that_does_not_arrive(browser, address):
    """One sentence; the text stays; another try with a good file works."""
    context = browser.new_context()
    page = context.new_page()
    good = export.script(export.ReviewModel.load())
    bodies = iter(BODIES.values())
    answers = []

    def respond(route):
        body, answer = next(bodies, (lambda script: script, "The model says"))
        answers.append(answer)
        if body is None:
            route.abort()
        else:
            route.fulfill(body=body(good), content_type="text/javascript")

    page.route("**/review_model.js*", respond)
    page.goto(f"{address}chapters/{CHAPTER}.html")
    box = page.get_by_role("textbox", name="Your review")
    box.fill("my own words")
    for name in BODIES:
        page.evaluate("delete window.attentionCourseReviewModel")
        page.get_by_role("button", name=LOAD).click()
        page.wait_for_function(
            "(id) => !/is (not loaded yet|loading)/"
            ".test(document.querySelector(`#${id} .ac-sentence`).textContent)",
            arg=FIGURE,
        )
        said = sentence(page, answers[-1])
        assert "Your text is still there." in said, name
        assert box.input_value() == "my own words", name
    page.get_by_role("button", name=LOAD).click()
    assert "It reads 3 words." in sentence(page, "The model says")
    assert len(answers) == len(BODIES) + 1
    context.close()


# --- elsewhere ---------------------------------------------------------------------------------


def test_in_jupyterlab_and_on_colab(page):
    assert len(gzip.compress(output_elsewhere().encode())) <= MB
    write(page, review.EXAMPLES[3])
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert checks.axe_problems(page, colours_only=scheme == "dark") == []
    assert checks.unnamed_controls(page) == []


def test_a_stored_output_outside_the_book_says_what_to_do(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE))
    figure = page.locator(f"#{FIGURE}")
    assert "(run this cell to load the model)" in figure.inner_text()
    assert figure.get_by_role("img").count() == 1
    assert figure.get_by_role("textbox").count() == 0


def test_without_scripts(open_alone):
    page = open_alone(output_of(CHAPTER, FIGURE), java_script_enabled=False)
    figure = page.locator(f"#{FIGURE}")
    assert figure.get_by_role("img").count() == 1
    assert "still picture" in figure.inner_text()


# --- every reader ------------------------------------------------------------------------------


def test_in_the_book(open_page, site):
    """Nothing is loaded before it is asked for; on a phone, all that matters is in one window."""
    page = open_page(f"chapters/{CHAPTER}", width=360, formulas=False)
    scripts = "[...document.scripts].filter((script) => script.src.includes('review_model')).length"
    assert page.evaluate(scripts) == 0
    assert sentence(page, "The model is not loaded yet.")
    path = site / "_static" / export.SCRIPT
    size = path.stat().st_size
    assert len(gzip.compress(path.read_bytes())) <= MB
    assert not list(site.rglob("*.keras"))
    figure = page.locator(f"#{FIGURE}")

    def box(node):
        return node.bounding_box()

    instruction = figure.locator(":scope > p").first
    assert instruction.text_content().startswith("Load the model")
    button, text, said = (
        figure.get_by_role("button", name=f"Load the model ({size / MB:.1f} MB)"),
        figure.get_by_role("textbox"),
        figure.locator(".ac-sentence"),
    )
    examples = figure.get_by_role("group", name="Examples")
    tops = [box(node)["y"] for node in (instruction, button, text, said, examples)]
    assert tops == sorted(tops)
    assert tops[1] - tops[0] < box(instruction)["height"] + 40
    assert box(said)["y"] + box(said)["height"] - tops[0] < 640
    for scheme, _ in checks.in_two_looks(page):
        assert checks.axe_problems(page, f"#{FIGURE}", colours_only=scheme == "dark") == []
    button.click()
    sentence(page, "The model says")
    assert page.evaluate(scripts) == 1
    # What is typed changes what is said, but never moves the box.
    places = set()
    for words in (*review.EXAMPLES, "", LONG):
        write(page, words)
        places.add(box(text)["y"] - box(instruction)["y"])
    assert len(places) == 1
    write(page, review.EXAMPLES[3])
    assert box(said)["y"] + box(said)["height"] - box(instruction)["y"] < 640
    checks.open_everything(page)
    for scheme, _ in checks.in_two_looks(page):
        for words in ("", "unbroken" * 100 + " film", LONG, review.EXAMPLES[3]):
            write(page, words)
            assert checks.overflow(page) == []
            if words == review.EXAMPLES[3] or "ATTENTION_COURSE_THOROUGH" in os.environ:
                assert checks.axe_problems(page, f"#{FIGURE}", colours_only=scheme == "dark") == []
    assert checks.still_figures(page) == []
