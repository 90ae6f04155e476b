// The sentences of scripts, as words.py has those of Python: English is the source.
//
// A bundle puts its translations before this file, const WORDS = {English: translation}; what is
// counted has a list of its forms: {one: [one, many]}. Where WORDS is missing, all is in English.
const dictionary = new Map(Object.entries(typeof WORDS === "undefined" ? {} : WORDS));

// A sentence in the language of this edition, its braces filled: tr("Run {count}", { count: 3 }).
function tr(text, values) {
  return filled(dictionary.get(text) ?? text, values);
}

// The form of a sentence for `count` things; {count} stands for their number.
function trn(one, many, count, values) {
  const forms = dictionary.get(one) ?? [one, many];
  return filled(forms[count === 1 ? 0 : 1], { count, ...values });
}

function filled(text, values) {
  return values ? text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place) : text;
}
