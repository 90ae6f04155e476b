// Scaled dot-product attention over the chapter's words, for one query at a time:
// softmax(Q K^T / sqrt(d_k) / temperature) V, with or without the division and a causal mask.

const DIGITS = 4;

// Rows of x times a matrix.
function times(rows, matrix) {
  return rows.map((row) => weightedSum(row, matrix));
}

function list(words) {
  const quoted = words.map((word) => `“${word}”`);
  return quoted.length < 2
    ? quoted.join("")
    : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}

function build(figure, data) {
  const { tokens, words, W_Q, W_K, W_V, temperatures } = data;
  const [Q, K, V] = [W_Q, W_K, W_V].map((matrix) => times(words, matrix));
  const scores = Q.map((query) => K.map((key) => dot(query, key)));
  const d = K[0].length;

  // The four steps between scores and weights, for query i.
  function attend(i, { scaling, causal, temperature }) {
    const divisor = (scaling ? Math.sqrt(d) : 1) * temperature;
    const scaled = scores[i].map((score) => score / divisor);
    const masked = scaled.map((score, j) => (causal && j > i ? -Infinity : score));
    const weights = softmax(masked);
    return { scaled, masked, powers: masked.map(Math.exp), weights,
      output: weightedSum(weights, V) };
  }

  // What was found, then what each switch that is not at its usual place has changed.
  function describe(i, settings) {
    const { masked, weights, output } = attend(i, settings);
    const highest = Math.max(...masked);
    const places = tokens.map((_, j) => j).filter((j) => masked[j] === highest);
    const first = places[0];
    const each = places.length > 1 ? "each to" : "of its weight to";
    const sentences = [`“${tokens[i]}” gives ${fixed(weights[first], DIGITS)} ${each} ` +
      `${list(places.map((j) => tokens[j]))}; its output is ${vector(output, DIGITS)}.`];
    if (settings.causal) {
      const unseen = tokens.slice(i + 1);
      const free = attend(i, { ...settings, causal: false }).weights;
      const freed = free.slice(i + 1).reduce((sum, weight) => sum + weight, 0);
      sentences.push(unseen.length
        ? `With the mask, “${tokens[i]}” no longer sees ${list(unseen)}; ` +
          `${fixed(freed, DIGITS)} of the weight moves to what it may see.`
        : `The mask changes nothing here: “${tokens[i]}” is the last word and may see all.`);
    }
    if (!settings.scaling || settings.temperature !== 1) {
      const usual = attend(i, { ...settings, scaling: true, temperature: 1 }).weights[first];
      const change = [settings.scaling ? null : `without the division by √${d}`,
        settings.temperature === 1 ? null : `at temperature ${settings.temperature}`]
        .filter(Boolean).join(" and ");
      const before = fixed(usual, DIGITS);
      const after = fixed(weights[first], DIGITS);
      sentences.push(before === after
        ? `The weight of “${tokens[first]}” is ${after} ${change} as it was before.`
        : `The weight of “${tokens[first]}” ${weights[first] > usual ? "rises" : "falls"} from ` +
          `${before} to ${after} ${change}.`);
    }
    return sentences.join(" ");
  }

  figure.add(
    figure.group(
      figure.choice("query", { label: "Query word",
        options: tokens.map((token, i) => [i, token]) }),
      figure.checkbox("scaling", { label: `divide by √${d}` }),
      figure.checkbox("causal", { label: "causal mask" }),
    ),
    figure.group(figure.slider("place", { label: "Temperature", min: 0,
      max: temperatures.length - 1, step: 1, format: (place) => String(temperatures[place]) })),
  );
  const question = figure.note();
  const steps = figure.table({
    caption: "One query, step by step",
    columns: ["key", "k", "score q · k", "score used", "exp(score used)", "weight", "value v",
      "weight × v"],
  });
  const bars = figure.bars({ labels: tokens, label: "Weight of each key", digits: DIGITS,
    limit: 1 });
  const matrix = figure.table({ caption: "All weights: queries are rows, keys are columns",
    columns: ["query", ...tokens] });
  const note = figure.note();
  note.textContent = "The score used is the score after the divisions and the mask. The last " +
    "column adds up to the output. Numbers are rounded, so the last digits of a column may not " +
    "add up exactly.";
  figure.add(figure.sentence, question, steps.node, note, bars.node, matrix.node);

  function shaded(weight, forbidden) {
    return element("span", { class: "ac-shaded",
      style: `background: rgba(43, 131, 198, ${(0.64 * weight).toFixed(3)})` },
    forbidden ? "masked" : fixed(weight, 3));
  }

  figure.run({ query: 0, scaling: true, causal: false, place: temperatures.indexOf(1) },
    ({ query: i, scaling, causal, place }) => {
      const settings = { scaling, causal, temperature: temperatures[place] };
      const { scaled, masked, powers, weights, output } = attend(i, settings);
      const hidden = (j) => masked[j] === -Infinity;

      const root = scaling ? `√${d} = ${fixed(Math.sqrt(d), DIGITS)}` : "1 (no scaling)";
      question.replaceChildren(`The query of “${tokens[i]}” is q = x `, indexed("W", "Q"),
        ` = ${vector(words[i])} `, indexed("W", "Q"), ` = ${vector(Q[i])}. Its scores are divided ` +
        `by ${root}, then by the temperature ${settings.temperature}.`);
      steps.set([
        ...tokens.map((token, j) => [token, vector(K[j]), String(scores[i][j]),
          hidden(j) ? "−∞" : fixed(scaled[j], DIGITS), magnitude(powers[j], 2),
          fixed(weights[j], DIGITS), vector(V[j]),
          vector(V[j].map((value) => weights[j] * value), DIGITS)]),
        ["sum", "", "", "", magnitude(powers.reduce((sum, power) => sum + power), 2),
          fixed(weights.reduce((sum, weight) => sum + weight), DIGITS), "",
          vector(output, DIGITS)],
      ]);
      bars.set(weights.map((weight, j) => (hidden(j) ? NaN : weight)));
      matrix.set(tokens.map((token, row) => {
        const found = attend(row, settings);
        return [token, ...found.weights.map((weight, j) =>
          shaded(weight, found.masked[j] === -Infinity))];
      }), i);
      return describe(i, settings);
    });
}
