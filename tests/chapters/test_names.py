"""One name, one meaning: whoever runs an earlier cell again finds the later ones as they were.

What a cell takes over from another must be bound in one cell only, stay as that cell left it, and
not be used up. The rule is read from the code; the last test runs the cells again.
"""

import ast
import builtins
import copy
import os
import random
import re
import symtable
from dataclasses import dataclass, field

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from attention_course import environment
from attention_course.book.execution import CELL_TIMEOUT
from attention_course.book.notebooks import CHAPTERS, ROOT, chapters, read
from attention_course.exercises import EXERCISES

STEMS = [path.stem for path in chapters()]
GIVEN = {*dir(builtins), "display", "get_ipython"}
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Behind these magics a cell is still Python; behind any other (`%%bash`) it is not.
PYTHON_MAGICS = {"%%time", "%%timeit", "%%capture", "%%prun"}
# Methods that change their object, functions that change their first argument.
LISTS = {"append", "extend", "insert", "pop", "clear", "sort", "reverse", "remove"}
SETS = {"add", "discard", "update", "setdefault", "popitem", "fill", "resize"}
MODELS = {"build", "compile", "fit", "adapt", "train_on_batch", "set_weights", "load_weights"}
CHANGING = LISTS | SETS | MODELS | {"assign", "assign_add", "assign_sub"}
CHANGING_FIRST = {"shuffle", "fill_diagonal", "copyto", "put_along_axis", "place"}
# What these make gives something else the next time it is asked.
GENERATORS = {"default_rng", "Generator", "RandomState", "Random", "SeedGenerator"}
ITERATORS = {"iter", "zip", "map", "filter", "enumerate", "reversed", "open"}


@dataclass
class Use:
    """The names outside of it that some code reads, and those whose objects it changes."""

    reads: set = field(default_factory=set)
    changes: set = field(default_factory=set)


def base(node):
    """The name that `name.part[index]` starts with, or None for anything computed."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changed(node):
    """Names whose objects the code changes in place."""
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute | ast.Subscript) and not isinstance(part.ctx, ast.Load):
            found.add(base(part))
        elif isinstance(part, ast.Call):
            method = part.func.attr if isinstance(part.func, ast.Attribute) else None
            if method in CHANGING:
                found.add(base(part.func))
            if method in CHANGING_FIRST and part.args:
                found.add(base(part.args[0]))
            found |= {base(keyword.value) for keyword in part.keywords if keyword.arg == "out"}
    return found - {None}


def handed_on(node):
    """Names that the code mentions without calling them: their objects may live on in others."""
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return {p.id for p in ast.walk(node) if isinstance(p, ast.Name) and id(p) not in called}


def is_used_up(value):
    """True for a generator of random numbers, and for an iterator, which ends."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in GENERATORS | ITERATORS
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr in GENERATORS
    return isinstance(value, ast.GeneratorExp)


class AsGenerators(ast.NodeTransformer):
    """Comprehensions as generators, which keep a scope of their own; from Python 3.12 on the
    others have none.
    """

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def outside(node):
    """What a statement uses at once, what its functions use when they are called, what it binds."""
    plain = AsGenerators().visit(copy.deepcopy(node))
    top = symtable.symtable(ast.unparse(ast.fix_missing_locations(plain)), "cell", "exec")
    now, later, binds = Use(), Use(), set()
    tables = [(top, False)]
    for table, waits in tables:
        for symbol in table.get_symbols():
            if symbol.is_global() or table is top:
                if symbol.is_referenced():
                    (later if waits else now).reads.add(symbol.get_name())
                if symbol.is_assigned() or symbol.is_imported():
                    (later.changes if waits else binds).add(symbol.get_name())
        for child in table.get_children():
            delays = child.get_type() == "function" and child.get_name() != "genexpr"
            tables.append((child, waits or delays))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        now.reads.add(node.target.id)
    now.reads -= {part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr)}
    for use in (now, later):
        use.changes |= changed(node) & use.reads
    return now, later, binds


