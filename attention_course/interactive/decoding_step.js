// Chapter 7: one decoding step, put together from a score, a place and a choice. The formulas are
// those of attention_course/functional/kinds.py; keys are values, too.

const DIGITS = 3;
const SATURATED = 0.999; // from this weight on the text says so

// Scores of a query s and the key h at place j, from the parameters of this score.
const SCORES = {
  additive: (s, h, j, { W, U, v }) =>
    dot(weightedSum([1, 1], [weightedSum(s, W), weightedSum(h, U)]).map(Math.tanh), v),
  dot: (s, h) => dot(s, h),
  scaled: (s, h) => dot(s, h) / Math.sqrt(h.length),
  general: (s, h, j, { W }) => dot(weightedSum(s, W), h),
  cosine: (s, h) => dot(s, h) / Math.hypot(...s) / Math.hypot(...h),
  location: (s, h, j, { W }) => weightedSum(s, W)[j],
};

const FORMULAS = {
  additive: "tanh(s W + h U) v", dot: "s · h", scaled: "s · h / √2", general: "s W h",
  cosine: "s · h / (|s| |h|)",
};

// What makes weights of scores. "hard" draws with the softmax's probabilities.
const CHOICES = { soft: softmax, sparse: sparsemax, hard: softmax, argmax };

// As many of the highest scores share the weight as lie above the threshold that they set together.
function sparsemax(scores) {
  let [sum, threshold] = [0, 0];
  scores.filter(Number.isFinite).sort((a, b) => b - a).forEach((score, rank) => {
    sum += score;
    const shared = (sum - 1) / (rank + 1);
    threshold = score > shared ? shared : threshold;
  });
  return scores.map((score) => Math.max(score - threshold, 0));
}

// Of several that are equally high, the first.
function argmax(scores) {
  const best = scores.indexOf(Math.max(...scores));
  return scores.map((_, j) => Number(j === best));
}

// The places whose values pass a test.
function indices(values, test) {
  return values.map((_, j) => j).filter((j) => test(values[j], j));
}

function predictedPlace({ queries, parameters, words }, t) {
  const { W, v } = parameters.predicted;
  return words.length / (1 + Math.exp(-dot(weightedSum(queries[t], W).map(Math.tanh), v)));
}

// One step. What lies outside the window has a score of -Infinity.
function attend(data, { score, place, choice, t, D, p, temperature }) {
  const centre = place === "local-p" ? p : t;
  const scores = data.keys.map((key, j) =>
    (place === "global" || Math.abs(j - centre) <= D
      ? SCORES[score](data.queries[t], key, j, data.parameters[score]) : -Infinity));
  const chosen = CHOICES[choice](scores.map((one) => one / temperature));
  const gaussian = data.keys.map((_, j) =>
    (place === "local-p" ? Math.exp(-0.5 * ((j - centre) / (D / 2)) ** 2) : 1));
  const weights = chosen.map((weight, j) => weight * gaussian[j]);
  return { scores, chosen, gaussian, weights, context: weightedSum(weights, data.keys) };
}

// Draws places with these probabilities; returns how often each came, and the last one. The random
// numbers are the same every time (a generator of Park, Miller and Stockmeyer, 1993), so a figure
// that is moved shows what the same draws would have been.
function draw(probabilities, count, seed) {
  const counts = probabilities.map(() => 0);
  let [random, last] = [seed, -1];
  for (let n = 0; n < count; n += 1) {
    random = (48271 * random) % 2147483647;
    let rest = random / 2147483647;
    last = probabilities.findIndex((probability) => {
      rest -= probability;
      return rest < 0;
    });
    counts[last] += 1;
  }
  return { counts, last };
}

// The contexts of these draws: their mean, how far it lies from the soft context, and the root of
// the mean square that this distance has over many such runs.
function drawnContexts({ keys }, { chosen, gaussian, context }, counts) {
  const count = total(counts);
  const contexts = keys.map((key, j) => weightedSum([gaussian[j]], [key]));
  const away = (point) => Math.hypot(...weightedSum([1, -1], [point, context]));
  const mean = weightedSum(counts.map((times) => times / count), contexts);
  const variance = dot(chosen, contexts.map((point) => away(point) ** 2));
  return { mean, distance: away(mean), usual: Math.sqrt(variance / count) };
}

