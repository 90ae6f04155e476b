"""Everything a chapter draws with, under one name; each figure carries a description in words.

``style`` has colours and the empty figure, ``charts`` lines and bars, ``heatmaps`` matrices,
``tokens`` shaded words; ``svg`` turns all of them into what a cell shows.
"""

# ruff: noqa: F401
from attention_course.display.charts import bars, lines
from attention_course.display.heatmaps import draw_heatmap, heatmap, heatmaps
from attention_course.display.style import COLOURS, DASHES, PlotError, figure, line_style
from attention_course.display.svg import show, svg
from attention_course.display.tokens import token_weights