def imported(node):
    """The names that a statement imports, each with what it stands for."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return {}
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    whole = {a.asname or a.name.partition(".")[0]: a for a in node.names}
    return {name: module + (a.name if module or a.asname else name) for name, a in whole.items()}


def python(source):
    """The Python of a cell: IPython's lines become calls, other languages nothing."""
    source = re.sub(r"^(\s*)%time ", r"\1", source.lstrip(), flags=re.MULTILINE)
    if source.startswith("%%"):
        magic, _, source = source.partition("\n")
        if magic.split()[0] not in PYTHON_MAGICS:
            return ""
    return TransformerManager().transform_cell(source)


class Cell:
    """One code cell: what it binds, what it takes from other cells, what it does to that."""

    def __init__(self, source, earlier):
        self.earlier = earlier  # name -> what a function of an earlier cell uses
        self.functions = {}  # the same for this cell
        self.bound = set()  # at this point of the cell
        self.binds = {}  # name -> the import that it stands for, or None
        self.parts_of = {}  # name -> the names whose objects it shares
        self.used_up = set()
        self.use = Use()
        self.run(ast.parse(python(source)).body)
        for name in self.functions.keys() & self.bound:
            self.read(name)

    def run(self, statements):
        for statement in statements:
            self.step(statement)

    def step(self, node):
        """Follow one statement in the order in which Python executes it."""
        match node:
            case ast.For() | ast.AsyncFor():
                item = ast.Subscript(node.iter, ast.Constant(0), ast.Load())
                self.simple(ast.Assign([node.target], item, lineno=0), handed_on(node.iter))
                self.run(node.body + node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    target, value = item.optional_vars, item.context_expr
                    self.simple(
                        ast.Assign([target], value, lineno=0) if target else ast.Expr(value)
                    )
                self.run(node.body)
            case ast.If() | ast.While():
                self.simple(ast.Expr(node.test))
                self.branches(node.body, node.orelse)
            case ast.Try():
                bodies = [node.body + node.orelse]
                for handler in node.handlers:
                    error = ast.parse(f"{handler.name or '_'} = None").body
                    bodies.append([ast.Expr(handler.type or error[0].value), *error, *handler.body])
                self.branches(*bodies)
                self.run(node.finalbody)
            case _:
                self.simple(node)

    def branches(self, *bodies):
        """Behind branches that only is bound which each of them binds."""
        before, after = self.bound, []
        for body in bodies:
            self.bound = set(before)
            self.run(body)
            after.append(self.bound)
        self.bound = set.intersection(*after)

    def simple(self, node, parts=frozenset()):
        """Follow a statement without others in it: it reads first and binds last."""
        now, later, targets = outside(node)
        value = getattr(node, "value", None)
        if not isinstance(node, DEFINITIONS):
            later.reads |= handed_on(node) & now.reads & {*self.functions, *self.earlier}
            now.reads |= later.reads  # a lambda may be called at once
            now.changes |= later.changes
            parts = parts or {base(value)} - {None}
        for name in now.reads:
            self.read(name)
        for name in now.changes:
            self.change(name)
        for name in targets:
            self.bound.add(name)
            self.binds[name] = imported(node).get(name)
            self.parts_of[name] = parts - {name}
            self.functions.pop(name, None)
            if later.reads - GIVEN or later.changes:
                self.functions[name] = later
        if is_used_up(value):
            self.used_up |= {t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)}

    def read(self, name, from_outside=False, seen=frozenset()):
        """Note what is read of other cells with this name: also what its function uses."""
        own = name in self.bound and not from_outside
        if not own:
            self.use.reads.add(name)
        use = (self.functions if own else self.earlier).get(name, Use())
        if name not in seen:
            for inner in use.reads:
                self.read(inner, not own, seen | {name})
            for inner in use.changes:
                self.change(inner, not own)

    def change(self, name, from_outside=False, seen=frozenset()):
        """Note that an object is changed, and what it is a part of, if they are of other cells."""
        if name not in self.bound or from_outside:
            self.use.reads.add(name)
            self.use.changes.add(name)
        for whole in self.parts_of.get(name, set()) - seen:
            self.change(whole, seen=seen | {name})


