// After jupyterquiz has built its questions: remove the note for pages without JavaScript, and
// give keyboards and screen readers what they need.
(function finish() {
  var quiz = document.getElementById("QUIZ");
  if (!quiz || !quiz.querySelector(".Feedback")) {
    setTimeout(finish, 200);
    return;
  }
  quiz.querySelectorAll(".QuizNote").forEach(function (note) {
    note.remove();
  });
  quiz.querySelectorAll(".Feedback").forEach(function (feedback) {
    feedback.setAttribute("role", "status");
  });
  quiz.querySelectorAll(".Quiz[data-qnum]").forEach(function (question) {
    var text = question.querySelector("[id^=quizQn]");
    var answers = question.querySelector(".Answer");
    answers.setAttribute("role", "group");
    answers.setAttribute("aria-labelledby", text.id);
    var input = question.querySelector(".Input-text");
    if (input) {
      var label = question.querySelector(".InpLabel");
      label.htmlFor = input.id;
      label.textContent = "Type a number, then press Enter:";
      input.autocomplete = "off";
      input.inputMode = "text";
    }
  });
  // jupyterquiz reads an empty box as the number 0.
  quiz.addEventListener(
    "keypress",
    function (event) {
      if (event.key === "Enter" && event.target.value === "") {
        event.stopPropagation();
      }
    },
    true
  );
})();
