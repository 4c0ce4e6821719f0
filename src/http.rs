//! REST: routes, extractors, problems and pages.