def faults(notebook):
    """What a cell that is run again would do to the others, one sentence each."""
    cells, functions = {}, {}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cells[number] = Cell(cell.source, functions)
            functions = functions | cells[number].functions
    found = []
    for number, cell in cells.items():
        for name in sorted(cell.use.reads - GIVEN):
            meanings = {i: c.binds[name] or i for i, c in cells.items() if name in c.binds}
            if min(meanings, default=number) >= number:
                found.append(f"cell {number} reads {name}, which no earlier cell binds")
            elif len(set(meanings.values())) > 1:
                found.append(f"cell {number} reads {name}, which cells {sorted(meanings)} bind")
            if any(name in cells[i].used_up for i in meanings if i != number):
                found.append(f"cell {number} uses {name} up, which another cell makes")
            own = number in meanings or any(isinstance(m, str) for m in meanings.values())
            if name in cell.use.changes and not own:
                found.append(f"cell {number} changes {name}, which another cell makes")
    return found


def chapter(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


GOOD = {
    "a name of another cell": ("x = 1", "print(x)", "y = x + 1", "print(x, y)"),
    "a name bound anew before it is read": ("x = 1\nprint(x)", "x = 2\nprint(x)"),
    "a loop variable of one's own": ("for i in range(3):\n    print(i)",) * 2,
    "a variable of a comprehension": ("i = 1", "print([i for i in range(3)])", "print(i)"),
    "a parameter": ("x = 1", "def f(x):\n    return x\nprint(f(2))", "print(x, f(3))"),
    "a variable of a function": ("def f():\n    x = 1\n    return x", "x = 2\nprint(x, f())"),
    "an inner function": (
        "x = 1",
        "def f():\n    def g(x):\n        return x\n    return g(x)",
        "f()",
    ),
    "a function of itself": ("def f(n):\n    return n and f(n - 1)", "print(f(3))"),
    "a function that reads its own cell": ("def f():\n    return x\n\n\nx = 1\nprint(f())",) * 2,
    "a method": ("class A:\n    def f(self):\n        self.x = 1", "x = 2\nprint(x, A().f())"),
    "the same import": (
        "import numpy",
        "from a import b, c",
        "from a import b\nimport numpy\nb, c",
    ),
    "parts of a package": ("import a.b", "import a.c", "print(a)"),
    "an attribute of the same name": ("x = 1", "print(x)", "print(str.x, dict(x=2))"),
    "both branches": ("if True:\n    x = 1\nelse:\n    x = 2\nprint(x)", "print(x)"),
    "an error": ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)",) * 2,
    "a walrus": ("if (n := len('a')) > 0:\n    print(n)", "print([m for x in 'ab' if (m := x)])"),
    "with": (
        "with open('a') as file:\n    print(file)",
        "with open('b') as file:\n    print(file)",
    ),
    "IPython": ("%pip install x\nfiles = !ls", "!ls\nprint(files)", "%%bash\necho $x", "x?"),
    "a timed cell": ("%%time\nx = 1", "print(x)", "%time y = x", "print(y)"),
    "a generator in each cell": ("rng = np.random.default_rng(0)\nrng.normal()",) * 2,
    "an unpacked generator": ("a, b = (i for i in range(2))", "print(a, b)"),
    "an object of one's own": ("x = []\nx.append(1)\nx[0] = 2", "print(x)"),
    "names that share": ("a = [[]]\nb = a[0]\na = b\nb.append(1)", "print(a, b)"),
    "a copy": ("x = [1]", "y = x.copy()\ny[0] = 2\nz = x[0] + 1\nz += 1", "print(x)"),
    "a call of an import": ("import models", "models.build('a')", "models.sort(1)"),
}


