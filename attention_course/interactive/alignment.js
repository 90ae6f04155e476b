// One decoder step over three words: scores become weights, weights mix the states h into the
// context c. With data.gradient the figure shows instead how far each score can move the context.

const DIGITS = 4;
const LARGEST_SCORE = 5;
const OWN = "own";
const SATURATED = 0.94; // from this weight on the text says so

// Bahdanau's score, v tanh(W s + U h), for every state h.
function additiveScores(s, { states, W, U, v }) {
  return states.map((h) => dot(v, W.map((row, unit) => Math.tanh(dot(row, s) + dot(U[unit], h)))));
}

// What a choice in the list "Scores" sets.
function presets(data) {
  const last = data.words.length - 1;
  return [
    ...data.queries.map((s) =>
      [tr("computed for s = {s}", { s: vector(s) }), additiveScores(s, data)]),
    [tr("all equal"), data.words.map(() => 0)],
    [tr("{word} far ahead", { word: quoted(data.words[last]) }),
      data.words.map((_, j) => (j === last ? LARGEST_SCORE : 0))],
  ];
}

function describe(words, weights, context) {
  const c = vector(context, DIGITS);
  const largest = Math.max(...weights);
  if (largest === 0) {
    return tr("Every word is masked. A softmax over nothing is 0/0 and not defined; this course " +
      "sets the weights to 0. Then no state pulls, and the context {c} is no mixture of them.",
    { c });
  }
  const winners = words.filter((_, j) => largest - weights[j] < 1e-9);
  const names = listed(winners.map(quoted));
  return [
    trn("{words} gets {weight} of the weight; the context is {c}.",
      "{words} get {weight} of the weight each; the context is {c}.", winners.length,
      { words: names, weight: fixed(largest, DIGITS), c }),
    ...(winners.length === words.length ? [tr("It is the plain mean of the three states.")]
      : largest > 0.95 ? [tr("It lies almost on the state of {word}.", { word: names })] : []),
  ].join(" ");
}

function describePush(words, weights, pushes, context) {
  const sizes = pushes.map((push) => Math.hypot(...push));
  const strongest = sizes.indexOf(Math.max(...sizes));
  const heaviest = weights.indexOf(Math.max(...weights));
  const furthest = fixed(sizes[strongest], DIGITS);
  return [
    tr("The context is {c}.", { c: vector(context, DIGITS) }),
    weights[heaviest] > SATURATED
      ? tr("{word} has {weight} of the weight, and no score moves the context further than " +
        "{furthest} per unit: the softmax is saturated.",
      { word: quoted(words[heaviest]), weight: fixed(weights[heaviest], DIGITS), furthest })
      : tr("The score of {word} can move it furthest, by {furthest} per unit.",
        { word: quoted(words[strongest]), furthest }),
  ].join(" ");
}

