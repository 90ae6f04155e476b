// Chapter 2: the norm of d h_T / d h_t, step by step back, under the reader's hand.

// The largest singular value. Its square is the largest eigenvalue of A = M Mᵀ, and the trace of
// A^N is the sum of the N-th powers of them all, of which the largest is all that counts when N is
// large. So A is squared again and again, and brought to the trace 1 each time.
function spectralNorm(matrix) {
  let power = matrix.map((row) => matrix.map((other) => dot(row, other)));
  let logarithm = 0;
  for (let share = 1 / 2; share > 1e-9; share /= 2) {
    const trace = total(power.map((row, place) => row[place]));
    logarithm += share * Math.log(trace);
    const scaled = power.map((row) => row.map((value) => value / trace));
    power = scaled.map((row) => scaled.map((other) => dot(row, other))); // rows are columns
  }
  return Math.exp(logarithm);
}

// The norm of J_T J_(T-1) ... J_(t+1) for 0, 1, 2, ... factors, J_t = diag(slopes_t) U^T.
function normsBack(slopes, U) {
  let product = U.map((_, row) => U.map((__, column) => Number(row === column)));
  const norms = [spectralNorm(product)];
  for (let t = slopes.length - 1; t > 0; t -= 1) {
    const scaledTransposed = U.map((_, i) => U.map((row) => slopes[t][i] * row[i]));
    product = product.map((row) => weightedSum(row, scaledTransposed));
    norms.push(spectralNorm(product));
  }
  return norms;
}

// Three digits that count, or a few more; powers of ten for what is tiny, and from 10⁴ on.
function amount(value) {
  const digits = [[0.01, 5], [1, 4], [100, 3], [Infinity, 0]].find(([limit]) => value < limit)[1];
  return magnitude(value, digits, 9999.5);
}

// Powers of ten to show above and below 1: doubled until the first two curves fit.
function decadesFor(curves) {
  const wanted = Math.max(...curves.slice(0, 2).flat().map((value) => Math.abs(Math.log10(value))));
  return 3 * 2 ** Math.max(0, Math.ceil(Math.log2(wanted / 3)));
}

const ROWS = [1, 2, 5, 10, 20, 30, 40, 50, 60];

function build(figure, { matrices, drive, start }) {
  // All matrices have spectral radius 1.
  const normsAtRadiusOne = matrices.map(({ entries }) => spectralNorm(entries));
  figure.add(figure.group(
    figure.choice("matrix", { label: tr("Recurrent matrix U"),
      options: matrices.map(({ name }, place) => [place, name]) }),
    figure.slider("radius", { label: tr("Spectral radius of U"), min: 0.5, max: 3, step: 0.05,
      format: (radius) => fixed(radius, 2) }),
    figure.slider("length", { label: tr("Sequence length T"), min: 2, max: drive.length,
      format: (length) => trn("{count} word", "{count} words", length) }),
    figure.checkbox("tanh", { label: tr("with the tanh") }),
  ));
  const picture = plot({ height: 220, width: 430 });
  const numbers = table({ caption: tr("Norm of the Jacobian from the last state back"), columns: [
    tr("steps back"), tr("norm"), tr("radius to this power"), tr("bound: norm of U to this power")] });
  figure.add(figure.sentence, picture.node, numbers.node);

  const looks = [
    { name: tr("norm"), colour: "blue", width: 5 },
    { name: tr("radius to the power of the steps"), colour: "orange", width: 2.5, dash: "9 6" },
    { name: tr("bound: norm of U to that power"), colour: "text", width: 2, dash: "2 6" },
  ];

  figure.run(start, (state) => {
    const U = matrices[state.matrix].entries.map((row) => row.map((x) => state.radius * x));
    const normOfU = state.radius * normsAtRadiusOne[state.matrix];
    const states = recurrent(drive.slice(0, state.length), U, state.tanh ? Math.tanh : Number);
    const slopes = states.map((h) => h.map((value) => (state.tanh ? 1 - value ** 2 : 1)));
    const norms = normsBack(slopes, U);
    const steps = state.length - 1;
    const curves = [norms, norms.map((_, power) => state.radius ** power),
      norms.map((_, power) => normOfU ** power)];

    const decades = decadesFor(curves);
    const powers = [-3, -2, -1, 0, 1, 2, 3].map((third) => (decades * third) / 3);
    picture.set({
      x: { label: tr("steps back, T − t"), from: 0, to: drive.length - 1,
        ticks: [0, 10, 20, 30, 40, 50, 60] },
      y: { from: 10 ** -decades, to: 10 ** decades, log: true,
        ticks: powers.map((power) => 10 ** power),
        format: (value) => powerOfTen(Math.round(Math.log10(value))) },
      series: curves.map((values, place) => ({ shape: "line", ...looks[place],
        points: values.map((value, step) => [step, value]) })),
    });
    const shown = [...ROWS.filter((row) => row < steps), steps];
    numbers.set(shown.map((row) => [String(row), ...curves.map((values) => amount(values[row]))]),
      shown.length - 1);

    const factor = norms[steps];
    const peak = norms.indexOf(Math.max(...norms));
    const slope = total(slopes.flat()) / slopes.flat().length;
    return [
      trn("Over {count} step back a gradient is multiplied by at most {factor}.",
        "Over {count} steps back a gradient is multiplied by at most {factor}.",
        steps, { factor: amount(factor) }),
      factor < 0.1 ? tr("It vanishes.")
        : factor > 10 ? tr("It explodes.") : tr("It neither vanishes nor explodes."),
      ...(peak > 0 && norms[peak] > 2 * Math.max(factor, 1)
        ? [trn("On the way it climbs to {norm}, {count} step back.",
          "On the way it climbs to {norm}, {count} steps back.", peak,
          { norm: amount(norms[peak]) })] : []),
      tr("U has radius {radius} and norm {norm}.",
        { radius: fixed(state.radius, 2), norm: fixed(normOfU, 2) }),
      state.tanh ? tr("The mean slope is {slope}.", { slope: fixed(slope, 2) })
        : tr("The slope is 1 everywhere, because there is no tanh."),
    ].join(" ");
  });
}