@pytest.mark.parametrize("sources", GOOD.values(), ids=GOOD)
def test_good_chapters_are_accepted(sources):
    assert faults(chapter("import np", *sources)) == []


TWO = "reads x, which cells [0, 2] bind"
BAD = {
    "bound again later": (("x = 1", "print(x)", "x = 2"), TWO),
    "bound twice before": (("x = 1", "x = 2", "print(x)"), "reads x, which cells [0, 1] bind"),
    "bound anew from itself": (("x = 1", "x = x + 1"), "cell 1 reads x, which cells [0, 1] bind"),
    "added to": (("x = 1", "x += 1"), "cell 1 reads x, which cells [0, 1] bind"),
    "deleted": (("x = 1", "print(x)", "x = 3\ndel x"), TWO),
    "a loop variable": (("for x in 'ab':\n    pass", "print(x)", "for x in 'c':\n    pass"), TWO),
    "an import": (("from a import x", "print(x)", "from b import x"), TWO),
    "a function": (("def x():\n    pass", "x()", "def x():\n    pass"), TWO),
    "a class": (("class x:\n    pass", "x()", "class x:\n    pass"), TWO),
    "with": (("x = 1", "print(x)", "with open('a') as x:\n    pass"), TWO),
    "a walrus": (("x = 1", "print(x)", "print([x := i for i in 'ab'])"), TWO),
    "read in a comprehension": (("x = 1", "print([x for i in 'ab'])", "x = 2"), TWO),
    "read in an f-string": (("x = 1", "print(f'{x:.2f}')", "x = 2"), TWO),
    "read in a branch": (("x = 1", "if True:\n    print(x)", "x = 2"), TWO),
    "bound in one branch": (("x = 1", "if y := 1:\n    x = y\nprint(x)"), "cells [0, 1] bind"),
    "read as a default": (("x = 1", "def f(a=x):\n    pass", "x = 2"), TWO),
    "read in a class": (("x = 1", "class A:\n    y = x", "x = 2"), TWO),
    "read by a function": (("x = 1", "def f():\n    return x", "x = 2"), TWO),
    "read by a function that is called": (
        ("def f():\n    return x\n\n\nx = 1", "x = 2\nf()"),
        "reads x, which cells [0, 1] bind",
    ),
    "called before it is bound": (
        ("x = 1", "def f():\n    return x\n\n\nf()\nx = 2"),
        "[0, 1] bind",
    ),
    "read by a function of a function": (
        ("x = 1\ndef f():\n    return x", "def g():\n    return f()", "x = 2", "g()"),
        TWO,
    ),
    "read by a lambda": (("x = 1\nf = lambda: x", "f()", "x = 2"), TWO),
    "read by a method": (
        ("class A:\n    def f(self):\n        return x\n\n\nx = 1", "A().f()", "x = 2"),
        TWO,
    ),
    "read under another name": (
        ("x = 1\ndef f():\n    return x\ng = {'f': f}", "g['f']()", "x = 2"),
        TWO,
    ),
    "set by a function": (("x = 1", "def f():\n    global x\n    x = 2\n\n\nf()"), "changes x"),
    "a magic": (("%time x = 1", "print(x)", "%%time\nx = 2"), TWO),
    "a shell": (("x = !ls", "print(x)", "x = !pwd"), TWO),
    "bound nowhere": (("print(x)",), "cell 0 reads x, which no earlier cell binds"),
    "bound too late": (("print(x)", "x = 1"), "cell 0 reads x, which no earlier cell binds"),
    "an error that is over": (
        ("try:\n    pass\nexcept ValueError as x:\n    pass", "x = 1", "print(x)"),
        "[0, 1] bind",
    ),
    "an entry set": (("x = [1]", "x[0] = 2"), "cell 1 changes x, which another cell makes"),
    "an entry added to": (("x = [1]", "x[0] += 2"), "cell 1 changes x"),
    "an entry deleted": (("x = [1]", "del x[0]"), "cell 1 changes x"),
    "an attribute": (("x = f = print", "x.y = 2"), "cell 1 changes x"),
    "an attribute by a loop": (("x = [1]", "for x[0] in 'ab':\n    pass"), "cell 1 changes x"),
    "an element added": (("x = []", "x.append(2)"), "cell 1 changes x"),
    "a part of a part": (("x = []", "x[0].layers[1].set_weights([])"), "cell 1 changes x"),
    "trained on": (("x = print()", "history = x.fit(1, 2)"), "cell 1 changes x"),
    "by another name": (("x = [[]]", "y = x[0]\ny.append(2)"), "cell 1 changes x"),
    "in a loop over it": (("x = [[]]", "for y in x:\n    y.append(2)"), "cell 1 changes x"),
    "by a function": (("x = []\ndef f():\n    x.append(1)", "f()"), "cell 1 changes x"),
    "by a lambda": (("x = []", "f = lambda: x.append(1)"), "cell 1 changes x"),
    "shuffled": (("x = [1]\nimport random", "random.shuffle(x)"), "cell 1 changes x"),
    "written into": (("x = [1]\nimport np", "np.exp(1, out=x)"), "cell 1 changes x"),
    "a generator of numbers": (
        ("import np\nrng = np.random.default_rng(0)", "print(rng.normal())"),
        "cell 1 uses rng up",
    ),
    "a generator handed on": (
        ("import np, f\nrng = np.random.default_rng(0)", "print(f(rng))"),
        "cell 1 uses rng up",
    ),
    "a generator in a function": (
        ("import np\nrng = np.random.default_rng(0)\ndef f():\n    rng.normal()", "f()"),
        "uses rng",
    ),
    "an iterator": (("x = zip('ab', 'cd')", "print(*x)"), "cell 1 uses x up"),
    "a generator": (("x = (i for i in 'ab')", "print(*x)"), "cell 1 uses x up"),
}


