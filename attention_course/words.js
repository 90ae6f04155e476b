// The sentences of a script in the reader's language. WORDS, defined before this, maps English to a
// translation, and the form for one thing to the forms for one and for many; in English it is empty.
// See words.py.
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
function tr(text, values = {}) {
  return fill(WORDS[text] ?? text, values);
}
function trn(one, many, count, values = {}) {
  const [first, other] = WORDS[one] ?? [one, many];
  return fill(count === 1 ? first : other, { count, ...values });
}
