"""Helper package of the course on attention mechanisms.

Importing it is light on purpose: neither TensorFlow nor Keras is loaded until a module that
needs them (``layers``, ``models``, ``training``) is imported.
"""

__version__ = "1.0.0"