// Which choice lets a gradient through to the scores, and which place one to p.
function describeGradient({ place, choice }, { chosen }) {
  const alone = indices(chosen, (weight) => weight > 0).length === 1;
  const saturated = Math.max(...chosen) > SATURATED;
  const toScores = {
    soft: alone ? tr("Soft, but over one word only: its weight is 1 whatever its score, so no " +
      "gradient reaches it.")
      : saturated ? tr("Soft, but saturated: next to nothing of a gradient reaches the scores.")
        : tr("Soft: a gradient reaches every score that was computed."),
    sparse: alone ? tr("Sparsemax has left one word with all the weight, so no gradient reaches " +
      "the scores.")
      : tr("Sparsemax: a gradient reaches the scores of the words that have a weight, and no " +
        "others."),
    hard: tr("Hard: no gradient passes a draw. The scores have to be learned by an estimate such " +
      "as REINFORCE."),
    argmax: tr("Argmax: the gradient with respect to the scores is zero, so they would never be " +
      "learned."),
  };
  const toPlace = {
    global: [],
    "local-m": [tr("The window has nothing to learn.")],
    "local-p": [tr("The place p gets a gradient through the Gaussian, and none through the edges " +
      "of the window.")],
  };
  return [toScores[choice], ...toPlace[place]].join(" ");
}

// What the step does; `contexts` are those of the draws, if there are any.
function describe({ words, needed }, state, found, latest, contexts) {
  const { scores, chosen, weights, context } = found;
  const named = (j) => tr("{word} (place {place})", { word: quoted(words[j]), place: j });
  const shown = (value) => fixed(value, DIGITS);
  const place = needed[state.t];
  const inside = indices(scores, Number.isFinite);
  const top = Math.max(...weights);
  const best = indices(weights, (weight) => top - weight < 1e-9);
  const equal = indices(scores, (score) => score === Math.max(...scores));
  const c = vector(context, DIGITS);
  const where = [
    tr("Step {t} needs {word}.", { t: state.t, word: named(place) }),
    trn("{count} of {all} scores is computed.", "{count} of {all} scores are computed.",
      inside.length, { all: words.length }),
    ...(inside.includes(place) ? [] : [trn(
      "The window holds place {first} only, so the needed one is out of reach.",
      "The window holds the places {first} to {last}, so the needed one is out of reach.",
      inside.length, { first: inside[0], last: inside.at(-1) })]),
  ];
  const what = state.choice === "hard" ? [
    tr("The needed word is drawn with probability {weight}.", { weight: shown(chosen[place]) }),
    contexts
      ? trn("The draw took {word}. Its context lies {distance} from the soft context {c}.",
        "The last of {count} draws took {word}. The mean of their contexts is {mean}; it lies " +
        "{distance} from the soft context {c}.", state.draws,
        { word: named(latest), mean: vector(contexts.mean, DIGITS),
          distance: shown(contexts.distance), c })
      : tr("Nothing is drawn yet; the soft context is {c}.", { c }),
  ] : [
    trn("{keys} gets the weight {weight}.", "{keys} get the weight {weight} each.",
      best.length, { keys: listed(best.map(named)), weight: shown(top) }),
    ...(inside.includes(place) && !best.includes(place)
      ? [tr("The needed word gets {weight}.", { weight: shown(weights[place]) })] : []),
    ...(state.choice === "argmax" && equal.length > 1
      ? [tr("The scores of {keys} are equal, and argmax takes the first.",
        { keys: listed(equal.map(named)) })] : []),
    ...(state.place === "local-p" ? [tr("The Gaussian leaves {sum} of all the weight.",
      { sum: shown(total(weights)) })] : []),
    tr("The context is {c}.", { c }),
  ];
  return [...where, ...what].join(" ");
}

