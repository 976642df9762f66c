// Where many people of one network book, a page has a challenge: the browser works on it for a moment, in the background,
// and the form takes the solution along. Without script the form works as well, and nothing is kept meanwhile.

function begin(element) {
  element.dataset.begun = "";
  const challenge = JSON.parse(element.dataset.challenge);
  const worker = new Worker(element.dataset.worker);
  worker.addEventListener("message", ({ data }) => {
    worker.terminate();
    const field = element.closest("form")?.elements.namedItem("work");
    if (field && data?.derivedKey) field.value = btoa(JSON.stringify({ challenge, solution: data }));
  });
  worker.postMessage({ type: "work", challenge });
}

function look() {
  for (const element of document.querySelectorAll("[data-challenge]:not([data-begun])")) begin(element);
}

document.addEventListener("htmx:after:swap", look);
look();
