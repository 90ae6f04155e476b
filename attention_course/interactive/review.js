// Type your own review: chapter 5's trained self-attention model runs in the page.
//
// data: {examples, proof: {text, probability}} and either {script, bytes}, the model's file in the
// book's _static folder, or {model}, the model itself; attention_course/interactive/export.py
// makes both. Nothing is loaded or decoded before the reader asks for it.

const START = 1;
const UNKNOWN = 2;
const OFFSET = 3;
const BYTES_IN_MB = 1e6;
const ROWS_IN_TABLE = 8;
const MISSING = tr("The model's file could not be loaded. Reload the page, or build the book " +
  "again. Your text is still there.");
const DAMAGED = tr("The model's file is damaged or does not belong to this page. Build the book " +
  "again, or run this cell. Your text is still there.");

// --- the words --------------------------------------------------------------------------------

// A function that splits a text as attention_course.datasets.vocabulary does, into
// {start, end, word}: where a word stands in the text, and how it reads in lower case.
function createSplitter(separators) {
  const inside = separators.replace(/[\\\]^-]/g, "\\$&");
  const pattern = new RegExp(`[^${inside}]+`, "g");
  return (text) => {
    // Lower case can change the length of a word ("İ") and depends on its neighbours ("Σ"). So the
    // whole text is lowered; no separator comes or goes, and the words correspond one to one.
    const lowered = text.toLowerCase().replace(/[\u2018\u2019]/g, "'").match(pattern) || [];
    pattern.lastIndex = 0;
    return lowered.map((word) => {
      const start = pattern.exec(text).index;
      return { start, end: pattern.lastIndex, word };
    });
  };
}

// --- the model --------------------------------------------------------------------------------

// 16-bit integers in base64, as multiples of one step.
function decode(text, step) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (number) => step * number);
}

// The model with its vocabulary: read(text) says what it makes of a text.
function createReader(packed) {
  const { width, length, kernel, bias } = packed;
  const split = createSplitter(packed.separators);
  const numbers = new Map(packed.words.map((word, rank) => [word, rank + OFFSET + 1]));
  const embedding = decode(packed.embedding, packed.step);
  if (embedding.length !== (numbers.size + OFFSET + 1) * width || kernel.length !== width) {
    throw new Error("The model's parts do not fit together.");
  }

  // Every place attends to all places, without scaling: softmax(states states^T). What a place
  // receives is the mean of its weights over the queries.
  function attend(places) {
    const states = places.map(({ number }) =>
      [...embedding.subarray(number * width, (number + 1) * width)]);
    const received = states.map(() => 0);
    for (const query of states) {
      softmax(states.map((key) => dot(query, key))).forEach((weight, place) => {
        received[place] += weight / states.length;
      });
    }
    // The mean over the queries of the outputs is the sum of the states by what they receive.
    const verdict = bias + dot(received, states.map((state) => dot(state, kernel)));
    return [1 / (1 + Math.exp(-verdict)), received];
  }

  return {
    // {problem}, a sentence; or {probability, places, cut}: what is read, each place with its
    // weight, and how many words at the beginning are not read. The first place of a text that is
    // not cut is the mark for its start, which stands nowhere in it (end: 0).
    read(text) {
      const words = split(text).map((word) =>
        ({ ...word, number: numbers.get(word.word) ?? UNKNOWN }));
      if (!words.length) {
        return { problem: tr("Your review has no words: write at least one.") };
      }
      if (words.every(({ number }) => number === UNKNOWN)) {
        return { problem: tr("The model does not know any word of your review: use more common " +
          "English words.") };
      }
      const cut = Math.max(words.length - length, 0);
      const mark = { start: 0, end: 0, word: "[start]", number: START };
      const read = words.length < length ? [mark, ...words] : words.slice(cut);
      const [probability, received] = attend(read);
      const places = read.map((place, index) => ({ ...place, weight: received[index] }));
      return { problem: null, probability, cut, places };
    },
  };
}

// Scripts are allowed where fetch is not: in a page opened from a file. Gives whether it came.
function loadScript(address) {
  const script = element("script", { src: address });
  document.head.append(script);
  return new Promise((resolve) => {
    script.addEventListener("load", () => resolve(true));
    script.addEventListener("error", () => resolve(false));
  });
}

// --- the picture ------------------------------------------------------------------------------

// The text that was read, its words shaded by their weight.
function piecesOf(text, { places, cut }) {
  let end = cut ? places[0].start : 0;
  return [...places.flatMap(({ start, end: next, number, word, weight }) => {
    const between = text.slice(end, start);
    end = next;
    return [between, {
      text: number === START ? word : text.slice(start, next), weight,
      remark: number === UNKNOWN ? tr("unknown") : null,
    }, number === START ? " " : ""];
  }), text.slice(end)];
}

