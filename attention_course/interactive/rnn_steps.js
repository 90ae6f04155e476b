// Chapter 1: the recurrent layer h = tanh(x W + h U + b) on a sentence, one step at a time.

// "0.9697 · 0.5 + (−0.0896) · 1": how one neuron's part of a row vector times a matrix comes about.
// Spaces that do not break keep a product on one line.
function written(row, digits, matrix, neuron) {
  const bracketed = (text) => (text.startsWith("\u2212") ? `(${text})` : text);
  return row.map((value, place) => {
    const weight = plain(Number(matrix[place][neuron].toFixed(2)));
    const factor = digits ? fixed(value, digits) : plain(value);
    return `${bracketed(factor)}\u00a0·\u00a0${bracketed(weight)}`;
  }).join(" + ");
}

// The unrolled chain: for each step its box, the word below, the state above; figure.css draws
// the boxes and arrows. The tables say the same, so a screen reader skips it.
function drawChain(chain, words, vectors, states, current) {
  const line = (text, look = null) => element("span", { class: look }, text);
  const step = (look, ...lines) => element("li", { class: look }, ...lines);
  chain.replaceChildren(
    step("ac-begin", line("h₀"), line(tr("zeros"))),
    ...words.map((word, place) => {
      const read = place < current;
      return step(place === current - 1 ? "ac-now" : read ? null : "ac-ahead",
        line(`h${"₁₂₃₄₅₆₇₈₉"[place]}`),
        ...(read ? states[place].map((value) => line(fixed(value, 4))) : [line("?")]),
        line("tanh", "ac-box"), line(word, "ac-read"), line(`[${vectors[place].join(", ")}]`));
    }));
}

function build(figure, { words, vectors, W, U, b }) {
  const count = words.length;
  const places = words.map((_, place) => `word${place + 1}`);
  const neurons = b.map((_, neuron) => tr("neuron {neuron}", { neuron }));
  // The states after each word of a sentence.
  const read = (sentence, matrix) =>
    recurrent(sentence.map((x) => weightedSum([...x, 1], [...W, b])), matrix, Math.tanh);
  const unchanged = read(vectors, U).at(-1);
  const step = (by) => (state) => {
    state.step = Math.min(Math.max(state.step + by, 1), count);
  };
  const back = figure.button(tr("Back"), step(-1));
  const forward = figure.button(tr("Forward"), step(1));
  const chain = element("ol", { class: "ac-chain", "aria-hidden": "true" });
  const named = (caption, first) => table({ caption, columns: [first, ...neurons] });
  const terms = named(tr("This step, term by term"), tr("term"));
  const arithmetic = neurons.map(() => note());
  const states = named(tr("The states so far"), tr("after reading"));
  figure.add(
    figure.group(back, forward, figure.slider("step", { label: tr("Step"), min: 1, max: count,
      format: (step) => tr("{step} of {count}: {word}",
        { step, count, word: quoted(words[figure.state[places[step - 1]]]) }) })),
    figure.group(...places.map((key, place) => figure.choice(key, {
      label: tr("Word {number}", { number: place + 1 }), options: [...words.entries()],
    })), figure.button(tr("Exchange words 1 and 3"), (state) => {
      [state.word1, state.word3] = [state.word3, state.word1];
    })),
    figure.group(figure.slider("factor", { label: tr("All of U multiplied by"),
      min: 0, max: 1, step: 0.25, format: (factor) => fixed(factor, 2) })),
    figure.sentence, chain, terms.node, ...arithmetic, states.node,
  );

  const start = Object.fromEntries(places.map((key, place) => [key, place]));
  figure.run({ step: 1, factor: 1, ...start }, (state) => {
    const chosen = places.map((key) => state[key]);
    const sentence = chosen.map((number) => words[number]);
    const scaled = U.map((row) => row.map((weight) => state.factor * weight));
    const inputs = chosen.map((number) => vectors[number]);
    const zeros = b.map(() => 0);
    const reached = read(inputs, scaled);
    const x = inputs[state.step - 1];
    const [old, now] = [zeros, ...reached].slice(state.step - 1);
    const [fromWord, fromMemory] = [weightedSum(x, W), weightedSum(old, scaled)];
    const memory = state.factor === 1 ? "U" : `${fixed(state.factor, 2)} U`;
    const row = (name, values) => [name, ...values.map((value) => fixed(value, 4))];

    // Not `disabled`: a button that loses its focus sends a keyboard back to the top.
    back.setAttribute("aria-disabled", state.step === 1);
    forward.setAttribute("aria-disabled", state.step === count);
    drawChain(chain, sentence, inputs, reached, state.step);
    terms.set([
      row(tr("word, x W"), fromWord),
      row(tr("memory, h {matrix}", { matrix: memory }), fromMemory),
      row(tr("bias, b"), b),
      row(tr("sum"), weightedSum([1, 1, 1], [fromWord, fromMemory, b])),
      row(tr("tanh: new h"), now),
    ], 4);
    arithmetic.forEach((line, neuron) => {
      line.textContent = tr("Into neuron {neuron}: x W is {word}; h {matrix} is {memory}.",
        { neuron, word: written(x, 0, W, neuron), matrix: memory,
          memory: written(old, 4, scaled, neuron) });
    });
    states.set([
      row(tr("nothing"), zeros),
      ...reached.map((values, place) => {
        const name = `${place + 1}. ${quoted(sentence[place])}`;
        return place < state.step ? row(name, values) : [name, ...b.map(() => tr("not yet"))];
      }),
      row(tr("unchanged"), unchanged),
    ], state.step);

    const said = [tr("Step {step} of {count}: the layer reads {word}, x = {x}, and its state goes " +
      "from {old} to {state}.", { step: state.step, count, word: quoted(sentence[state.step - 1]),
      x: vector(x), old: vector(old, 4), state: vector(now, 4) })];
    const sameU = state.factor === 1;
    const sameWords = chosen.every((number, place) => number === place);
    if (state.step === count && sameU && sameWords) {
      said.push(tr("The words and U are those of the start."));
    } else if (state.step === count) {
      const text = { sentence: quoted(sentence.join(" ")) };
      const distance = Math.hypot(...weightedSum([1, -1], [now, unchanged]));
      said.push(
        sameWords ? tr("The words are unchanged: {sentence}.", text)
          : tr("The sentence is now {sentence}.", text),
        sameU ? tr("U is unchanged.")
          : tr("U is multiplied by {factor}.", { factor: fixed(state.factor, 2) }),
        tr("With the words and U of the start, the last state is {state}; yours lies {distance} " +
          "away.", { state: vector(unchanged, 4), distance: fixed(distance, 4) }));
    }
    return said.join(" ");
  });
}
