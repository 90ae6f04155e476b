"""Run one notebook with nbclient and store what came out; executed by Colab's stand-in.

Usage: python run_notebook.py NOTEBOOK RESULT. The kernel works in the notebook's folder.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(notebook: Path, result: Path) -> None:
    """Run every cell, go on after an error, and write the executed notebook."""
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    client.execute()
    nbformat.write(content, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