function build(figure, data) {
  const { words, keys, queries, needed, temperatures, seed } = data;
  const last = words.length - 1;
  const predict = (state) => {
    state.p = predictedPlace(data, state.t);
  };

  const halfWidth = figure.slider("D", { label: tr("Half-width D"), min: 1, max: last });
  const centre = figure.group(
    figure.slider("p", { label: tr("Predicted place p"), max: words.length, step: 0.1,
      format: (p) => fixed(p, 2) }),
    figure.button(tr("As the model predicts"), predict));
  const drawing = figure.group(
    ...[1, 10, 100].map((more) => figure.button(tr("Draw {count}", { count: more }), (state) => {
      state.draws += more;
    })),
    figure.button(tr("Forget the draws"), (state) => {
      state.draws = 0;
    }));
  const bars = plot({ height: 190, width: 460 });
  const plane = plot({ height: 230, width: 330 });
  const [question, gradient, look] = [note(), note(), note()];
  // Three small tables, because one with all columns is too wide for a phone.
  const step = table({ caption: tr("From scores to weights"),
    columns: [tr("word"), tr("score e"), "e / τ", tr("weight α")] });
  const narrowed = table({ caption: tr("What the Gaussian does"),
    columns: [tr("word"), tr("weight α"), tr("factor g"), tr("weight α g")] });
  const drawn = table({ caption: tr("What was drawn"),
    columns: [tr("word"), tr("probability"), tr("draws"), tr("share")] });
  const spread = note();
  figure.add(
    figure.group(
      figure.choice("score", { label: tr("Score"), options: [
        ["additive", tr("additive")], ["dot", tr("dot")], ["scaled", tr("scaled dot")],
        ["general", tr("general")], ["cosine", tr("cosine")], ["location", tr("location")]] }),
      figure.choice("place", { label: tr("Place"), options: [["global", tr("global")],
        ["local-m", tr("local-m: around t")], ["local-p", tr("local-p: around p")]] }),
      figure.choice("choice", { label: tr("Choice"), options: [["soft", tr("soft")],
        ["sparse", tr("sparsemax")], ["hard", tr("hard: draw a word")],
        ["argmax", tr("argmax")]] })),
    figure.group(
      figure.slider("t", { label: tr("Step t"), max: last, change: predict }),
      figure.slider("temperature", { label: tr("Temperature τ"), values: temperatures }),
      halfWidth),
    centre, drawing, figure.sentence,
    element("div", { class: "ac-pair" }, bars.node, plane.node), look, gradient, question,
    element("div", { class: "ac-pair" }, step.node, narrowed.node, drawn.node), spread);

  // The window, the Gaussian, and a bar for each word.
  function drawBars(state, { scores, chosen, gaussian, weights }, shares) {
    const hard = state.choice === "hard";
    const local = state.place !== "global";
    const inside = indices(scores, Number.isFinite);
    const [from, to] = [inside[0] - 0.5, inside.at(-1) + 0.5];
    const points = (values) => values.map((value, j) => [j, value]);
    const curve = Array.from({ length: 10 * words.length + 1 }, (_, n) => n / 10 - 0.5);
    bars.set({
      x: { from: -0.5, to: last + 0.5, ticks: words.map((_, j) => j), format: (j) => words[j] },
      y: { label: hard ? tr("probability") : tr("weight"), from: 0, to: 1.2, ticks: [0, 0.5, 1] },
      marks: local ? [state.place === "local-p" ? state.p : state.t] : [],
      series: [
        ...(local ? [{ shape: "line", colour: "grey", width: 1.5, fill: paint("grey"),
          name: tr("window"), points: [[from, 0], [from, 1], [to, 1], [to, 0]] }] : []),
        { shape: "bars", colour: "blue", points: points(hard ? chosen : weights) },
        ...(hard || state.place === "local-p" ? [{ shape: "levels", colour: "text",
          points: points(hard ? shares : chosen) }] : []),
        ...(state.place === "local-p" ? [{ shape: "line", colour: "orange", dash: "7 4",
          name: tr("Gaussian g"), points: curve.map((x) =>
            [x, Math.exp(-0.5 * ((x - state.p) / (state.D / 2)) ** 2)]) }] : []),
        { shape: "points", colour: "green", diamond: true, points: [[needed[state.t], 1.1]] },
      ],
    });
    look.textContent = [
      hard ? tr("Bars: the probability of each word. Short lines: its share of the draws.")
        : state.place === "local-p"
          ? tr("Bars: the weights. Short lines: what they were before the Gaussian.")
          : tr("Bars: the weights."),
      tr("Green diamond: the word that step {t} needs.", { t: state.t }),
      ...(local ? [tr("Dashed line: the middle of the window.")] : []),
      tr("In the plane: the words’ vectors h, the query s, and the context c in orange; the " +
        "thicker its line to a word, the more weight."),
      ...(hard ? [tr("Purple diamond: the mean of the contexts drawn; the orange one is the soft " +
        "context.")] : []),
    ].join(" ");
  }

  // The words' vectors as points, the query and the context among them.
  function drawPlane(state, { weights, context }, mean) {
    const line = (points, look) => ({ shape: "line", points, ...look });
    const diamond = (point, colour, hollow) =>
      ({ shape: "points", points: [point], colour, diamond: true, hollow });
    plane.set({
      x: { label: tr("first entry of h"), from: -2.9, to: 2.9, ticks: [-2, 0, 2] },
      y: { label: tr("second entry of h"), from: -2.4, to: 3.1, ticks: [-2, 0, 2] },
      series: [
        ...indices(weights, (weight) => weight > 0).map((j) =>
          line([context, keys[j]], { colour: "blue", width: 9 * weights[j] })),
        line([[0, 0], queries[state.t]], { colour: "green", dash: "3 3", name: tr("query s") }),
        // Of words with the same vector, one name.
        ...indices(words, (word, j) => words.indexOf(word) === j).map((j) => ({ shape: "points",
          points: [keys[j]], colour: "blue", name: words[j],
          dy: keys[j][1] ? 5 : 20, // not on the axis
          ...(keys[j][0] < 0 ? { dx: -13, anchor: "end" } : { dx: 13, anchor: "start" }) })),
        diamond(context, "orange", false),
        ...(mean ? [diamond(mean, "purple", true)] : []),
      ],
    });
  }

  const start = { score: "dot", place: "global", choice: "soft", t: data.step, D: 2, temperature: 1,
    draws: 0 };
  predict(start);
  figure.run(start, (state) => {
    const found = attend(data, state);
    const hard = state.choice === "hard";
    const { counts, last: latest } = draw(found.chosen, hard ? state.draws : 0, seed);
    const count = total(counts);
    const contexts = count ? drawnContexts(data, found, counts) : null;
    const shares = counts.map((times) => (count ? times / count : 0));
    const cell = (value) => (value === -Infinity ? "−∞" : fixed(value, DIGITS));
    const show = (part, columns, sums) => part.set([
      ...words.map((word, j) => [`${j} ${word}`, ...columns.map((column) => column[j])]),
      [tr("sum"), ...sums],
    ], needed[state.t]);

    halfWidth.hidden = state.place === "global";
    centre.hidden = narrowed.node.hidden = state.place !== "local-p";
    drawing.hidden = drawn.node.hidden = !hard;
    spread.hidden = !contexts;
    gradient.textContent = describeGradient(state, found);
    question.replaceChildren(phrase([
      tr("The query of step {t} is s = {s}."),
      state.score === "location"
        ? tr("The score of a place is its entry of s W, whatever word stands there; before the " +
          "choice it is divided by τ.")
        : tr("The score of a key h is e = {formula}; before the choice it is divided by τ."),
      ...(state.place === "local-p"
        ? [tr("The model predicts p = {length} sigmoid(tanh(s {W}) {v}) = {p}.")] : []),
    ].join(" "), { t: state.t, s: vector(queries[state.t]), formula: FORMULAS[state.score],
      length: words.length, W: indexed("W", "p"), v: indexed("v", "p"),
      p: fixed(predictedPlace(data, state.t), 2) }));
    drawBars(state, found, shares);
    drawPlane(state, found, contexts?.mean);
    const [e, alpha, g, used, share] = [found.scores, found.chosen, found.gaussian, found.weights,
      shares].map((column) => column.map(cell));
    const sum = cell(total(found.chosen));
    show(step, [e, found.scores.map((one) => cell(one / state.temperature)), alpha], ["", "", sum]);
    show(narrowed, [alpha, g, used], [sum, "", cell(total(found.weights))]);
    show(drawn, [alpha, counts.map(String), share],
      [sum, String(count), cell(total(shares))]);
    spread.textContent = contexts ? tr("Over many runs of as many draws, the distance from the " +
      "soft context has a root mean square of {usual}. Four times as many draws halve it.",
    { usual: fixed(contexts.usual, DIGITS) }) : "";
    return describe(data, state, found, latest, contexts);
  });
}
