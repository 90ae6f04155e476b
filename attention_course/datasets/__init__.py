"""Data sets of the course: real reviews, own reviews and small synthetic tasks."""
