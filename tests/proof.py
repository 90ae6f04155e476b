"""Prove a checker: it accepts right answers and tells wrong ones apart."""

from attention_course.exercises import EXERCISES, check


def accepts(name, *answers):
    """The published solution and every other right answer pass."""
    namespace = {}
    exec(EXERCISES[name].solution, namespace)
    for answer in (namespace[EXERCISES[name].answer], *answers):
        verdict = check(name, answer)
        assert verdict.passed, f"{answer}: {verdict}"


def refuses(name, mutants, fewest=6):
    """Every wrong answer is refused, each with words of its own.

    mutants  description -> (wrong answer, words its sentence must contain)
    """
    assert len(mutants) >= fewest, f"{name}: prove the checker with at least {fewest} mutants"
    sentences = {}
    for description, (answer, words) in mutants.items():
        verdict = check(name, answer)
        assert verdict.status == "wrong", f"{name} accepts a wrong answer: {description}"
        assert words.lower() in verdict.message.lower(), f"{description}: {verdict.message}"
        assert verdict.message not in sentences, (
            f"{description} and {sentences[verdict.message]} get the same words: {verdict.message}"
        )
        sentences[verdict.message] = description
