// Stands between Sphinx' search and its index, in search.html. Sphinx looks words up in plain
// objects, in which "constructor" and "__proto__" are there without having been put there.
"use strict";

const setIndex = Search.setIndex;
Search.setIndex = (index) => {
  const { hasOwnProperty } = Object.prototype; // all that Sphinx takes from a plain object
  const nothing = Object.assign(Object.create(null), { hasOwnProperty });
  for (const words of [index.terms, index.titleterms]) Object.setPrototypeOf(words, nothing);
  setIndex(index);
};
