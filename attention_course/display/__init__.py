"""What a chapter shows: plots, pictures, quizzes, records."""

from attention_course.display.images import show_image
from attention_course.display.quiz import show_quiz

__all__ = ["show_image", "show_quiz"]
