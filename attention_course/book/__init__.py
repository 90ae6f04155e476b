"""The book: how chapters are run and stored, and how pages are made."""
