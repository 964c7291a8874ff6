// Who signed out of Labwerk has already said so: no second question.
document.querySelector('button[name=logout]').click();
