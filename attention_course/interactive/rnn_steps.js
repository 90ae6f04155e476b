// Chapter 1: the recurrent layer h = tanh(x W + h U + b) on a sentence, one step at a time.

// All steps of the layer from a state of zeros: the three terms of each, their sum, the new state.
function readSentence(vectors, W, U, b) {
  let state = b.map(() => 0);
  return vectors.map((x) => {
    const old = state;
    const fromWord = weightedSum(x, W);
    const fromMemory = weightedSum(old, U);
    const sum = weightedSum([1, 1, 1], [fromWord, fromMemory, b]);
    state = sum.map(Math.tanh);
    return { x, old, fromWord, fromMemory, sum, state };
  });
}

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

// The unrolled chain: a box for each step, its word below, its state above.
function createChain(count) {
  const svg = drawing("svg", { class: "ac-plotted", height: 268, fill: "currentColor",
    "aria-hidden": "true", style: `width: 100%; max-width: ${110 * (count + 0.6)}px` });
  const pitch = 100 / (count + 0.6);
  const box = count > 4 ? 19 : 27; // half a box, in pixels

  function arrow(x1, y1, x2, y2, turn, now, shift = 0) {
    const colour = paint(now ? "blue" : "text");
    const tip = drawing("path", { d: "M0 0-9-5-9 5z", fill: colour,
      transform: `translate(${shift}) rotate(${turn})` });
    return [
      drawing("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": now ? 3.5 : 1.3,
        transform: `translate(${shift})` }),
      drawing("svg", { x: x2, y: y2, overflow: "visible" }, tip),
    ];
  }

  return {
    node: svg,
    set(words, steps, current) {
      svg.replaceChildren(at(0, 0,
        label("h₀", { x: 0, y: 138, "text-anchor": "start" }),
        label(tr("zeros"), { x: 0, y: 180, "text-anchor": "start" })),
      ...steps.map(({ x, state }, place) => {
        const before = place ? pitch : 1.1 * pitch; // to the box before, or to the beginning
        const read = place < current;
        const now = place === current - 1;
        return at(pitch * (place + 1.1), 0,
          // From the edge of one box to the edge of the next, however far that is.
          drawing("svg", { x: `${-before}%`, y: 150, width: `${before}%`, overflow: "visible" },
            ...arrow(place ? 2 * box : box, 0, "100%", 0, 0, now, -box)),
          ...arrow(0, 216, 0, 181, -90, now),
          ...arrow(0, 120, 0, 86, -90, false),
          drawing("rect", { x: -box, y: 122, width: 2 * box, height: 57, rx: 7,
            fill: now ? paint("blue") : "none", "fill-opacity": 0.25,
            stroke: paint(now ? "blue" : "text"), "stroke-width": now ? 3.5 : 1.3,
            "stroke-dasharray": read ? null : "5 4" }),
          label("tanh", { y: 155 }),
          label(`h${"₀₁₂₃₄₅₆₇₈₉"[place + 1]}`, { y: 25 }),
          ...(read ? state.map((value, neuron) => label(fixed(value, 4), { y: 50 + 20 * neuron }))
            : [label("?", { y: 61 })]),
          label(words[place], { y: 236, "font-weight": now ? 700 : 400 }),
          label(`[${x.join(", ")}]`, { y: 259 }));
      }));
    },
  };
}

function build(figure, { words, vectors, W, U, b }) {
  const count = words.length;
  const places = words.map((_, place) => `word${place + 1}`);
  const neurons = b.map((_, neuron) => tr("neuron {neuron}", { neuron }));
  const unchanged = readSentence(vectors, W, U, b).at(-1).state;
  const step = (by) => (state) => {
    state.step = Math.min(Math.max(state.step + by, 1), count);
  };
  const back = figure.button(tr("Back"), step(-1));
  const forward = figure.button(tr("Forward"), step(1));
  const chain = createChain(count);
  const named = (caption, first) => table({ caption, columns: [first, ...neurons] });
  const terms = named(tr("This step, term by term"), tr("term"));
  const arithmetic = neurons.map(() => note());
  const states = named(tr("The states so far"), tr("after reading"));
  figure.add(
    figure.group(back, forward, figure.slider("step", { label: tr("Step"), min: 1, max: count,
      step: 1, format: (step) => tr("{step} of {count}: {word}",
        { step, count, word: quoted(words[figure.state[places[step - 1]]]) }) })),
    figure.group(...places.map((key, place) => figure.choice(key, {
      label: tr("Word {number}", { number: place + 1 }), options: [...words.entries()],
    })), figure.button(tr("Exchange words 1 and 3"), (state) => {
      [state.word1, state.word3] = [state.word3, state.word1];
    })),
    figure.group(figure.slider("factor", { label: tr("All of U multiplied by"),
      min: 0, max: 1, step: 0.25, format: (factor) => fixed(factor, 2) })),
    figure.sentence, chain.node, terms.node, ...arithmetic, states.node,
  );

  const start = Object.fromEntries(places.map((key, place) => [key, place]));
  figure.run({ step: 1, factor: 1, ...start }, (state) => {
    const chosen = places.map((key) => state[key]);
    const sentence = chosen.map((number) => words[number]);
    const scaled = U.map((row) => row.map((weight) => state.factor * weight));
    const steps = readSentence(chosen.map((number) => vectors[number]), W, scaled, b);
    const now = steps[state.step - 1];
    const memory = state.factor === 1 ? "U" : `${fixed(state.factor, 2)} U`;
    const row = (name, values) => [name, ...values.map((value) => fixed(value, 4))];

    // Not `disabled`: a button that loses its focus sends a keyboard back to the top.
    back.setAttribute("aria-disabled", state.step === 1);
    forward.setAttribute("aria-disabled", state.step === count);
    chain.set(sentence, steps, state.step);
    terms.set([
      row(tr("word, x W"), now.fromWord),
      row(tr("memory, h {matrix}", { matrix: memory }), now.fromMemory),
      row(tr("bias, b"), b),
      row(tr("sum"), now.sum),
      row(tr("tanh: new h"), now.state),
    ], 4);
    arithmetic.forEach((line, neuron) => {
      line.textContent = tr("Into neuron {neuron}: x W is {word}; h {matrix} is {memory}.",
        { neuron, word: written(now.x, 0, W, neuron), matrix: memory,
          memory: written(now.old, 4, scaled, neuron) });
    });
    states.set([
      row(tr("nothing"), b.map(() => 0)),
      ...steps.map((read, place) => {
        const name = `${place + 1}. ${quoted(sentence[place])}`;
        return place < state.step ? row(name, read.state) : [name, ...b.map(() => tr("not yet"))];
      }),
      row(tr("unchanged"), unchanged),
    ], state.step);

    const said = [tr("Step {step} of {count}: the layer reads {word}, x = {x}, and its state goes " +
      "from {old} to {state}.", { step: state.step, count, word: quoted(sentence[state.step - 1]),
      x: vector(now.x), old: vector(now.old, 4), state: vector(now.state, 4) })];
    const sameU = state.factor === 1;
    const sameWords = chosen.every((number, place) => number === place);
    if (state.step === count && sameU && sameWords) {
      said.push(tr("The words and U are those of the start."));
    } else if (state.step === count) {
      const text = { sentence: quoted(sentence.join(" ")) };
      const distance = Math.hypot(...weightedSum([1, -1], [now.state, unchanged]));
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
