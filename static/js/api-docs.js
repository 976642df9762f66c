// The interactive description of the API. Tokens that are typed in stay in this page and go with it.
const place = document.getElementById("api-docs");

SwaggerUIBundle({
  url: place.dataset.schema,
  dom_id: "#api-docs",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null, // ask nobody else
  presets: [SwaggerUIBundle.presets.apis],
});
