// Starts Swagger UI. A file of its own, because the pages' policy allows nothing inline.
"use strict";

const place = document.getElementById("swagger-ui");

window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  displayRequestDuration: true,
  // Signed-in state ends with the tab: a token in local storage outlives its session.
  persistAuthorization: false,
  // Asks no other server about the document.
  validatorUrl: null,
});