// The states as corners of a triangle, the context inside it.
function drawTriangle(picture, { words, states, gradient }, { context, weights, masked }) {
  const [x, y] = [tr("first entry of h"), tr("second entry of h")].map((label, axis) => {
    const values = states.map((h) => h[axis]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = 0.22 * (high - low);
    return { label, from: low - room, to: high + room, ticks: [...new Set(values)] };
  });
  const right = (point) => point[0] > (x.from + x.to) / 2;
  const above = (point) => point[1] > (y.from + y.to) / 2;
  const line = (points, width, colour) => ({ shape: "line", points, width, colour });
  const pulls = states.flatMap((h, j) => [
    ...(masked[j] ? [] : [line([context, h], gradient ? 1.5 : 1 + 9 * weights[j], "blue")]),
    ...(gradient ? [line([context, weightedSum([1 - weights[j], weights[j]], [context, h])],
      6, "orange")] : []),
  ]);
  picture.set({ x, y, series: [
    { ...line([...states, states[0]], 1.5, "grey"), fill: paint("grey") },
    ...pulls,
    // Words are written from the edge inwards, so that a longer text has room.
    ...states.map((h, j) => ({ shape: "points", points: [h], colour: "blue", hollow: masked[j],
      name: masked[j] ? tr("{word} (masked)", { word: words[j] }) : words[j],
      dx: right(h) ? 28 : -28, dy: above(h) ? -14 : 24, anchor: right(h) ? "end" : "start" })),
    { shape: "points", points: [context], colour: "orange", diamond: true, name: "c", dx: 18,
      dy: above(context) ? 20 : -10 },
  ] });
}

function build(figure, data) {
  const { words, states, temperatures, gradient } = data;
  const known = presets(data);
  // What a preset puts into the state; the reader's own scores stay as they are.
  const scoresOf = (preset) => Object.fromEntries(
    (known[preset]?.[1] ?? []).map((score, j) => [`score${j}`, score]));

  figure.add(figure.group(figure.choice("preset", {
    label: tr("Scores"),
    options: [...known.map(([name], place) => [place, name]), [OWN, tr("your own")]],
    change: (state) => Object.assign(state, scoresOf(state.preset)),
  })));
  words.forEach((word, j) => {
    const slider = figure.slider(`score${j}`, {
      label: tr("Score: {word}", { word }), min: -LARGEST_SCORE, max: LARGEST_SCORE, step: 0.1,
      format: (score) => fixed(score, DIGITS),
      change: (state) => Object.assign(state, { preset: OWN }),
    });
    figure.add(figure.group(slider,
      ...(gradient ? [] : [figure.checkbox(`mask${j}`, { label: tr("mask {word}", { word }) })])));
  });
  if (!gradient) {
    figure.add(figure.group(
      figure.slider("temperature", { label: tr("Temperature τ"), values: temperatures })));
  }

  const shares = bars({ labels: words, label: tr("Weights"), digits: DIGITS });
  const triangle = plot({ height: 230, width: 330 });
  const nodes = { e: indexed("e", "j"), alpha: indexed("α", "j"), h: indexed("h", "j") };
  const heads = gradient
    ? [tr("word j"), tr("score {e}"), tr("weight {alpha}"), "{h}", "{h} − c", "{alpha} ({h} − c)"]
    : [tr("word j"), tr("score {e}"), "exp({e} / τ)", tr("weight {alpha}"), "{h}", "{alpha} {h}"];
  const caption = gradient ? tr("How far c moves per unit of a score")
    : tr("From scores to the context");
  const steps = table({ caption, columns: heads.map((head) => phrase(head, nodes)) });
  const rounding = tr("Numbers are rounded, so the last digits of a column may not add up exactly.");
  figure.add(figure.sentence, element("div", { class: "ac-pair" }, shares.node, triangle.node),
    steps.node, note(gradient ? rounding : `${tr("The last column adds up to c.")} ${rounding}`));

  const masks = { mask0: false, mask1: false, mask2: false };
  figure.run({ preset: 0, temperature: 1, ...scoresOf(0), ...masks }, (state) => {
    const scores = words.map((_, j) => state[`score${j}`]);
    const masked = words.map((_, j) => state[`mask${j}`]);
    const scaled = scores.map((score, j) =>
      (masked[j] ? -Infinity : score / state.temperature));
    const weights = softmax(scaled);
    const context = weightedSum(weights, states);
    const sum = fixed(total(weights), DIGITS);
    const ones = words.map(() => 1);

    shares.set(weights.map((weight, j) => (masked[j] ? NaN : weight)));
    drawTriangle(triangle, data, { context, weights, masked });
    const row = (word, j, ...cells) => [word, masked[j] ? "−∞" : fixed(scores[j], DIGITS), ...cells];
    if (gradient) {
      const away = states.map((h) => weightedSum([1, -1], [h, context]));
      const pushes = away.map((difference, j) => weightedSum([weights[j]], [difference]));
      steps.set([
        ...words.map((word, j) => row(word, j, fixed(weights[j], DIGITS), vector(states[j]),
          vector(away[j], DIGITS), vector(pushes[j], DIGITS))),
        [tr("sum"), "", sum, "", "", vector(weightedSum(ones, pushes), DIGITS)],
      ]);
      return describePush(words, weights, pushes, context);
    }
    const powers = scaled.map(Math.exp);
    steps.set([
      ...words.map((word, j) => row(word, j, magnitude(powers[j], DIGITS),
        fixed(weights[j], DIGITS), vector(states[j]),
        vector(weightedSum([weights[j]], [states[j]]), DIGITS))),
      [tr("sum"), "", magnitude(total(powers), DIGITS), sum, "", vector(context, DIGITS)],
    ]);
    return describe(words, weights, context);
  });
}
