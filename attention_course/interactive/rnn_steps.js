// Chapter 1: the recurrent layer h = tanh(x W + h U + b) on a sentence, one step at a time.

// All steps of the layer from a state of zeros: the three terms of each, their sum, the new state.
// A row vector times a matrix is the sum of the matrix's rows, weighted by the vector's numbers.
function readSentence(vectors, W, U, b) {
  let state = b.map(() => 0);
  return vectors.map((x) => {
    const old = state;
    const fromWord = weightedSum(x, W);
    const fromMemory = weightedSum(old, U);
    const sum = b.map((bias, neuron) => fromWord[neuron] + fromMemory[neuron] + bias);
    state = sum.map(Math.tanh);
    return { x, old, fromWord, fromMemory, sum, state };
  });
}

// "0.9697 · 0.5 + (−0.0896) · 1": how one neuron's part of a row vector times a matrix comes about.
// Spaces that do not break keep a product on one line.
function written(row, digits, matrix, neuron) {
  const bracketed = (text) => (text.startsWith("\u2212") ? `(${text})` : text);
  return row.map((value, place) => {
    const weight = String(Number(matrix[place][neuron].toFixed(2))).replace("-", "\u2212");
    const factor = digits ? fixed(value, digits) : String(value);
    return `${bracketed(factor)}\u00a0·\u00a0${bracketed(weight)}`;
  }).join(" + ");
}

function quoted(words) {
  return `“${words}”`;
}

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
const BLUE = "#2b83c6";
const PITCH = 105;

// The unrolled chain: a box for each step, its word below, its state above.
function createChain(count) {
  const chain = drawing("svg", {
    viewBox: `0 0 ${25 + PITCH * count} 268`,
    class: "ac-drawing",
    style: `width: 100%; max-width: ${0.95 * (25 + PITCH * count)}px`,
    fill: "currentColor",
    "font-size": 18,
    "text-anchor": "middle",
    "aria-hidden": "true",
  });

  function label(x, y, text, options = {}) {
    return drawing("text", { x, y, ...options }, text);
  }

  // A straight arrow to the right or upwards; `now` makes it thick.
  function arrow(x, y, length, upwards, now) {
    const [dx, dy] = upwards ? [0, -1] : [1, 0];
    const [endX, endY] = [x + dx * length, y + dy * length];
    const points = [[0, 0], [-9, -5], [-9, 5]].map(([along, across]) =>
      `${endX + dx * along + dy * across},${endY + dy * along + dx * across}`);
    const colour = now ? BLUE : "currentColor";
    return [
      drawing("line", {
        x1: x, y1: y, x2: endX - 7 * dx, y2: endY - 7 * dy,
        stroke: colour, "stroke-width": now ? 3.5 : 1.3,
      }),
      drawing("polygon", { points: points.join(" "), fill: colour }),
    ];
  }

  return {
    node: chain,
    set(words, steps, current) {
      const parts = [label(19, 128, "h₀"), label(19, 180, "zeros", { "font-size": 14 })];
      steps.forEach((step, place) => {
        const middle = 80 + PITCH * place;
        const read = place < current;
        const now = place === current - 1;
        parts.push(
          ...arrow(middle - 73, 150, 40, false, now),
          ...arrow(middle, 216, 36, true, now),
          ...arrow(middle, 120, 34, true, false),
          drawing("rect", {
            x: middle - 32, y: 121, width: 64, height: 58, rx: 7,
            fill: now ? BLUE : "none", "fill-opacity": 0.25,
            stroke: now ? BLUE : "currentColor", "stroke-width": now ? 3.5 : 1.3,
            "stroke-dasharray": read ? null : "5 4",
          }),
          label(middle, 156, "tanh"),
          label(middle, 25, `h${SUBSCRIPTS[place + 1]}`),
          ...(read
            ? step.state.map((value, neuron) => label(middle, 50 + 22 * neuron, fixed(value, 4)))
            : [label(middle, 61, "?")]),
          label(middle, 236, words[place], { "font-weight": now ? 700 : 400 }),
          label(middle, 259, `[${step.x.join(", ")}]`, { "font-size": 16 }),
        );
      });
      chain.replaceChildren(...parts);
    },
  };
}

