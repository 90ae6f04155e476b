// Scaled dot-product attention over the chapter's words, for one query at a time:
// softmax(Q K^T / sqrt(d_k) / temperature) V, with or without the division and a causal mask.

const DIGITS = 4;

function build(figure, { tokens, words, W_Q, W_K, W_V, temperatures }) {
  const [Q, K, V] = [W_Q, W_K, W_V].map((matrix) => words.map((x) => weightedSum(x, matrix)));
  const scores = Q.map((query) => K.map((key) => dot(query, key)));
  const d = K[0].length;
  const names = (places) => listed(places.map((j) => quoted(tokens[j])));

  // The four steps between scores and weights, for query i.
  function attend(i, { scaling, causal, temperature }) {
    const divisor = (scaling ? Math.sqrt(d) : 1) * temperature;
    const masked = scores[i].map((score, j) => (causal && j > i ? -Infinity : score / divisor));
    const weights = softmax(masked);
    return { masked, powers: masked.map(Math.exp), weights, output: weightedSum(weights, V) };
  }

  // What was found, then what each switch that is not at its usual place has changed.
  function describe(i, settings) {
    const { masked, weights, output } = attend(i, settings);
    const places = tokens.map((_, j) => j).filter((j) => masked[j] === Math.max(...masked));
    const first = places[0];
    const word = quoted(tokens[i]);
    const sentences = [trn(
      "{query} gives {weight} of its weight to {keys}; its output is {output}.",
      "{query} gives {weight} each to {keys}; its output is {output}.",
      places.length, { query: word, weight: fixed(weights[first], DIGITS), keys: names(places),
        output: vector(output, DIGITS) })];
    if (settings.causal) {
      const unseen = tokens.map((_, j) => j).slice(i + 1);
      const free = attend(i, { ...settings, causal: false }).weights.slice(i + 1);
      sentences.push(unseen.length
        ? tr("With the mask, {query} no longer sees {keys}; {weight} of the weight moves to what " +
          "it may see.", { query: word, keys: names(unseen), weight: fixed(total(free), DIGITS) })
        : tr("The mask changes nothing here: {query} is the last word and may see all.",
          { query: word }));
    }
    if (!settings.scaling || settings.temperature !== 1) {
      const usual = attend(i, { ...settings, scaling: true, temperature: 1 }).weights[first];
      const values = { key: quoted(tokens[first]), before: fixed(usual, DIGITS), d,
        after: fixed(weights[first], DIGITS) };
      sentences.push(values.before === values.after
        ? tr("With the division by √{d} and at temperature 1, the weight of {key} is {after} as " +
          "well.", values)
        : tr("With the division by √{d} and at temperature 1, the weight of {key} is {before}; " +
          "here it is {after}.", values));
    }
    return sentences.join(" ");
  }

  figure.add(
    figure.group(
      figure.choice("query", { label: tr("Query word"),
        options: tokens.map((token, i) => [i, token]) }),
      figure.checkbox("scaling", { label: tr("divide by √{d}", { d }) }),
      figure.checkbox("causal", { label: tr("causal mask") }),
    ),
    figure.group(
      figure.slider("temperature", { label: tr("Temperature"), values: temperatures })),
  );
  const question = note();
  const steps = table({
    caption: tr("One query, step by step"),
    columns: [tr("key"), "k", tr("score q · k"), tr("score used"), tr("exp(score used)"),
      tr("weight"), tr("value v"), tr("weight × v")],
  });
  const shares = bars({ labels: tokens, label: tr("Weight of each key"), digits: DIGITS });
  const matrix = heatmap({ caption: tr("All weights: queries are rows, keys are columns"),
    corner: tr("query"), rows: tokens, columns: tokens });
  figure.add(figure.sentence, question, steps.node,
    note(tr("The score used is the score after the divisions and the mask. The last column adds " +
      "up to the output. Numbers are rounded, so the last digits of a column may not add up " +
      "exactly.")), shares.node, matrix.node);

  figure.run({ query: 0, scaling: true, causal: false, temperature: 1 },
    ({ query: i, ...settings }) => {
      const { masked, powers, weights, output } = attend(i, settings);
      const shown = (found) => found.weights.map((weight, j) =>
        (found.masked[j] === -Infinity ? NaN : weight));

      const values = { query: quoted(tokens[i]), W: indexed("W", "Q"), x: vector(words[i]),
        q: vector(Q[i]), d, root: fixed(Math.sqrt(d), DIGITS), temperature: settings.temperature };
      question.replaceChildren(phrase(settings.scaling
        ? tr("The query of {query} is q = x {W} = {x} {W} = {q}. Its scores are divided by √{d} = " +
          "{root}, then by the temperature {temperature}.")
        : tr("The query of {query} is q = x {W} = {x} {W} = {q}. Its scores are divided by 1 (no " +
          "scaling), then by the temperature {temperature}."), values));
      steps.set([
        ...tokens.map((token, j) => [token, vector(K[j]), String(scores[i][j]),
          masked[j] === -Infinity ? "−∞" : fixed(masked[j], DIGITS), magnitude(powers[j], 2),
          fixed(weights[j], DIGITS), vector(V[j]),
          vector(weightedSum([weights[j]], [V[j]]), DIGITS)]),
        [tr("sum"), "", "", "", magnitude(total(powers), 2), fixed(total(weights), DIGITS), "",
          vector(output, DIGITS)],
      ]);
      shares.set(shown({ masked, weights }));
      matrix.set(tokens.map((_, row) => shown(attend(row, settings))), i);
      return describe(i, settings);
    });
}