// Rows of the table. Equal words have equal weights, because the model has no positions; all
// unknown words are one word to it.
function largestWeights(places) {
  return [...Map.groupBy(places, ({ number }) => number).values()]
    .sort(([left], [right]) => right.weight - left.weight)
    .slice(0, ROWS_IN_TABLE)
    .map((group) => {
      const [{ number, word, weight }] = group;
      const name = number === UNKNOWN ? tr("[unknown]") : word;
      return [name, String(group.length), fixed(weight, 4), fixed(weight * group.length, 4)];
    });
}

function verdictOf({ probability }) {
  return probability > 0.5 ? tr("positive") : tr("negative");
}

function sentencesFor(reading) {
  const { probability, places, cut } = reading;
  const words = places.filter(({ number }) => number !== START);
  const unknown = words.filter(({ number }) => number === UNKNOWN).length;
  const [[word, , weight]] = largestWeights(places);
  return [
    tr("The model says {verdict}: the probability that this review is positive is {probability}.",
      { verdict: verdictOf(reading), probability: fixed(probability, 3) }),
    cut ? tr("It reads the last {count} words and not the first {cut}.",
      { count: words.length, cut })
      : trn("It reads {count} word.", "It reads {count} words.", words.length),
    ...(unknown ? [tr("It does not know {unknown} of them.", { unknown })] : []),
    tr("The largest weight is {weight}, on {word}.", { weight, word: quoted(word) }),
  ];
}

function build(figure, data) {
  const root = document.documentElement.dataset.content_root;
  if (!data.model && root === undefined) {
    throw new Error(tr("run this cell to load the model"));
  }
  const input = figure.text("text", { label: tr("Your review") });
  const examples = data.examples.map((text) =>
    figure.button(quoted(text), (state) => Object.assign(state, { text })));
  const loading = figure.button(data.model
    ? tr("Start the model")
    : tr("Load the model ({size} MB)", { size: (data.bytes / BYTES_IN_MB).toFixed(1) }), load);
  const verdict = element("p", {});
  const bar = bars({ labels: [tr("positive")], label: tr("Probability") });
  const skipped = element("details", {}, element("summary", {}),
    element("p", { class: "ac-text" }));
  const shaded = shadedText({ digits: 4 });
  const largest = table({
    caption: tr("Words with the largest weights, and how much they receive each time and in all"),
    columns: [tr("Word"), tr("Times"), tr("Each"), tr("In all")],
  });
  const result = element("div", { hidden: true }, verdict, bar.node,
    note(tr("The more colour, the more weight a word receives. A dotted line marks a word that " +
      "the model does not know. [start] is the mark every review begins with.")),
    skipped, shaded.node, largest.node);
  let reader = null;
  let notice = tr("The model is not loaded yet.");

  async function load() {
    notice = tr("The model is loading.");
    const there = data.model || await loadScript(`${root}_static/${data.script}`);
    notice = there ? DAMAGED : MISSING;
    try {
      const loaded = createReader(data.model ?? window.attentionCourseReviewModel);
      const answer = loaded.read(data.proof.text).probability;
      if (Math.abs(answer - data.proof.probability) < 1e-4) {
        reader = loaded;
        if (loading.contains(document.activeElement)) {
          input.querySelector("textarea").focus();
        }
        loading.remove();
      }
    } catch {
      // The notice says it.
    }
    figure.refresh();
  }

  // The sentence stands between the box and the examples: beside each in a small window, and below
  // the box, which must not move while the reader types.
  const group = { class: "ac-controls", role: "group", "aria-label": tr("Examples") };
  figure.add(loading, input, figure.sentence, element("div", group, ...examples), result);
  figure.run({ text: data.proof.text }, ({ text }) => {
    const reading = reader ? reader.read(text) : { problem: notice };
    result.hidden = reading.problem !== null;
    if (reading.problem) {
      return reading.problem;
    }
    result.dataset.probability = reading.probability;
    verdict.replaceChildren(phrase(tr("Verdict: {verdict}"),
      { verdict: element("strong", {}, verdictOf(reading)) }));
    bar.set([reading.probability]);
    skipped.hidden = !reading.cut;
    skipped.firstChild.textContent = trn("Not read: the first {count} word",
      "Not read: the first {count} words", reading.cut);
    skipped.lastChild.textContent = reading.cut ? text.slice(0, reading.places[0].start) : "";
    shaded.set(piecesOf(text, reading));
    largest.set(largestWeights(reading.places));
    return sentencesFor(reading).join(" ");
  });
}
