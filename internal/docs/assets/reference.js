// Swagger UI with the code samples of each operation, which it does not show by itself.
'use strict';

window.addEventListener('DOMContentLoaded', () => {
  const remembered = 'plotwise-docs-language';

  // Samples stands above the answers of an operation.
  const samples = (system) => {
    const React = system.React;
    const h = React.createElement;
    return function Samples({ list }) {
      const labels = list.map((s) => s.label);
      const [label, choose] = React.useState(labels.includes(localStorage.getItem(remembered)) ? localStorage.getItem(remembered) : labels[0]);
      const source = list.find((s) => s.label === label).source;
      return h('div', { className: 'samples-of-code' },
        h('div', { className: 'opblock-section-header' },
          h('h4', { className: 'opblock-title' }, 'Code'),
          h('div', { role: 'tablist', 'aria-label': 'Language' }, labels.map((l) => h('button', {
            key: l, type: 'button', role: 'tab', 'aria-selected': l === label,
            onClick: () => { localStorage.setItem(remembered, l); choose(l); },
          }, l)))),
        h('pre', { className: 'microlight', tabIndex: 0 }, h('code', null, source)));
    };
  };
  // Optional parameters begin empty: their examples, all at once, would find nothing or exclude each other. What they were
  // is said instead.
  const unfilled = (document) => {
    for (const p of Object.values(document.components?.parameters ?? {}).concat(
      Object.values(document.paths ?? {}).flatMap((path) => Object.values(path)).flatMap((operation) => operation.parameters ?? []))) {
      if (p.required || p.example === undefined) continue;
      p.description = (p.description ?? '') + '\n\nFor example `' + p.example + '`';
      delete p.example;
    }
    return document;
  };
  const plugin = (system) => {
    const Samples = samples(system);
    return {
      statePlugins: { spec: { wrapActions: { updateJsonSpec: (original) => (document) => original(unfilled(document)) } } },
      wrapComponents: {
        responses: (Original) => (props) => {
          const found = props.specSelectors.specJson().getIn(['paths', props.path, props.method, 'x-codeSamples']);
          const h = system.React.createElement;
          return h(system.React.Fragment, null, found ? h(Samples, { list: found.toJS() }) : null, h(Original, props));
        },
        // An operation's path is part of the button that opens it, in which no link may stand.
        DeepLink: (Original) => (props) => {
          const h = system.React.createElement;
          return props.path.includes('/') ? h('span', null, props.text) : h(Original, props);
        },
      },
    };
  };

  // What has no name for those who do not see it gets one, and what scrolls can be reached by keyboard, whenever it appears.
  const swagger = document.getElementById('swagger');
  const name = (selector, of) => { for (const e of swagger.querySelectorAll(selector + ':not([aria-label])')) e.setAttribute('aria-label', of(e)); };
  new MutationObserver(() => {
    for (const e of swagger.querySelectorAll('.modal-btn[aria-label]')) e.removeAttribute('aria-label'); // which is not what it shows
    for (const e of swagger.querySelectorAll('pre:not([tabindex])')) e.tabIndex = 0;
    name('.servers select', () => 'Server');
    name('.examples-select-element', () => 'Example');
    name('[data-param-name] :is(input, select, textarea)', (e) => e.closest('[data-param-name]').dataset.paramName);
    name('.close-modal', () => 'Close');
    name('.copy-to-clipboard button', () => 'Copy');
  }).observe(swagger, { childList: true, subtree: true });

  window.ui = SwaggerUIBundle({
    url: '/docs/openapi.json',
    dom_id: '#swagger',
    deepLinking: true,
    filter: true,
    persistAuthorization: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    docExpansion: 'list',
    validatorUrl: null,
    plugins: [plugin],
    presets: [SwaggerUIBundle.presets.apis],
    layout: 'BaseLayout',
  });
});
