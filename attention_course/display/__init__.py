"""What a chapter shows: plots, pictures, quizzes, records."""
