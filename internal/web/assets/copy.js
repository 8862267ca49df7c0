// Code, and what is marked with data-copy, can be copied, where the browser lets pages do that: not without TLS.
'use strict';

for (const place of navigator.clipboard ? document.querySelectorAll('figure.code, [data-copy]') : []) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(place.dataset.copy ?? place.querySelector('code').textContent.trimEnd() + '\n');
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  place.append(button);
}