@pytest.mark.parametrize(("sources", "words"), BAD.values(), ids=BAD)
def test_each_fault_is_told(sources, words):
    assert words in " · ".join(faults(chapter(*sources)))


@pytest.mark.parametrize("stem", STEMS)
def test_a_name_means_one_thing_through_a_chapter(stem):
    assert faults(read(CHAPTERS / f"{stem}.ipynb")) == []


@pytest.mark.parametrize("stem", STEMS)
def test_a_solution_leaves_the_answer_of_the_student_alone(stem):
    answers = {exercise.called for exercise in EXERCISES.values()}
    cells = [cell for cell in read(CHAPTERS / f"{stem}.ipynb").cells if cell.cell_type == "code"]
    asked = {name for cell in cells for name in Cell(cell.source, {}).binds if name in answers}
    assert asked, f"{stem} has no exercise"
    for cell in cells:
        if "hide-input" in cell.metadata.get("tags", []):
            assert not answers & Cell(cell.source, {}).binds.keys(), cell.source


def shown(cell):
    """What a cell printed and showed, without HTML: figures are numbered within one process."""
    printed = "".join(o.text for o in cell.outputs if o.get("name") == "stdout")
    data = [output.get("data", {}) for output in cell.outputs]
    return printed, [(kind, d[kind]) for d in data for kind in d if kind != "text/html"]


@pytest.mark.thorough
@pytest.mark.parametrize("stem", STEMS)
def test_cells_that_run_again_show_the_same(stem, monkeypatch):
    """Each cell again after all of them: from the last one back to the first, then in any order."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(environment.EXECUTIONS_VARIABLE, raising=False)  # again on purpose
    notebook = read(CHAPTERS / f"{stem}.ipynb")
    places = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(CHAPTERS)}},
    )
    with client.setup_kernel(env=dict(os.environ)):
        for i in places:
            client.execute_cell(notebook.cells[i], i)
        first = {i: shown(notebook.cells[i]) for i in places}
        for i in [*places[::-1], *random.Random(stem).sample(places, len(places))]:
            client.execute_cell(notebook.cells[i], i)
            assert shown(notebook.cells[i]) == first[i], f"cell {i}"