function build(figure, { words, vectors, W, U, b }) {
  const count = words.length;
  const places = words.map((_, place) => `word${place + 1}`);
  const neurons = b.map((_, neuron) => `neuron ${neuron}`);
  const unchanged = readSentence(vectors, W, U, b).at(-1).state;

  function goTo(state, step) {
    state.step = Math.min(Math.max(step, 1), count);
  }

  const back = figure.button("Back", (state) => goTo(state, state.step - 1));
  const forward = figure.button("Forward", (state) => goTo(state, state.step + 1));
  const slider = figure.slider("step", {
    label: "Step",
    min: 1,
    max: count,
    step: 1,
    format: (step) => `${step} of ${count}: ${quoted(words[figure.state[places[step - 1]]])}`,
  });
  const selects = places.map((key, place) => figure.choice(key, {
    label: `Word ${place + 1}`,
    options: words.map((word, number) => [number, word]),
  }));
  const exchange = figure.button("Exchange words 1 and 3", (state) => {
    [state.word1, state.word3] = [state.word3, state.word1];
  });
  const memory = figure.slider("factor", {
    label: "All of U multiplied by",
    min: 0,
    max: 1,
    step: 0.25,
    format: (factor) => fixed(factor, 2),
  });
  const chain = createChain(count);
  const terms = figure.table({ caption: "This step, term by term", columns: ["term", ...neurons] });
  const arithmetic = neurons.map(() => figure.note());
  const states = figure.table({
    caption: "The states so far",
    columns: ["after reading", ...neurons],
  });
  figure.add(
    figure.group(back, forward, slider),
    figure.group(...selects, exchange),
    figure.group(memory),
    figure.sentence,
    chain.node,
    terms.node,
    ...arithmetic,
    states.node,
  );

  const initial = { step: 1, factor: 1 };
  places.forEach((key, place) => {
    initial[key] = place;
  });

  figure.run(initial, (state) => {
    const chosen = places.map((key) => state[key]);
    const sentence = chosen.map((number) => words[number]);
    const scaled = U.map((row) => row.map((weight) => state.factor * weight));
    const steps = readSentence(chosen.map((number) => vectors[number]), W, scaled, b);
    const step = steps[state.step - 1];
    const word = sentence[state.step - 1];
    const row = (name, values) => [name, ...values.map((value) => fixed(value, 4))];
    const memoryName = state.factor === 1 ? "U" : `${fixed(state.factor, 2)} U`;

    // Not `disabled`: a button that loses its focus sends a keyboard back to the top.
    for (const [button, end] of [[back, state.step === 1], [forward, state.step === count]]) {
      button.setAttribute("aria-disabled", end);
      button.style.opacity = end ? 0.55 : 1;
    }
    chain.set(sentence, steps, state.step);
    terms.set([
      row("word, x W", step.fromWord),
      row(`memory, h ${memoryName}`, step.fromMemory),
      row("bias, b", b),
      row("sum", step.sum),
      row("tanh: new h", step.state),
    ], 4);
    arithmetic.forEach((note, neuron) => {
      note.textContent = `Into neuron ${neuron}: x W is ${written(step.x, 0, W, neuron)}; ` +
        `h ${memoryName} is ${written(step.old, 4, scaled, neuron)}.`;
    });
    states.set([
      row("nothing", b.map(() => 0)),
      ...steps.map(({ state: values }, place) => {
        const name = `${place + 1}. ${quoted(sentence[place])}`;
        return place < state.step ? row(name, values) : [name, ...b.map(() => "not yet")];
      }),
      row("unchanged", unchanged),
    ], state.step);

    const text = `Step ${state.step} of ${count}: the layer reads ${quoted(word)}, ` +
      `x = ${vector(step.x)}, and its state goes from ${vector(step.old, 4)} to ` +
      `${vector(step.state, 4)}.`;
    if (state.step < count) {
      return text;
    }
    const sameU = state.factor === 1;
    const sameWords = chosen.every((number, place) => number === place);
    if (sameU && sameWords) {
      return `${text} The words and U are those of the start.`;
    }
    const distance = Math.hypot(...step.state.map((value, neuron) => value - unchanged[neuron]));
    const changed = sameWords ? "U" : sameU ? "the words" : "both";
    return `${text} ${sameWords ? "The words are unchanged:" : "The sentence is now"} ` +
      `${quoted(sentence.join(" "))}. U is ` +
      `${sameU ? "unchanged" : `multiplied by ${fixed(state.factor, 2)}`}. ` +
      `With ${changed} as at the start, the last state is ${vector(unchanged, 4)}; ` +
      `yours lies ${fixed(distance, 4)} away.`;
  });
}
