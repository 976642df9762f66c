// Forms that ask the browser for a passkey before they are sent (templates/account/_passkey.html).

// On the document: the page is put together anew when it learns the browser's time zone.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.passkey || form.elements.credential.value) return;
  event.preventDefault();
  ask(form);
});

async function ask(form) {
  const problem = form.querySelector("[role=alert]");
  problem.hidden = true;
  try {
    const options = await optionsFor(form);
    // webauthnJSON: mfa/js/webauthn-json.js, which comes with django-allauth.
    const credential =
      form.dataset.passkey === "create"
        ? await webauthnJSON.create(thatLogsInAlone(options.creation_options))
        : await webauthnJSON.get(options.request_options);
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch {
    // Turned away, run out, or not there: the other ways are on the same page.
    problem.hidden = false;
  }
}

async function optionsFor(form) {
  if (!form.dataset.optionsUrl) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  return answer.json();
}

/** Asks for one that is kept on the device and wants a finger or a PIN, so that it is two factors by itself. */
function thatLogsInAlone(options) {
  Object.assign(options.publicKey.authenticatorSelection, {
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  });
  return options;
}
